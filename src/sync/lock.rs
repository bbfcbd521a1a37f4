//! The lock's word and its protocol.
//!
//! | bits | content |
//! |---|---|
//! | 0–29 | the owner, 0 if there is none |
//! | 30 | an owner died, and what the lock guards has not been declared consistent since; without an owner: never will be |
//! | 31 | a waiter may sleep on the word |
//!
//! Locking is one exchange of 0 for the owner, unlocking one of anything for 0. A waiter sets bit 31 and sleeps for a
//! slice of its time; one that has slept keeps the bit set when it gets the lock, since others may still sleep. If a
//! slice ends and the owner is found dead, the waiter exchanges exactly that owner for itself.
//!
//! A process that is killed between unlocking and waking, or between being woken and taking the lock, costs others the
//! rest of their slice.

use rustix::io::{Errno, Result};

use super::peers::PeerId;
use crate::futex::primitive::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::futex::primitive::{AtomicU32, sleep, wake};
use crate::futex::{Expiry, Scope, WaitPolicy, ignore_spurious, pause};
use crate::shm::shareable;

pub(super) const CONTENDED: u32 = 1 << 31;
pub(super) const OWNER_DIED: u32 = 1 << 30;
const NOT_RECOVERABLE: u32 = OWNER_DIED;

/// How many pauses there are at most between two looks.
const LONGEST_STEP: u32 = 4;

/// Tells the lock which peers are dead.
pub(crate) trait Liveness {
    /// Returns `true` if no living peer is this owner. Asks the kernel.
    fn is_dead(&self, owner: PeerId) -> Result<bool>;
}

/// How the lock was got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acquired {
    /// Its last owner unlocked it.
    Clean,
    /// Its last owner died, or an earlier one did, and no owner has declared the state consistent since.
    OwnerDied,
}

shareable! {
    /// Memory of zeros is a free lock.
    pub(crate) struct Lock {
        pub(super) word: AtomicU32,
    }
}

const fn has_owner(word: u32) -> bool {
    word & PeerId::MASK != 0
}

impl Lock {
    /// Takes the lock if it is free and no owner has died with it.
    ///
    /// A process that reads the owner has to see that it is a peer, so this releases too.
    #[inline]
    pub(crate) fn try_lock_uncontended(&self, me: PeerId) -> bool {
        self.word.compare_exchange(0, me.bits(), AcqRel, Relaxed).is_ok()
    }

    /// Takes the lock if it is free, or if its owner is dead; EAGAIN if not, ENOTRECOVERABLE if no process ever can.
    pub(crate) fn try_lock(&self, me: PeerId, peers: &impl Liveness) -> Result<Acquired> {
        if self.try_lock_uncontended(me) {
            return Ok(Acquired::Clean);
        }
        let word = self.word.load(Relaxed);
        if !has_owner(word) {
            return self.take_unowned(word, me.bits()).ok_or(Errno::AGAIN)?;
        }
        self.steal_from_dead(me, 0, peers)?.ok_or(Errno::AGAIN)
    }

    /// Takes the lock, waiting as limited; ETIMEDOUT or EINTR if it could not be had, ENOTRECOVERABLE if no process
    /// can.
    #[cold]
    pub(crate) fn lock(
        &self,
        me: PeerId,
        peers: &impl Liveness,
        policy: &mut WaitPolicy<impl Expiry>,
    ) -> Result<Acquired> {
        if policy.check().is_err() {
            let expired = |errno| if errno == Errno::AGAIN { Errno::TIMEDOUT } else { errno };
            return self.try_lock(me, peers).map_err(expired);
        }
        if self.spin(me, policy.tuning().spin) {
            return Ok(Acquired::Clean);
        }
        // Without sleeps that end by themselves, this is the only look.
        if policy.tuning().recheck_interval.is_none() {
            if let Some(taken) = self.steal_from_dead(me, 0, peers)? {
                return Ok(taken);
            }
        }
        let mut slept = 0;
        loop {
            let word = self.word.load(Relaxed);
            if !has_owner(word) {
                match self.take_unowned(word, me.bits() | slept) {
                    Some(taken) => return taken,
                    None => continue,
                }
            }
            let contended = word | CONTENDED;
            if word != contended && self.word.compare_exchange(word, contended, Relaxed, Relaxed).is_err() {
                continue;
            }
            let slice = match policy.next_slice() {
                Ok(slice) => slice,
                // The last look is for a dead owner.
                Err(errno) => return self.steal_from_dead(me, slept, peers)?.ok_or(errno),
            };
            let end = sleep(&self.word, contended, Scope::Shared, slice);
            slept = CONTENDED;
            // A wait that is interrupted again and again, and begun again, must find a dead owner too.
            if matches!(end, Err(Errno::TIMEDOUT | Errno::INTR)) {
                if let Some(taken) = self.steal_from_dead(me, slept, peers)? {
                    return Ok(taken);
                }
            }
            ignore_spurious(end)?;
        }
    }

