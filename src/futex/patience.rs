//! How a wait is limited.

use core::time::Duration;

use rustix::io::{Errno, Result};

use crate::time::{Deadline, Time};

/// How a wait spins and sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// How often to look again before sleeping, with a pause of the processor between; not at all if somebody sleeps
    /// already. Where a look disturbs the one who is waited for, there are two or four pauses to a look, and no more of
    /// them in all.
    ///
    /// 100 to 200 make a hand-off between two processors many times faster, a few do nothing for it; on one processor
    /// they only cost.
    pub spin: u32,
    /// The longest single sleep, after which the wait looks again; zero for none.
    ///
    /// A process killed between being woken and taking its token takes the wake-up with it. Looking again bounds how
    /// long that, and any other lost wake-up, can matter. It costs one system call for each sleep of that length.
    pub recheck: Duration,
}

impl Tuning {
    /// No looks but the first, then sleeps of at most a second.
    pub const DEFAULT: Self = Self { spin: 0, recheck: Duration::from_secs(1) };
}

impl Tuning {
    /// For waits that also look whether somebody has died: sleeps of at most 50 ms.
    pub(crate) const WATCHFUL: Self = Self { recheck: WATCH, ..Self::DEFAULT };

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
pub struct Patience<E> {
    end: E,
    tuning: Tuning,
}

impl<E: End> Patience<E> {
    pub(crate) const fn new(end: E, tuning: Tuning) -> Self {
        Self { end, tuning }
    }

    pub(crate) const fn tuning(&self) -> Tuning {
        self.tuning
    }

    /// ETIMEDOUT once the time is over.
    pub(crate) fn check(&self) -> Result<()> {
        self.end.check()
    }

    /// How to sleep before looking again, `None` for without a limit; ETIMEDOUT once the time is over.
    pub(crate) fn nap(&self) -> Result<Option<Nap>> {
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
pub(crate) struct Forever;

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

impl<E: End> End for Option<E> {
    fn check(self) -> Result<()> {
        self.map_or(Ok(()), End::check)
    }

    fn nap(self, longest: Option<Duration>) -> Result<Option<Nap>> {
        self.map_or(Forever.nap(longest), |end| end.nap(longest))
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
pub(crate) fn look_again(slept: Result<()>) -> Result<()> {
    match slept {
        // Woken, the word had changed, or a slice of the time is over; whether all of it is, the next slice tells.
        Ok(()) | Err(Errno::AGAIN | Errno::TIMEDOUT) => Ok(()),
        Err(errno) => Err(errno),
    }
}
