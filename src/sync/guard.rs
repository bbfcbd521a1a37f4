//! A locked mutex, and whether its last holder died.

use core::fmt;
use core::mem::forget;

use super::RobustMutex;
use super::peers::PeerId;

/// A [`RobustMutex`] that was locked: in order, or left behind by a holder that died. Returned by
/// [`RobustMutex::lock`] and its other forms.
///
/// ```
/// use rawipc::sync::Locked;
/// use rawipc::{RobustMutex, SharedMemory};
/// let memory = SharedMemory::anonymous(4096).create()?;
/// let mutex = RobustMutex::in_memory(&memory, 0)?;
/// let guard = match mutex.lock()? {
///     Locked::Consistent(guard) => guard,
///     Locked::OwnerDied(guard) => {
///         // Repair what the mutex guards.
///         guard.mark_consistent()
///     }
/// };
/// drop(guard);
/// # Ok::<(), rawipc::Error>(())
/// ```
#[must_use = "the mutex is unlocked at once if the guard is not kept"]
#[derive(Debug)]
pub enum Locked<'mutex> {
    /// The last holder unlocked the mutex.
    Consistent(RobustMutexGuard<'mutex>),
    /// A holder died with the lock, and no process has declared consistent since what the mutex guards.
    #[doc(alias = "EOWNERDEAD")]
    OwnerDied(InconsistentGuard<'mutex>),
}

impl<'mutex> Locked<'mutex> {
    /// Returns `true` if a holder died with the lock.
    #[must_use]
    pub const fn owner_died(&self) -> bool {
        matches!(self, Self::OwnerDied(_))
    }

    /// Returns the guard. If a holder died with the lock, calls `repair` first and declares the result consistent.
    ///
    /// If `repair` panics, the mutex becomes [`NotRecoverable`](crate::ErrorKind::NotRecoverable).
    pub fn recover(self, repair: impl FnOnce()) -> RobustMutexGuard<'mutex> {
        if self.owner_died() {
            repair();
        }
        self.mark_consistent()
    }

    /// Returns the guard, and declares that what the mutex guards is consistent, whether or not a holder died.
    pub fn mark_consistent(self) -> RobustMutexGuard<'mutex> {
        match self {
            Self::Consistent(guard) => guard,
            Self::OwnerDied(guard) => guard.mark_consistent(),
        }
    }
}

/// A locked [`RobustMutex`] whose data is consistent. Dropping the guard unlocks the mutex.
///
/// In a child of `fork` the lock is the parent's, and dropping an inherited guard does nothing.
#[must_use = "the mutex is unlocked at once if the guard is not kept"]
pub struct RobustMutexGuard<'mutex> {
    pub(super) mutex: &'mutex RobustMutex,
    pub(super) owner: PeerId,
}

/// A locked [`RobustMutex`] whose last holder died: what the mutex guards may be half changed.
///
/// Repair that, and call [`mark_consistent`](Self::mark_consistent). Dropping this guard instead makes the mutex
/// unusable for good: every later call fails with [`NotRecoverable`](crate::ErrorKind::NotRecoverable).
#[must_use = "the mutex becomes unusable if the guard is not marked consistent"]
pub struct InconsistentGuard<'mutex> {
    pub(super) mutex: &'mutex RobustMutex,
    pub(super) owner: PeerId,
}

impl<'mutex> InconsistentGuard<'mutex> {
    /// Declares that what the mutex guards is consistent again.
    ///
    /// # References
    /// [`pthread_mutex_consistent` in
    /// POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/pthread_mutex_consistent.html)
    #[doc(alias = "pthread_mutex_consistent")]
    pub fn mark_consistent(self) -> RobustMutexGuard<'mutex> {
        let Self { mutex, owner } = self;
        forget(self);
        if let Some(lock) = mutex.lock_of(owner) {
            lock.mark_consistent();
        }
        RobustMutexGuard { mutex, owner }
    }
}

impl Drop for RobustMutexGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(lock) = self.mutex.lock_of(self.owner) {
            lock.unlock();
        }
    }
}

impl Drop for InconsistentGuard<'_> {
    fn drop(&mut self) {
        if let Some(lock) = self.mutex.lock_of(self.owner) {
            lock.unlock_not_recoverable();
        }
    }
}

impl fmt::Debug for RobustMutexGuard<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RobustMutexGuard").finish_non_exhaustive()
    }
}

impl fmt::Debug for InconsistentGuard<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("InconsistentGuard").finish_non_exhaustive()
    }
}
