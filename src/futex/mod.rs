//! Words that threads and processes sleep on.

mod adaptive_spin;
#[cfg(all(test, loom))]
pub(crate) mod exploration;
#[cfg(loom)]
pub(crate) mod model;
pub(crate) mod primitive;
mod wait_policy;
#[cfg(loom)]
pub(crate) mod weakening;

pub(crate) use adaptive_spin::AdaptiveSpin;
pub use wait_policy::WaitTuning;
pub(crate) use wait_policy::{Expiry, Never, Slice, Unbroken, WaitPolicy, ignore_spurious};

/// Makes pauses of the processor.
pub(crate) fn pause(times: u32) {
    for _ in 0..times {
        primitive::spin_loop();
    }
}

/// The processes that use a word in memory: how the kernel finds sleepers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All processes that map the memory (C's `sem_init` with `pshared` 1; all named semaphores).
    Shared,
    /// The threads of one process (C's `sem_init` with `pshared` 0).
    Private,
}
