//! Bugs that the models must find. Each is planted in a protocol that is otherwise ours, and looked for by the same
//! model.
//!
//! loom panics where it finds one, and some of its panics abort. So each search runs in a process of its own, which is
//! expected to fail, and to say for the right reason.

use std::vec;
use std::vec::Vec;

use rustix::io::Result;

use super::models::mutex;
use super::{Layout, Ours};
use crate::futex::Scope;
use crate::futex::exploration::{THREE_THREADS, TWO_THREADS, assert_found, is_planted};
use crate::futex::model::Word;
use crate::futex::primitive::Ordering::{Acquire, Relaxed, Release};
use crate::futex::primitive::{AtomicU32, low_half, sleep, wake};
use crate::futex::{Expiry, WaitPolicy, ignore_spurious};
use crate::semaphore::protocol::Protocol;
use crate::semaphore::protocol::{gnu32, gnu64};

#[test]
fn a_relaxed_post_is_found() {
    assert_found("semaphore::loom_tests::mutants::relaxed_post", "Causality violation");
}

#[test]
fn a_count_apart_is_found() {
    assert_found("semaphore::loom_tests::mutants::count_apart", "deadlock");
}

#[test]
fn a_waiter_counted_down_first_is_found() {
    assert_found("semaphore::loom_tests::mutants::counted_down_first", "deadlock");
}

#[test]
fn relaxed_post() {
    if is_planted() {
        mutex::<RelaxedPost, 2>(TWO_THREADS, [Ours, Ours]);
    }
}

#[test]
fn count_apart() {
    if is_planted() {
        mutex::<CountApart, 2>(TWO_THREADS, [Ours, Ours]);
    }
}

#[test]
fn counted_down_first() {
    if is_planted() {
        mutex::<CountedDownFirst, 3>(THREE_THREADS, [Ours, Ours, Ours]);
    }
}

/// As [`gnu32::Words`], but who leaves is not counted any more before it takes the bit away, as a processor may do it
/// without the orderings there: another one that comes between relies on the bit.
struct CountedDownFirst(gnu32::Words);

impl Protocol for CountedDownFirst {
    fn post(&self, scope: Scope) -> Result<()> {
        self.0.post(scope)
    }

    fn post_many(&self, tokens: u32, scope: Scope) -> Result<()> {
        self.0.post_many(tokens, scope)
    }

    fn try_take(&self) -> bool {
        self.0.try_take()
    }

    fn sleep_and_take(&self, scope: Scope, policy: &mut WaitPolicy<impl Expiry>) -> Result<()> {
        let (state, waiters) = (&self.0.state, &self.0.waiters);
        waiters.fetch_add(1, Acquire);
        let result = loop {
            if self.try_take() {
                break Ok(());
            }
            let seen = state.load(Relaxed);
            if seen & 1 == 0 && state.compare_exchange(seen, seen | 1, Release, Relaxed).is_err() {
                continue;
            }
            let slept = policy.next_slice().and_then(|until| ignore_spurious(sleep(state, 1, scope, until)));
            if slept.is_err() {
                break slept;
            }
        };
        if waiters.fetch_sub(1, Release) == 1 {
            state.fetch_and(!1, Acquire);
        }
        result
    }

    fn value(&self) -> u32 {
        self.0.value()
    }

    fn waiters(&self) -> u32 {
        self.0.waiters()
    }

    fn reset_waiters(&self) {
        self.0.reset_waiters();
    }
}

impl Layout for CountedDownFirst {
    const NAME: &'static str = "counted down first";

    fn with_value(value: u32) -> Self {
        Self(gnu32::Words::new(value, Scope::Shared))
    }

    fn words(&self) -> Vec<&dyn Word> {
        self.0.words()
    }
}

/// As [`gnu64::Words`], but what was done before a post need not be seen by whoever takes its token.
struct RelaxedPost(gnu64::Words);

impl Protocol for RelaxedPost {
    fn post(&self, scope: Scope) -> Result<()> {
        if self.0.data.fetch_add(1, Relaxed) >> 32 > 0 {
            wake(low_half(&self.0.data), 1, scope);
        }
        Ok(())
    }

    fn post_many(&self, tokens: u32, scope: Scope) -> Result<()> {
        self.0.post_many(tokens, scope)
    }

    fn try_take(&self) -> bool {
        self.0.try_take()
    }

    fn take(&self) -> bool {
        self.0.take()
    }

    fn sleep_and_take(&self, scope: Scope, policy: &mut WaitPolicy<impl Expiry>) -> Result<()> {
        self.0.sleep_and_take(scope, policy)
    }

    fn value(&self) -> u32 {
        self.0.value()
    }

    fn waiters(&self) -> u32 {
        self.0.waiters()
    }

    fn reset_waiters(&self) {
        self.0.reset_waiters();
    }
}

/// The value and the number of waiters in words of their own: a post may read the number before the token is seen by a
/// waiter that counted itself after that.
struct CountApart {
    value: AtomicU32,
    waiters: AtomicU32,
}

impl Protocol for CountApart {
    fn post(&self, scope: Scope) -> Result<()> {
        self.post_many(1, scope)
    }

    fn post_many(&self, tokens: u32, scope: Scope) -> Result<()> {
        self.value.fetch_add(tokens, Release);
        if self.waiters.load(Relaxed) > 0 {
            wake(&self.value, tokens, scope);
        }
        Ok(())
    }

    fn try_take(&self) -> bool {
        let mut value = self.value.load(Relaxed);
        while value != 0 {
            match self.value.compare_exchange_weak(value, value - 1, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(now) => value = now,
            }
        }
        false
    }

    fn sleep_and_take(&self, scope: Scope, policy: &mut WaitPolicy<impl Expiry>) -> Result<()> {
        self.waiters.fetch_add(1, Relaxed);
        let result = loop {
            if self.try_take() {
                break Ok(());
            }
            let slept = policy.next_slice().and_then(|until| ignore_spurious(sleep(&self.value, 0, scope, until)));
            if slept.is_err() {
                break slept;
            }
        };
        self.waiters.fetch_sub(1, Relaxed);
        result
    }

    fn value(&self) -> u32 {
        self.value.load(Relaxed)
    }

    fn waiters(&self) -> u32 {
        self.waiters.load(Relaxed)
    }

    fn reset_waiters(&self) {
        self.waiters.store(0, Relaxed);
    }
}

impl Layout for RelaxedPost {
    const NAME: &'static str = "relaxed post";

    fn with_value(value: u32) -> Self {
        Self(gnu64::Words::new(value, Scope::Shared))
    }

    fn words(&self) -> Vec<&dyn Word> {
        self.0.words()
    }
}

impl Layout for CountApart {
    const NAME: &'static str = "count apart";

    fn with_value(value: u32) -> Self {
        Self { value: AtomicU32::new(value), waiters: AtomicU32::new(0) }
    }

    fn words(&self) -> Vec<&dyn Word> {
        vec![&self.value, &self.waiters]
    }
}
