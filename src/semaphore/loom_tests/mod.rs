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
//! wake-up is lost. That these models find such bugs at all is tested too, by planting some (`mutants`).

mod c_library;
mod models;
mod mutants;

use std::format;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use loom::thread::JoinHandle;
use rustix::io::Result;

use super::protocol::Protocol;
use crate::futex::exploration::{self, Search};
use crate::futex::model::Word;
use crate::futex::{Never, Scope, WaitPolicy, WaitTuning};
use crate::time::Deadline;

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
        let tuning = WaitTuning { spin: u32::from(self == Spinning), recheck_interval: None };
        match limit {
            None => words.wait(Scope::Shared, &mut WaitPolicy::new(Never, tuning)),
            Some(limit) => words.wait(Scope::Shared, &mut WaitPolicy::new(limit, tuning)),
        }
    }
}

/// The semaphore and a thread that does something with it.
fn spawn<L: Layout, T: 'static>(words: &Arc<L>, action: impl FnOnce(&L) -> T + 'static) -> JoinHandle<T> {
    let words = words.clone();
    loom::thread::spawn(move || action(&words))
}

/// What must hold when nobody uses the semaphore any more.
fn assert_at_rest(words: &impl Layout, value: u32) {
    assert_eq!((words.value(), words.waiters()), (value, 0), "the value and the recorded waiters");
}

/// Tries the interleavings of a model of a layout.
fn explore<L: Layout>(model: String, search: Search, body: impl Fn() + Send + Sync + 'static) {
    exploration::explore(&format!("{:>6} {model}", L::NAME), search, body);
}
