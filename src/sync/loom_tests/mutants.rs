//! Bugs that the models must find, each in a process of its own that is expected to fail.

use rustix::io::Result;

use super::models::{death, exclusion, taking_back};
use super::{Acquired, Graves, Lock, PeerId, Protocol, Scope, patience, sleep, wake};
use crate::futex::exploration::{THREE_THREADS, TWO_THREADS, assert_found, is_planted};
use crate::futex::ignore_spurious;
use crate::futex::primitive::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::sync::lock::{CONTENDED, Liveness, OWNER_DIED};

#[test]
fn a_relaxed_hand_over_is_found() {
    assert_found("sync::loom_tests::mutants::relaxed_hand_over", "Causality violation");
}

#[test]
fn a_forgotten_waiter_is_found() {
    assert_found("sync::loom_tests::mutants::forgotten_waiter", "deadlock");
}

#[test]
fn two_heirs_are_found() {
    assert_found("sync::loom_tests::mutants::two_heirs", "panicked");
}

#[test]
fn a_lock_taken_back_twice_is_found() {
    assert_found("sync::loom_tests::mutants::taken_back_twice", "panicked");
}

#[test]
fn relaxed_hand_over() {
    if is_planted() {
        exclusion::<RelaxedHandOver>(TWO_THREADS, 2);
    }
}

#[test]
fn forgotten_waiter() {
    if is_planted() {
        exclusion::<ForgottenWaiter>(THREE_THREADS, 3);
    }
}

#[test]
fn two_heirs() {
    if is_planted() {
        death::<TwoHeirs>(THREE_THREADS, 2);
    }
}

#[test]
fn taken_back_twice() {
    if is_planted() {
        taking_back::<TakenBackTwice>(TWO_THREADS);
    }
}

/// What was done before the lock was given back need not be seen by the next owner.
struct RelaxedHandOver(Lock);

impl Protocol for RelaxedHandOver {
    fn new() -> Self {
        Self(Lock::new())
    }

    fn lock(&self) -> &Lock {
        &self.0
    }

    fn unlock(&self) {
        if self.0.word.swap(0, Relaxed) & CONTENDED != 0 {
            wake(&self.0.word, 1, Scope::Shared);
        }
    }
}

/// Who was woken does not know of those who sleep still.
struct ForgottenWaiter(Lock);

impl Protocol for ForgottenWaiter {
    fn new() -> Self {
        Self(Lock::new())
    }

    fn lock(&self) -> &Lock {
        &self.0
    }

    fn take(&self, me: PeerId, _: &Graves) -> Result<Acquired> {
        loop {
            if self.0.try_lock_uncontended(me) {
                return Ok(Acquired::Clean);
            }
            let word = self.0.word.load(Relaxed);
            if word == 0 || self.0.word.compare_exchange(word, word | CONTENDED, Relaxed, Relaxed).is_err() {
                continue;
            }
            ignore_spurious(sleep(&self.0.word, word | CONTENDED, Scope::Shared, patience().next_slice()?))?;
        }
    }
}

/// Who finds the owner dead takes the lock without looking whether somebody else has done so.
struct TwoHeirs(Lock);

impl Protocol for TwoHeirs {
    fn new() -> Self {
        Self(Lock::new())
    }

    fn lock(&self) -> &Lock {
        &self.0
    }

    fn take(&self, me: PeerId, graves: &Graves) -> Result<Acquired> {
        let word = self.0.word.load(Acquire);
        if word != 0 && graves.is_dead(PeerId::of_word(word))? {
            self.0.word.swap(me.bits() | OWNER_DIED, Release);
            return Ok(Acquired::OwnerDied);
        }
        if self.0.try_lock_uncontended(me) { Ok(Acquired::Clean) } else { self.0.lock(me, &graves, &mut patience()) }
    }
}

/// Who takes a lock back does not look whether somebody else has done so.
struct TakenBackTwice(Lock);

impl Protocol for TakenBackTwice {
    fn new() -> Self {
        Self(Lock::new())
    }

    fn lock(&self) -> &Lock {
        &self.0
    }

    fn recover_abandoned(&self, me: PeerId) -> bool {
        self.0.word.swap(me.bits() | OWNER_DIED, AcqRel);
        true
    }
}
