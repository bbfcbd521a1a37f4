//! A token that is given back.

use core::fmt;

use super::SemaphoreOf;
use super::layout::Layout;
use crate::error::Result;

/// What a [`Permit`] gives its token back to: a semaphore in memory or a named one. Sealed.
pub trait Tokens: sealed::Sealed {
    #[doc(hidden)]
    fn give_back(&self) -> Result<()>;
}

pub(super) mod sealed {
    pub trait Sealed {}
}

/// A token taken from a semaphore; dropping it gives the token back.
///
/// Not if the process is killed meanwhile: a semaphore does not know who has its tokens.
#[must_use = "the token is given back at once if the permit is not kept"]
pub struct Permit<'semaphore, S: Tokens> {
    semaphore: &'semaphore S,
}

impl<'semaphore, S: Tokens> Permit<'semaphore, S> {
    pub(super) const fn new(semaphore: &'semaphore S) -> Self {
        Self { semaphore }
    }

    /// Keeps the token out of the semaphore: somebody else posts it, or it is used up.
    pub fn forget(self) {
        core::mem::forget(self);
    }
}

impl<S: Tokens> Drop for Permit<'_, S> {
    fn drop(&mut self) {
        // Only somebody who posts more than was taken can have brought the value to the maximum.
        let _ = self.semaphore.give_back();
    }
}

impl<S: Tokens> fmt::Debug for Permit<'_, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Permit").finish_non_exhaustive()
    }
}

impl<L: Layout> sealed::Sealed for SemaphoreOf<L> {}

impl<L: Layout> Tokens for SemaphoreOf<L> {
    fn give_back(&self) -> Result<()> {
        self.post()
    }
}
