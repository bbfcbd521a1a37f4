//! glibc's semaphore on 32-bit machines: the value with a bit that says whether anybody waits, and the number of
//! waiters apart.
//!
//! | offset | content |
//! |---|---|
//! | 0 | `u32`: twice the value, plus 1 if there may be waiters |
//! | 4 | `u32`: 128 if shared between processes, 0 if private |
//! | 8 | zero |
//! | 12 | `u32`: the number of waiters |
//!
//! A waiter counts itself, then sets the bit, then sleeps; the last one to leave clears the bit. Leaving is the
//! difficult part: the bit must be cleared before the count goes down, and set again if that was one too early.

use rustix::io::{Errno, Result};

use super::super::abi::gnu_scope;
use super::{Protocol, VALUE_MAX};
use crate::futex::Scope;
use crate::futex::primitive::Ordering::{Acquire, Relaxed, Release};
use crate::futex::primitive::{AtomicU32, Unused, const_unless_loom, sleep, wake};
use crate::futex::{Expiry, WaitPolicy, ignore_spurious};

/// One token.
const TOKEN: u32 = 2;
/// There may be waiters.
const WAITED_FOR: u32 = 1;
/// A `sem_t`.
#[derive(Debug)]
#[repr(C)]
pub struct Words {
    pub(in crate::semaphore) state: AtomicU32,
    private: Unused,
    unused: Unused,
    pub(in crate::semaphore) waiters: AtomicU32,
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Words>() == 16 && align_of::<Words>() == 4);

impl Words {
    const_unless_loom! {
    pub(in crate::semaphore) fn new(value: u32, scope: Scope) -> Self {
        Self {
            state: AtomicU32::new(value * TOKEN),
            private: Unused::new(gnu_scope(scope)),
            unused: Unused::new(0),
            waiters: AtomicU32::new(0),
        }
    }
    }
}

const fn value_of(state: u32) -> u32 {
    state / TOKEN
}

impl Words {
    #[inline]
    fn take_from(&self, mut state: u32) -> core::result::Result<(), u32> {
        while value_of(state) != 0 {
            match self.state.compare_exchange_weak(state, state - TOKEN, Acquire, Relaxed) {
                Ok(_) => return Ok(()),
                Err(now) => state = now,
            }
        }
        Err(state)
    }

    fn sleep_and_take_as_waiter(&self, scope: Scope, policy: &mut WaitPolicy<impl Expiry>) -> Result<()> {
        loop {
            let state = self.state.load(Relaxed);
            if self.take_from(state).is_ok() {
                return Ok(());
            }
            if state & WAITED_FOR == 0 {
                // Ordering: as glibc's. Should a leaving waiter take the bit away, the sleep does not begin.
                let marked = self.state.compare_exchange(state, state | WAITED_FOR, Release, Relaxed);
                if marked.is_err() {
                    // The word changes, so time passes: the limit holds here too.
                    policy.next_slice()?;
                    continue;
                }
            }
            let slice = policy.next_slice()?;
            ignore_spurious(sleep(&self.state, WAITED_FOR, scope, slice))?;
        }
    }

    /// Stops being a waiter.
    fn leave(&self, scope: Scope) {
        let guess = self.waiters.load(Relaxed);
        if guess == 1 {
            // Ordering: loom cannot run the next change before this one; the planted `counted_down_first` does.
            self.state.fetch_and(!WAITED_FOR, Acquire);
        }
        // Ordering: as above, from the other side.
        let waiters = self.waiters.fetch_sub(1, Release);
        if waiters > 1 && guess == 1 {
            // A waiter came meanwhile and relies on the bit. Posts that did not see it owe a wake-up, which is given
            // here.
            let tokens = value_of(self.state.fetch_or(WAITED_FOR, Relaxed));
            if tokens > 0 {
                wake(&self.state, tokens, scope);
            }
        }
    }

    /// The common part of posting: adds tokens, returns the state before.
    #[inline]
    fn add(&self, tokens: u32) -> Result<u32> {
        let mut state = self.state.load(Relaxed);
        loop {
            if tokens > VALUE_MAX - value_of(state) {
                return Err(Errno::OVERFLOW);
            }
            match self.state.compare_exchange_weak(state, state + tokens * TOKEN, Release, Relaxed) {
                Ok(_) => return Ok(state),
                Err(now) => state = now,
            }
        }
    }
}

impl Protocol for Words {
    #[inline]
    fn post(&self, scope: Scope) -> Result<()> {
        self.post_many(1, scope)
    }

    #[inline]
    fn post_many(&self, tokens: u32, scope: Scope) -> Result<()> {
        if self.add(tokens)? & WAITED_FOR != 0 {
            wake(&self.state, tokens, scope);
        }
        Ok(())
    }

    #[inline]
    fn try_take(&self) -> bool {
        self.take_from(self.state.load(Relaxed)).is_ok()
    }

    fn sleep_and_take(&self, scope: Scope, policy: &mut WaitPolicy<impl Expiry>) -> Result<()> {
        // Ordering: as glibc's. Should an old bit be seen, the sleep compares it with the last one and does not begin.
        self.waiters.fetch_add(1, Acquire);
        let result = self.sleep_and_take_as_waiter(scope, policy);
        self.leave(scope);
        result
    }

    fn value(&self) -> u32 {
        value_of(self.state.load(Relaxed))
    }

    fn waiters(&self) -> u32 {
        self.waiters.load(Relaxed)
    }

    fn reset_waiters(&self) {
        self.waiters.store(0, Relaxed);
        self.state.fetch_and(!WAITED_FOR, Relaxed);
    }
}
