//! What the models of all protocols have in common: trying them in every interleaving, and looking for planted bugs.

use std::cell::Cell;
use std::env;
use std::format;
use std::println;
use std::process::Command;
use std::rc::Rc;
use std::string::String;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::vec::Vec;

use loom::cell::UnsafeCell;
use loom::thread::JoinHandle;

use super::model::{Loads, set_loads};
use super::weakening::print_reached;
use crate::time::{Clock, Deadline, Time};

/// In which interleavings a model is tried: those in which threads are stopped up to a number of times while they could
/// go on, or all.
#[derive(Clone, Copy)]
pub(crate) struct Search {
    pub(crate) last: Option<usize>,
    /// With stale loads, each of which multiplies the interleavings.
    pub(crate) stale: Option<usize>,
}

/// What can be tried in seconds, by the number of threads that do something.
pub(crate) const TWO_THREADS: Search = Search { last: None, stale: None };
pub(crate) const THREE_THREADS: Search = Search { last: Some(3), stale: Some(3) };
pub(crate) const FOUR_THREADS: Search = Search { last: Some(3), stale: Some(2) };

const FEWER: &str = "RAWIPC_FEWER_PREEMPTIONS";

/// `RAWIPC_FEWER_PREEMPTIONS` lowers each bound where time is short, as in CI: 1 saves nine tenths of it.
fn fewer(preemptions: usize) -> usize {
    let fewer = env::var(FEWER).map_or(0, |text| text.parse().expect("a number"));
    preemptions.saturating_sub(fewer)
}

/// Tries the interleavings of a model: in each of them with loads that see the last value, then with stale ones too.
pub(crate) fn explore(model: &str, search: Search, body: impl Fn() + Send + Sync + 'static) {
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
        println!("{model}, loads {loads:?}: {count} interleavings ({bound}), {seconds:.2} s");
    }
    print_reached();
}

/// A limit that only the model lets pass.
pub(crate) fn limit() -> Option<Deadline> {
    Some(Deadline::Monotonic(Time::now(Clock::Monotonic).saturating_add(Duration::from_secs(1 << 32))))
}

/// The threads' results, when all have ended.
pub(crate) fn join<T>(handles: impl IntoIterator<Item = JoinHandle<T>>) -> Vec<T> {
    handles.into_iter().map(|handle| handle.join().expect("no thread panics")).collect()
}

/// A number guarded by nothing but what is modelled: loom reports an access that is not ordered after the last one. The
/// threads are all one to the operating system, so cells and an `Rc` will do for the number itself.
#[derive(Clone)]
pub(crate) struct Guarded {
    access: Rc<UnsafeCell<()>>,
    number: Rc<Cell<u32>>,
}

impl Guarded {
    pub(crate) fn new() -> Self {
        Self { access: Rc::new(UnsafeCell::new(())), number: Rc::default() }
    }

    pub(crate) fn increment(&self) {
        self.access.with_mut(|_| self.number.set(self.number.get() + 1));
    }

    pub(crate) fn set(&self, number: u32) {
        self.access.with_mut(|_| self.number.set(number));
    }

    pub(crate) fn get(&self) -> u32 {
        self.access.with(|_| self.number.get())
    }
}

/// Set in the processes that are to fail.
const VARIABLE: &str = "RAWIPC_PLANTED";

/// Runs one test of this binary by itself, with its bug planted; it has to fail with this message.
pub(crate) fn assert_found(test: &str, message: &str) {
    let binary = env::current_exe().expect("a test is a file");
    let mut command = Command::new(binary);
    command.args(["--exact", test, "--nocapture"]).env(VARIABLE, "1");
    // What a search less deep does not find, a deep one has to.
    let output = command.env_remove(FEWER).output();
    let output = output.expect("a test can be run again");
    let text = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "the bug was not found:\n{text}");
    assert!(text.contains(message), "it failed for another reason:\n{text}");
}

pub(crate) fn is_planted() -> bool {
    env::var_os(VARIABLE).is_some()
}
