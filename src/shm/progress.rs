//! Whether a shared value is whole.

use core::time::Duration;

use crate::futex::primitive::Ordering::{Acquire, Relaxed, Release};
use crate::futex::primitive::{AtomicU32, sleep, wake};
use crate::futex::{Scope, Slice};
use crate::shm::shareable;

const READY: u32 = 1;

/// How long a wait for another initializer sleeps before it looks at the lock again.
const LOOK: Duration = Duration::from_millis(5);

shareable! {
    /// Memory of zeros is a value that is not whole.
    pub(super) struct Progress {
        word: AtomicU32,
    }
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { word: AtomicU32::new(0) }
    }

    /// Returns `true` if this is a state at all.
    pub(super) fn is_known(&self) -> bool {
        self.word.load(Relaxed) <= READY
    }

    /// Returns `true` if the value is whole: then what was written before is seen.
    pub(super) fn is_complete(&self) -> bool {
        self.word.load(Acquire) == READY
    }

    /// The value is whole; those who wait for it are woken.
    pub(super) fn complete(&self) {
        self.word.store(READY, Release);
        wake(&self.word, i32::MAX as u32, Scope::Shared);
    }

    /// Sleeps a little, or until the value is whole. Whatever ends it, the caller looks again.
    pub(super) fn wait_a_little(&self) {
        let _ = sleep(&self.word, 0, Scope::Shared, Some(Slice::For(LOOK)));
    }
}
