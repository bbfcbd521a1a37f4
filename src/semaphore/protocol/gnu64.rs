//! glibc's semaphore on 64-bit machines: value and waiters in one word.
//!
//! | offset | content |
//! |---|---|
//! | 0 | `u64`: the value, plus 2³² for each waiter |
//! | 8 | `u32`: 128 if shared between processes, 0 if private |
//! | 12 | zero |
//!
//! Since both numbers change in one atomic operation, a post either sees a waiter and wakes it, or the waiter sees the
//! token. Nothing of the semaphore is touched after its token is out, since its owner may take it away then.

use rustix::io::{Errno, Result};

use super::super::abi::gnu_scope;
use super::{Protocol, VALUE_MAX};
use crate::futex::Scope;
use crate::futex::primitive::Ordering::{Acquire, Relaxed, Release};
use crate::futex::primitive::{AtomicU64, Unused, const_unless_loom, low_half, sleep, wake};
use crate::futex::{Expiry, WaitPolicy, ignore_spurious};

/// One waiter.
const WAITER: u64 = 1 << 32;

/// From here on a post changes the value only if it is still as it was seen.
const NEAR_MAX: u32 = VALUE_MAX / 2;

/// A `sem_t`.
#[derive(Debug)]
#[repr(C)]
pub struct Words {
    pub(in crate::semaphore) data: AtomicU64,
    private: Unused,
    rest: [Unused; 5],
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Words>() == 32 && align_of::<Words>() == 8);

impl Words {
    const_unless_loom! {
    pub(in crate::semaphore) fn new(value: u32, scope: Scope) -> Self {
        Self {
            data: AtomicU64::new(value as u64),
            private: Unused::new(gnu_scope(scope)),
            rest: [const { Unused::new(0) }; 5],
        }
    }
    }
}

const fn value_of(data: u64) -> u32 {
    data as u32
}

const fn waiters_of(data: u64) -> u32 {
    (data >> 32) as u32
}

impl Words {
    #[cold]
    fn post_near_maximum(&self, scope: Scope) -> Result<()> {
        self.post_many(1, scope)
    }

    #[cold]
    fn post_slow(&self, old: u64, scope: Scope) -> Result<()> {
        if value_of(old) >= VALUE_MAX {
            // Others posted half a maximum between the look and the addition.
            self.data.fetch_sub(1, Relaxed);
            return Err(Errno::OVERFLOW);
        }
        wake(low_half(&self.data), 1, scope);
        Ok(())
    }

    /// Takes a token from what the word was seen to be, and `waiter` with it.
    #[inline]
    fn take_from(&self, mut data: u64, waiter: u64) -> core::result::Result<(), u64> {
        while value_of(data) != 0 {
            match self.data.compare_exchange_weak(data, data.wrapping_sub(1 + waiter), Acquire, Relaxed) {
                Ok(_) => return Ok(()),
                Err(now) => data = now,
            }
        }
        Err(data)
    }

    fn sleep_and_take_as_waiter(&self, scope: Scope, policy: &mut WaitPolicy<impl Expiry>) -> Result<()> {
        loop {
            if self.take_from(self.data.load(Relaxed), WAITER).is_ok() {
                return Ok(());
            }
            let slice = policy.next_slice()?;
            ignore_spurious(sleep(low_half(&self.data), 0, scope, slice))?;
        }
    }
}

impl Protocol for Words {
    #[inline]
    fn post(&self, scope: Scope) -> Result<()> {
        // glibc's post refuses at the maximum exactly, and goes on and on above it, be that for the moment until a
        // token too many is taken back. So the addition is not left to find out; a look that nothing waits for costs
        // next to nothing.
        if value_of(self.data.load(Relaxed)) >= NEAR_MAX {
            return self.post_near_maximum(scope);
        }
        let old = self.data.fetch_add(1, Release);
        // One comparison for both rare cases: a waiter, or the maximum after all.
        if old >= u64::from(VALUE_MAX) { self.post_slow(old, scope) } else { Ok(()) }
    }

    fn post_many(&self, tokens: u32, scope: Scope) -> Result<()> {
        let mut data = self.data.load(Relaxed);
        loop {
            if tokens > VALUE_MAX.saturating_sub(value_of(data)) {
                return Err(Errno::OVERFLOW);
            }
            match self.data.compare_exchange_weak(data, data + u64::from(tokens), Release, Relaxed) {
                Ok(_) => break,
                Err(now) => data = now,
            }
        }
        let sleepers = tokens.min(waiters_of(data));
        if sleepers > 0 {
            wake(low_half(&self.data), sleepers, scope);
        }
        Ok(())
    }

    #[inline]
    fn try_take(&self) -> bool {
        self.take_from(self.data.load(Relaxed), 0).is_ok()
    }

    #[inline]
    fn take(&self) -> bool {
        let data = self.data.load(Relaxed);
        // One token and no waiter: what is compared with is then a constant, and the locked operation need not wait for
        // the load, since the branch is predicted.
        let taken = if data == 1 { self.data.compare_exchange(1, 0, Acquire, Relaxed) } else { Err(data) };
        match taken {
            Ok(_) => true,
            Err(data) => self.take_from(data, 0).is_ok(),
        }
    }

    fn sleep_and_take(&self, scope: Scope, policy: &mut WaitPolicy<impl Expiry>) -> Result<()> {
        self.data.fetch_add(WAITER, Relaxed);
        self.sleep_and_take_as_waiter(scope, policy).inspect_err(|_| {
            self.data.fetch_sub(WAITER, Relaxed);
        })
    }

    fn value(&self) -> u32 {
        value_of(self.data.load(Relaxed))
    }

    fn waiters(&self) -> u32 {
        waiters_of(self.data.load(Relaxed))
    }

    fn reset_waiters(&self) {
        self.data.fetch_and(WAITER - 1, Relaxed);
    }
}
