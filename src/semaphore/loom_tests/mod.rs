//! The protocols in every interleaving, and with every stale value that the memory model allows: models for loom.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test --release --lib --target-dir target/loom loom_tests -- --nocapture
//! ```
//! With `--nocapture` each model says how many interleavings it tried: all of them if there are two threads, else those
//! with a few preemptions. It takes about four minutes on two processors.
//!
//! Each model runs for each layout, with our algorithm alone and mixed with the C library's on the same words
//! (`c_library`). A sleeper that nobody wakes is a deadlock, which loom reports; so every model also shows that no
//! wake-up is lost. That these models find such bugs at all is tested too, by planting some (`planted`).

mod c_library;
mod models;
mod planted;

use std::format;
use std::println;
use std::string::String;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::vec::Vec;

use loom::thread::JoinHandle;
use rustix::io::Result;

use super::protocol::Protocol;
use crate::futex::Scope;
use crate::futex::model::{Loads, Word, set_loads};
use crate::futex::{Forever, Patience, Tuning};
use crate::time::{Clock, Deadline, Time};

/// A protocol as the models need it, with the C library's algorithm on the same words if there is one.
trait Layout: Protocol + Sized + 'static {
    const NAME: &'static str;

    fn with_value(value: u32) -> Self;

    fn library_post(&self) -> Result<()> {
        unreachable!("no C library has this protocol")
    }

    /// Takes a token, by limited sleeps if there is a limit.
    fn library_wait(&self, _limit: Option<Deadline>) -> Result<()> {
        unreachable!("no C library has this protocol")
    }

    /// The words that change; the first is the one that is slept on.
    fn words(&self) -> Vec<&dyn Word>;
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
        match limit {
            None => words.wait(Scope::Shared, &Patience::new(Forever, tuning)),
            Some(limit) => words.wait(Scope::Shared, &Patience::new(limit, tuning)),
        }
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
fn join<T>(handles: impl IntoIterator<Item = JoinHandle<T>>) -> Vec<T> {
    handles.into_iter().map(|handle| handle.join().expect("no thread panics")).collect()
}

/// What must hold when nobody uses the semaphore any more.
fn assert_at_rest(words: &impl Layout, value: u32) {
    assert_eq!((words.value(), words.waiters()), (value, 0), "the value and the recorded waiters");
}

/// In which interleavings a model is tried: those in which threads are stopped at most so often while they could go on,
/// or all.
#[derive(Clone, Copy)]
struct Search {
    last: Option<usize>,
    /// With stale loads, each of which multiplies the interleavings.
    stale: Option<usize>,
}

/// `RAWIPC_FEWER_PREEMPTIONS` lowers each bound where time is short, as in CI: 1 saves nine tenths of it.
fn fewer(preemptions: usize) -> usize {
    let fewer = std::env::var("RAWIPC_FEWER_PREEMPTIONS").map_or(0, |text| text.parse().expect("a number"));
    preemptions.saturating_sub(fewer)
}

/// Tries the interleavings of a model: in each of them with loads that see the last value, then with stale ones too.
fn explore<L: Layout>(model: String, search: Search, body: impl Fn() + Send + Sync + 'static) {
    let body = Arc::new(body);
    for loads in [Loads::Last, Loads::Stale] {
        set_loads(loads);
        let count = Arc::new(AtomicUsize::new(0));
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = if loads == Loads::Last { search.last } else { search.stale }.map(fewer);
        let begin = Instant::now();
        let (body, counter) = (body.clone(), count.clone());
        builder.check(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            body();
        });
        let (count, seconds) = (count.load(Ordering::Relaxed), begin.elapsed().as_secs_f32());
        let bound = builder.preemption_bound.map_or("all".into(), |bound| format!("{bound} preemptions"));
        println!("{:>6} {model}, loads {loads:?}: {count} interleavings ({bound}), {seconds:.2} s", L::NAME);
    }
}
