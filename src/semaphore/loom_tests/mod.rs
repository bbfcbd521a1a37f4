//! The protocols in every interleaving, and with every stale value that the memory model allows: models for loom.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test --release --lib --target-dir target/loom loom_tests -- --nocapture
//! ```
//! With `--nocapture` each model says how many interleavings it tried. Where trying all of them takes too long, those with at most
//! three preemptions are tried.
//!
//! Each model runs for each layout, with our algorithm alone and mixed with the C library's on the same words (`c_library`). A sleeper
//! that nobody wakes is a deadlock, which loom reports; so every model also shows that no wake-up is lost. That these models find such
//! bugs at all is tested too, by planting some (`planted`).

mod c_library;
mod models;
mod planted;

use std::string::String;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use loom::thread::JoinHandle;
use rustix::io::{Errno, Result};

use super::layout::Scope;
use super::protocol::{Patience, Protocol, Tuning};
use crate::time::{Clock, Deadline, Time};

/// A layout as the models need it: ours, and the C library's algorithm on the same words.
trait Layout: Protocol + Sized + 'static {
    const NAME: &'static str;

    fn with_value(value: u32) -> Self;
    fn library_post(&self) -> Result<()>;
    /// Takes a token, by a limited sleep if there is a limit.
    fn library_wait(&self, limit: Option<Deadline>) -> Result<()>;
    /// Lets the limited sleeps end, with this error.
    fn end_limited_sleeps(&self, error: Errno);
    /// Unmaps the memory, as whoever took the last token may.
    fn bury(&self);
}

/// Whose algorithm a thread runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Ours,
    /// Ours, with one look and a pause before the sleep.
    Spinning,
    Library,
}
use Side::{Library, Ours, Spinning};

impl Side {
    fn post(self, words: &impl Layout) -> Result<()> {
        if self == Library { words.library_post() } else { words.post(Scope::Shared) }
    }

    /// As the public `wait` does it, with sleeps that last until they are ended or, if limited, time is over.
    fn wait(self, words: &impl Layout, limit: Option<Deadline>) -> Result<()> {
        if self == Library {
            return words.library_wait(limit);
        }
        if words.take() {
            return Ok(());
        }
        let tuning = Tuning { spin: u32::from(self == Spinning), recheck: Duration::ZERO };
        words.wait(Scope::Shared, &Patience::new(limit, tuning))
    }
}

/// A limit that only the model lets pass.
fn limit() -> Option<Deadline> {
    Some(Deadline::Monotonic(Time::now(Clock::Monotonic).saturating_add(Duration::from_secs(1 << 32))))
}

/// The semaphore and a thread that does something with it.
fn spawn<L: Layout, T: 'static>(words: &Arc<L>, action: impl FnOnce(&L) -> T + 'static) -> JoinHandle<T> {
    let words = words.clone();
    loom::thread::spawn(move || action(&words))
}

/// The threads' results, when all have ended.
fn join<T>(handles: impl IntoIterator<Item = JoinHandle<T>>) -> std::vec::Vec<T> {
    handles.into_iter().map(|handle| handle.join().expect("no thread panics")).collect()
}

/// What must hold when nobody uses the semaphore any more.
fn assert_at_rest(words: &impl Layout, value: u32) {
    assert_eq!((words.value(), words.waiters()), (value, 0), "the value and the recorded waiters");
}

/// How many preemptions of a thread to try.
#[derive(Clone, Copy)]
enum Search {
    All,
    Three,
}

/// Tries the interleavings of a model.
fn explore<L: Layout>(model: String, search: Search, body: impl Fn() + Send + Sync + 'static) {
    let count = Arc::new(AtomicUsize::new(0));
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = match search {
        Search::All => None,
        Search::Three => Some(3),
    };
    let begin = Instant::now();
    let counter = count.clone();
    builder.check(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        body();
    });
    let bound = builder.preemption_bound.map_or("all", |_| "three preemptions");
    let (count, seconds) = (count.load(Ordering::Relaxed), begin.elapsed().as_secs_f32());
    std::println!("{:>6} {model}: {count} interleavings ({bound}), {seconds:.2} s", L::NAME);
}
