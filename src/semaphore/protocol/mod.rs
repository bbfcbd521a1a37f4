//! What the three protocols have in common: the interface.

pub(super) mod gnu32;
#[cfg(target_has_atomic = "64")]
pub(super) mod gnu64;
pub(super) mod musl;

use rustix::io::Result;

use crate::futex::primitive::spin_loop;
use crate::futex::{Expiry, Scope, WaitPolicy};

/// The highest value, 2³¹ − 1, in all layouts.
pub(in crate::semaphore) const VALUE_MAX: u32 = i32::MAX as u32;

/// A semaphore's words in memory and how they are used. A token is a unit of the value.
pub trait Protocol {
    /// Adds tokens and wakes as many waiters; EOVERFLOW, and nothing added, beyond the maximum. One token is the fast
    /// case.
    fn post(&self, scope: Scope) -> Result<()>;
    fn post_many(&self, tokens: u32, scope: Scope) -> Result<()>;
    /// Takes a token if there is one; a look first, so that an empty semaphore is only read.
    fn try_take(&self) -> bool;
    /// Takes a token if there is one, which is likely.
    #[inline]
    fn take(&self) -> bool {
        self.try_take()
    }
    /// Takes a token, recorded as a waiter and sleeping until there is one; ETIMEDOUT or EINTR if none could be had.
    fn sleep_and_take(&self, scope: Scope, policy: &mut WaitPolicy<impl Expiry>) -> Result<()>;
    fn value(&self) -> u32;
    /// Returns how many waiters are recorded.
    fn waiters(&self) -> u32;
    /// Forgets all recorded waiters.
    fn reset_waiters(&self);

    /// Takes a token after a quick try without success: spins as tuned, then sleeps, within the limits of `policy`.
    #[cold]
    fn wait(&self, scope: Scope, policy: &mut WaitPolicy<impl Expiry>) -> Result<()> {
        // An expired wait is over before it spins or counts as a waiter.
        policy.check()?;
        if self.spin(policy.tuning().spin) { Ok(()) } else { self.sleep_and_take(scope, policy) }
    }

    /// Looks again up to `limit` times while no waiter sleeps. Returns `true` if it took a token.
    fn spin(&self, limit: u32) -> bool {
        for _ in 0..limit {
            if self.try_take() {
                return true;
            }
            if self.waiters() != 0 {
                return false;
            }
            spin_loop();
        }
        false
    }
}
