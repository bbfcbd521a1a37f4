//! What the three protocols have in common: the interface, and how a wait is limited.

use core::time::Duration;

use rustix::io::{Errno, Result};

use super::abi::Scope;
use super::primitive::spin_loop;
use crate::time::{Deadline, Time};

/// The highest value, 2³¹ − 1, in all layouts.
pub(super) const VALUE_MAX: u32 = i32::MAX as u32;

/// How a wait spins and sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// How often to look again before sleeping, with a pause of the processor between; not at all if somebody sleeps
    /// already.
    ///
    /// 100 to 200 make a hand-off between two processors many times faster; on one processor they only cost.
    pub spin: u32,
    /// The longest single sleep, after which the wait looks again; zero for none.
    ///
    /// A process killed between being woken and taking its token takes the wake-up with it. Looking again bounds how
    /// long that, and any other lost wake-up, can matter. It costs one system call for each sleep of that length.
    pub recheck: Duration,
}

impl Tuning {
    /// 40 looks, then sleeps of at most a second.
    pub const DEFAULT: Self = Self { spin: 40, recheck: Duration::from_secs(1) };
}

impl Default for Tuning {
    fn default() -> Self {
        Self::DEFAULT
    }
}

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
    fn sleep_and_take(&self, scope: Scope, patience: &Patience<impl End>) -> Result<()>;
    fn value(&self) -> u32;
    /// How many waiters are recorded.
    fn waiters(&self) -> u32;
    /// Forgets all recorded waiters.
    fn reset_waiters(&self);

    /// Takes a token, after a quick try was in vain: looks a few times, then sleeps; as limited.
    #[cold]
    fn wait(&self, scope: Scope, patience: &Patience<impl End>) -> Result<()> {
        // An expired wait is over before it spins or counts as a waiter.
        patience.end.check()?;
        if self.spin(patience.tuning.spin) { Ok(()) } else { self.sleep_and_take(scope, patience) }
    }

    /// Looks again so often, as long as nobody sleeps; whether it took a token.
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

/// How long a wait may last and how it is slept through.
pub struct Patience<E> {
    end: E,
    tuning: Tuning,
}

impl<E: End> Patience<E> {
    pub(super) const fn new(end: E, tuning: Tuning) -> Self {
        Self { end, tuning }
    }

    /// How to sleep before looking again, `None` for without a limit; ETIMEDOUT once the time is over.
    pub(super) fn nap(&self) -> Result<Option<Nap>> {
        let recheck = self.tuning.recheck;
        self.end.nap((!recheck.is_zero()).then_some(recheck))
    }
}

/// When a wait ends at the latest.
pub trait End: Copy {
    /// ETIMEDOUT once the time is over.
    fn check(self) -> Result<()>;
    /// How to sleep, at most so long, without going beyond the end; ETIMEDOUT once the time is over.
    fn nap(self, longest: Option<Duration>) -> Result<Option<Nap>>;
}

/// No end. Such a wait looks at no clock, and a program without others needs no code to read one.
#[derive(Clone, Copy)]
pub(super) struct Forever;

impl End for Forever {
    fn check(self) -> Result<()> {
        Ok(())
    }

    fn nap(self, longest: Option<Duration>) -> Result<Option<Nap>> {
        Ok(longest.map(Nap::For))
    }
}

impl End for Deadline {
    fn check(self) -> Result<()> {
        if self.has_passed() { Err(Errno::TIMEDOUT) } else { Ok(()) }
    }

    fn nap(self, longest: Option<Duration>) -> Result<Option<Nap>> {
        let now = Time::now(self.clock());
        if self.time() <= now {
            return Err(Errno::TIMEDOUT);
        }
        let Some(longest) = longest else { return Ok(Some(Nap::Until(self))) };
        let look = now.saturating_add(longest);
        Ok(Some(Nap::Until(match self {
            Self::Monotonic(time) => Self::Monotonic(time.min(look)),
            Self::Realtime(time) => Self::Realtime(time.min(look)),
        })))
    }
}

/// One sleep's limit.
#[derive(Clone, Copy)]
pub enum Nap {
    /// So long.
    For(Duration),
    Until(Deadline),
}

/// What a sleep's result means to the wait that slept: to look again, or to end.
pub(super) fn look_again(slept: Result<()>) -> Result<()> {
    match slept {
        // Woken, the word had changed, or a part of the time is over; whether all of it is, the next nap tells.
        Ok(()) | Err(Errno::AGAIN | Errno::TIMEDOUT) => Ok(()),
        Err(errno) => Err(errno),
    }
}
