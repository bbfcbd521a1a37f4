//! How a wait is limited.

use core::time::Duration;

use rustix::io::{Errno, Result};

use super::courtesy::one_processor;
use crate::time::{Deadline, Time};

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

impl Tuning {
    /// For waits that also look whether somebody has died: 40 looks, or none where only one processor is allowed, and
    /// sleeps of at most 50 ms.
    pub(crate) fn watchful() -> Self {
        Self { spin: if one_processor() { 0 } else { Self::DEFAULT.spin }, recheck: WATCH }
    }

    /// The same, but with an end of each sleep.
    pub(crate) const fn watching(self) -> Self {
        if self.recheck.is_zero() { Self { recheck: WATCH, ..self } } else { self }
    }
}

/// The longest single sleep of a wait that has to notice deaths.
const WATCH: Duration = Duration::from_millis(50);

impl Default for Tuning {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// How long a wait may last and how it is slept through.
pub struct Patience {
    deadline: Option<Deadline>,
    tuning: Tuning,
}

impl Patience {
    pub(crate) const fn new(deadline: Option<Deadline>, tuning: Tuning) -> Self {
        Self { deadline, tuning }
    }

    pub(crate) const fn tuning(&self) -> Tuning {
        self.tuning
    }

    /// ETIMEDOUT once the time is over.
    pub(crate) fn check(&self) -> Result<()> {
        match self.deadline {
            Some(deadline) if deadline.has_passed() => Err(Errno::TIMEDOUT),
            _ => Ok(()),
        }
    }

    /// Until when to sleep before looking again, `None` for ever; ETIMEDOUT once the time is over.
    pub(crate) fn slice(&self) -> Result<Option<Deadline>> {
        let recheck = self.tuning.recheck;
        let Some(deadline) = self.deadline else {
            return Ok((!recheck.is_zero()).then(|| Deadline::after(recheck)));
        };
        let now = Time::now(deadline.clock());
        if deadline.time() <= now {
            return Err(Errno::TIMEDOUT);
        }
        if recheck.is_zero() {
            return Ok(Some(deadline));
        }
        let look = now.saturating_add(recheck);
        Ok(Some(match deadline {
            Deadline::Monotonic(time) => Deadline::Monotonic(time.min(look)),
            Deadline::Realtime(time) => Deadline::Realtime(time.min(look)),
        }))
    }
}

/// What a sleep's result means to the wait that slept: to look again, or to end.
pub(crate) fn look_again(slept: Result<()>) -> Result<()> {
    match slept {
        // Woken, the word had changed, or a slice of the time is over; whether all of it is, the next slice tells.
        Ok(()) | Err(Errno::AGAIN | Errno::TIMEDOUT) => Ok(()),
        Err(errno) => Err(errno),
    }
}
