//! A token that is given back.

use core::fmt;

use super::SemaphoreOf;
use super::abi::Layout;
use crate::error::Result;

/// What a token goes back to: a semaphore in memory or a named one.
pub(super) trait GiveBack: Sync {
    fn give_back(&self) -> Result<()>;
}

/// A token taken from a semaphore. Dropping it gives the token back.
///
/// Returned by `acquire`, `try_acquire`, `acquire_timeout` and `acquire_deadline` of both types of semaphores. If the
/// process is killed, the token stays taken: a semaphore does not know which process has its tokens. A child of `fork`
/// that drops its copy of a permit returns a token too: [`forget`](Self::forget) it there.
///
/// ```
/// use rawipc::Semaphore;
/// static SLOTS: Semaphore = Semaphore::new(1);
/// {
///     let _permit = SLOTS.acquire()?;
///     assert!(SLOTS.try_acquire().is_err());
/// }
/// SLOTS.try_acquire()?.forget(); // This token is used up.
/// assert_eq!(SLOTS.value(), 0);
/// # Ok::<(), rawipc::Error>(())
/// ```
#[must_use = "the token is given back at once if the permit is not kept"]
pub struct Permit<'semaphore> {
    semaphore: &'semaphore dyn GiveBack,
}

impl<'semaphore> Permit<'semaphore> {
    pub(super) const fn new(semaphore: &'semaphore dyn GiveBack) -> Self {
        Self { semaphore }
    }

    /// Keeps the token out of the semaphore, because it is used up or another thread or process posts it.
    pub fn forget(self) {
        core::mem::forget(self);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        // It fails only if the value is at its maximum, which is where a program posts more than it took.
        let _ = self.semaphore.give_back();
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Permit").finish_non_exhaustive()
    }
}

impl<L: Layout> GiveBack for SemaphoreOf<L> {
    fn give_back(&self) -> Result<()> {
        self.post()
    }
}
