//! musl's semaphore since 1.2.4: the value with a bit that says whether anybody may wait, and the number of waiters
//! apart.
//!
//! | offset | content |
//! |---|---|
//! | 0 | `u32`: the value, plus 2³¹ if there may be waiters |
//! | 4 | `u32`: the number of waiters |
//! | 8 | `u32`: 0 if shared between processes, 128 if private |
//!
//! The two words decide together whether a post wakes, so every access to them is sequentially consistent. A post must
//! not add blindly: at the maximum it would show "no token, and waiters" for a moment, and could put a peer to sleep
//! for good.

use rustix::io::{Errno, Result};

use super::{Protocol, VALUE_MAX};
use crate::futex::Scope;
use crate::futex::primitive::Ordering::SeqCst;
use crate::futex::primitive::{AtomicU32, Unused, const_unless_loom, sleep, wake};
use crate::futex::{Expiry, WaitPolicy, ignore_spurious};

/// There may be waiters.
const WAITED_FOR: u32 = 1 << 31;

/// The words of a `sem_t` that are used; on 64-bit machines 16 more bytes follow.
#[derive(Debug)]
#[repr(C)]
pub struct Words {
    pub(in crate::semaphore) state: AtomicU32,
    pub(in crate::semaphore) waiters: AtomicU32,
    private: Unused,
    rest: [Unused; REST],
}

/// How many words follow the three, on this target: the type is as long as its C library's.
const REST: usize = size_of::<usize>() - 3;

#[cfg(not(loom))]
const _: () = assert!(size_of::<Words>() == 4 * size_of::<usize>() && align_of::<Words>() == 4);

impl Words {
    const_unless_loom! {
    pub(in crate::semaphore) fn new(value: u32, scope: Scope) -> Self {
        let private = match scope {
            Scope::Shared => 0,
            Scope::Private => 128,
        };
        Self {
            state: AtomicU32::new(value),
            waiters: AtomicU32::new(0),
            private: Unused::new(private),
            rest: [const { Unused::new(0) }; REST],
        }
    }
    }
}

const fn value_of(state: u32) -> u32 {
    state & VALUE_MAX
}

impl Words {
    #[inline]
    fn take_from(&self, mut state: u32) -> core::result::Result<(), u32> {
        while value_of(state) != 0 {
            // Ordering: SeqCst as musl's. All changes of the state are exchanges, and those see the last one.
            match self.state.compare_exchange_weak(state, state - 1, SeqCst, SeqCst) {
                Ok(_) => return Ok(()),
                Err(now) => state = now,
            }
        }
        Err(state)
    }

    /// Sleeps once, counted as a waiter meanwhile.
    fn sleep_once(&self, scope: Scope, policy: &mut WaitPolicy<impl Expiry>) -> Result<()> {
        let slice = policy.next_slice()?;
        // Ordering: SeqCst as musl's. A post that misses the count finds the bit in the state, and wakes all.
        self.waiters.fetch_add(1, SeqCst);
        // It fails if there is a token or the bit is set: either is as good.
        // Ordering: SeqCst as musl's. All changes of the state are exchanges, and those see the last one.
        let _ = self.state.compare_exchange(0, WAITED_FOR, SeqCst, SeqCst);
        let slept = sleep(&self.state, WAITED_FOR, scope, slice);
        // Ordering: SeqCst as musl's. A post that misses the count finds the bit in the state, and wakes all.
        self.waiters.fetch_sub(1, SeqCst);
        ignore_spurious(slept)
    }
}

impl Protocol for Words {
    #[inline]
    fn post(&self, scope: Scope) -> Result<()> {
        self.post_many(1, scope)
    }

    #[inline]
    fn post_many(&self, tokens: u32, scope: Scope) -> Result<()> {
        let (mut state, mut waiters);
        loop {
            // Ordering: SeqCst as musl's. All changes of the state are exchanges, and those see the last one.
            state = self.state.load(SeqCst);
            // Ordering: SeqCst as musl's. A post that misses the count finds the bit in the state, and wakes all.
            waiters = self.waiters.load(SeqCst);
            if tokens > VALUE_MAX - value_of(state) {
                return Err(Errno::OVERFLOW);
            }
            let mut new = state + tokens;
            if waiters <= tokens {
                new &= !WAITED_FOR;
            }
            // Ordering: SeqCst as musl's. All changes of the state are exchanges, and those see the last one.
            if self.state.compare_exchange_weak(state, new, SeqCst, SeqCst).is_ok() {
                break;
            }
        }
        if state & WAITED_FOR != 0 || waiters != 0 {
            // Where the bit has been cleared, all must look again and set it again.
            wake(&self.state, if waiters > tokens { tokens } else { VALUE_MAX }, scope);
        }
        Ok(())
    }

    #[inline]
    fn try_take(&self) -> bool {
        // Ordering: SeqCst as musl's. All changes of the state are exchanges, and those see the last one.
        self.take_from(self.state.load(SeqCst)).is_ok()
    }

    fn sleep_and_take(&self, scope: Scope, policy: &mut WaitPolicy<impl Expiry>) -> Result<()> {
        loop {
            if self.try_take() {
                return Ok(());
            }
            self.sleep_once(scope, policy)?;
        }
    }

    fn value(&self) -> u32 {
        // Ordering: SeqCst as musl's; nothing follows from what is seen.
        value_of(self.state.load(SeqCst))
    }

    fn waiters(&self) -> u32 {
        // Ordering: SeqCst as musl's; nothing follows from what is seen.
        self.waiters.load(SeqCst)
    }

    fn reset_waiters(&self) {
        // Ordering: SeqCst as musl's; for when no other process uses the semaphore.
        self.waiters.store(0, SeqCst);
        // Ordering: as above.
        self.state.fetch_and(VALUE_MAX, SeqCst);
    }
}