    /// Gives the lock back, with what it guards consistent.
    #[inline]
    pub(crate) fn unlock(&self) {
        if self.word.swap(0, Release) & CONTENDED != 0 {
            wake(&self.word, 1, Scope::Shared);
        }
    }

    /// Gives the lock up for good.
    #[cold]
    pub(crate) fn unlock_not_recoverable(&self) {
        self.word.swap(NOT_RECOVERABLE, Release);
        wake(&self.word, i32::MAX as u32, Scope::Shared);
    }

    /// Takes a lock that was given up, to rebuild what it guards. Returns `true` if it was abandoned.
    #[cold]
    pub(crate) fn recover_abandoned(&self, me: PeerId) -> bool {
        let word = self.word.load(Relaxed);
        let new = me.bits() | word & (OWNER_DIED | CONTENDED);
        let is_given_up = !has_owner(word) && word & OWNER_DIED != 0;
        is_given_up && self.word.compare_exchange(word, new, AcqRel, Relaxed).is_ok()
    }

    /// What the lock guards is consistent again.
    pub(crate) fn mark_consistent(&self) {
        self.word.fetch_and(!OWNER_DIED, Relaxed);
    }

    /// Returns `true` if it is as in memory of zeros.
    pub(crate) fn is_clear(&self) -> bool {
        self.word.load(Acquire) == 0
    }

    /// Returns `true` if a peer, dead or alive, has it at this moment.
    pub(crate) fn is_locked(&self) -> bool {
        has_owner(self.word.load(Relaxed))
    }

    /// Pauses up to `pauses` times and looks in between, while no waiter sleeps. Each look takes the line of memory
    /// from the owner, who needs it, so they become rarer.
    pub(crate) fn spin(&self, me: PeerId, pauses: u32) -> bool {
        let (mut left, mut step) = (pauses, 1);
        while left > 0 {
            let word = self.word.load(Relaxed);
            if word == 0 && self.try_lock_uncontended(me) {
                return true;
            }
            if word & (CONTENDED | OWNER_DIED) != 0 {
                return false;
            }
            pause(step);
            left = left.saturating_sub(step);
            step = (2 * step).min(LONGEST_STEP);
        }
        false
    }

    /// Takes the lock from what the word was seen to be, without an owner; `None` if it has changed.
    fn take_unowned(&self, word: u32, new: u32) -> Option<Result<Acquired>> {
        if word & OWNER_DIED != 0 {
            return Some(Err(Errno::NOTRECOVERABLE));
        }
        self.word.compare_exchange(word, new, AcqRel, Relaxed).ok().map(|_| Ok(Acquired::Clean))
    }

    /// Takes the lock from a dead owner. What that one wrote is seen: the kernel, which was asked, has ended it.
    fn steal_from_dead(&self, me: PeerId, slept: u32, peers: &impl Liveness) -> Result<Option<Acquired>> {
        let word = self.word.load(Acquire);
        if !has_owner(word) || PeerId::of_word(word) == me || !peers.is_dead(PeerId::of_word(word))? {
            return Ok(None);
        }
        let new = me.bits() | OWNER_DIED | word & CONTENDED | slept;
        // Ordering: of AcqRel the acquiring half: what made the owner known as dead has ordered all that it did.
        Ok(self.word.compare_exchange(word, new, AcqRel, Relaxed).ok().map(|_| Acquired::OwnerDied))
    }
}
