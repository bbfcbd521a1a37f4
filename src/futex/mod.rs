//! Words that threads and processes sleep on.

mod courtesy;
#[cfg(all(test, loom))]
pub(crate) mod exploration;
#[cfg(loom)]
pub(crate) mod model;
mod patience;
pub(crate) mod primitive;

pub(crate) use courtesy::Courtesy;
pub use patience::Tuning;
pub(crate) use patience::{End, Forever, Nap, Patience, look_again};

/// Lets the processor rest so often.
pub(crate) fn pause(times: u32) {
    for _ in 0..times {
        primitive::spin_loop();
    }
}

/// Who may use a word in memory: how sleepers are found by the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All processes that map the memory (C's `sem_init` with `pshared` 1; all named semaphores).
    Shared,
    /// The threads of one process (C's `sem_init` with `pshared` 0).
    Private,
}
