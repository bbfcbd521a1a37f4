//! Deadlines, each with the clock it is measured by.

use core::time::Duration;

use rustix::time::ClockId;

use crate::error::{Argument, Error, Operation, Result};
use crate::sys;

const NANOSECONDS_A_SECOND: u32 = 1_000_000_000;

/// A moment at which a wait ends, on the clock it names.
///
/// Absolute, so a wait that is interrupted and begun again ends at the same moment. A deadline in the past is valid:
/// the call tries once and does not wait.
///
/// ```
/// use core::time::Duration;
/// use rawipc::Deadline;
/// use rawipc::time::Clock;
/// let deadline = Deadline::after(Duration::from_secs(5));
/// assert_eq!(deadline.clock(), Clock::Monotonic);
/// assert!(!deadline.has_passed() && deadline.remaining() > Duration::from_secs(4));
/// ```
///
/// # References
/// [`clock_gettime(2)`](https://man7.org/linux/man-pages/man2/clock_gettime.2.html)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deadline {
    /// By CLOCK_MONOTONIC: goes on evenly whatever is done to the wall clock, stands still while the machine is
    /// suspended.
    Monotonic(Time),
    /// By CLOCK_REALTIME: the wall clock. Setting that clock moves the end of the wait.
    Realtime(Time),
}

/// The two clocks that a [`Deadline`] can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Clock {
    /// CLOCK_MONOTONIC.
    #[doc(alias = "CLOCK_MONOTONIC")]
    Monotonic,
    /// CLOCK_REALTIME: since the Epoch.
    #[doc(alias = "CLOCK_REALTIME")]
    Realtime,
}

/// A point on a clock: whole seconds since the clock's start, and nanoseconds below one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[doc(alias = "timespec")]
pub struct Time {
    seconds: i64,
    nanoseconds: u32,
}

impl Time {
    /// The clock's start: the Epoch for CLOCK_REALTIME.
    pub const ZERO: Self = Self { seconds: 0, nanoseconds: 0 };

    /// Checks the parts of a time. Seconds may be negative (before the clock's start) and lie beyond 2038 on every
    /// architecture. A deadline of negative seconds has passed: a wait until then is
    /// [`TimedOut`](crate::ErrorKind::TimedOut), where `mq_timedreceive` of C says EINVAL.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if `nanoseconds` is 1,000,000,000 or more.
    pub const fn new(seconds: i64, nanoseconds: u32) -> Result<Self> {
        if nanoseconds >= NANOSECONDS_A_SECOND {
            return Err(Error::argument(Operation::MakeTime, Argument::Nanoseconds, nanoseconds));
        }
        Ok(Self { seconds, nanoseconds })
    }

    /// Returns what the clock shows now.
    #[must_use]
    pub fn now(clock: Clock) -> Self {
        let now = sys::clock_gettime(match clock {
            Clock::Monotonic => ClockId::Monotonic,
            Clock::Realtime => ClockId::Realtime,
        });
        Self { seconds: now.tv_sec, nanoseconds: now.tv_nsec as u32 }
    }

    /// Returns the whole seconds since the clock's start.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.seconds
    }

    /// Returns the nanoseconds beyond the whole seconds: 0 to 999,999,999.
    #[must_use]
    pub const fn nanoseconds(self) -> u32 {
        self.nanoseconds
    }

    /// This time and a duration after it; the latest time there is where that would lie beyond it.
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        let nanoseconds = self.nanoseconds + duration.subsec_nanos();
        let carry = (nanoseconds / NANOSECONDS_A_SECOND) as i64;
        let Some(seconds) = self.seconds.checked_add_unsigned(duration.as_secs()) else { return Self::LAST };
        let Some(seconds) = seconds.checked_add(carry) else { return Self::LAST };
        Self { seconds, nanoseconds: nanoseconds % NANOSECONDS_A_SECOND }
    }

    /// Returns how long after `earlier` this time is; zero if it is not after it.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        let mut seconds = self.seconds as i128 - earlier.seconds as i128;
        let mut nanoseconds = self.nanoseconds as i64 - earlier.nanoseconds as i64;
        if nanoseconds < 0 {
            seconds -= 1;
            nanoseconds += NANOSECONDS_A_SECOND as i64;
        }
        if seconds < 0 { Duration::ZERO } else { Duration::new(seconds as u64, nanoseconds as u32) }
    }

    const LAST: Self = Self { seconds: i64::MAX, nanoseconds: NANOSECONDS_A_SECOND - 1 };

    /// For the kernel, which refuses negative seconds: those are as expired as zero.
    pub(crate) const fn to_kernel(self) -> sys::Timespec {
        if self.seconds < 0 {
            return sys::Timespec::EXPIRED;
        }
        sys::Timespec { seconds: self.seconds, nanoseconds: self.nanoseconds as i64 }
    }
}

impl Deadline {
    /// Returns the deadline `duration` from now, by the monotonic clock. A duration too long to add means the end of
    /// time.
    #[must_use]
    pub fn after(duration: Duration) -> Self {
        Self::Monotonic(Time::now(Clock::Monotonic).saturating_add(duration))
    }

    /// Returns the deadline `duration` from now, by the wall clock as it is set now.
    #[must_use]
    pub fn realtime_after(duration: Duration) -> Self {
        Self::Realtime(Time::now(Clock::Realtime).saturating_add(duration))
    }

    /// Later by a duration, on the same clock.
    pub(crate) const fn saturating_add(self, duration: Duration) -> Self {
        match self {
            Self::Monotonic(time) => Self::Monotonic(time.saturating_add(duration)),
            Self::Realtime(time) => Self::Realtime(time.saturating_add(duration)),
        }
    }

    /// Returns the clock that it is measured by.
    #[must_use]
    pub const fn clock(self) -> Clock {
        match self {
            Self::Monotonic(_) => Clock::Monotonic,
            Self::Realtime(_) => Clock::Realtime,
        }
    }

    /// Returns the point on that clock.
    #[must_use]
    pub const fn time(self) -> Time {
        match self {
            Self::Monotonic(time) | Self::Realtime(time) => time,
        }
    }

    /// Returns the time that is left, by its own clock as it is now. Zero once it has passed.
    #[must_use]
    pub fn remaining(self) -> Duration {
        self.time().saturating_since(Time::now(self.clock()))
    }

    /// Returns `true` if it lies in the past, or just now.
    #[must_use]
    pub fn has_passed(self) -> bool {
        self.time() <= Time::now(self.clock())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(seconds: i64, nanoseconds: u32) -> Time {
        Time::new(seconds, nanoseconds).unwrap()
    }

    #[test]
    fn addition_carries_and_saturates() {
        assert_eq!(time(1, 999_999_999).saturating_add(Duration::from_nanos(1)), time(2, 0));
        assert_eq!(time(-1, 500_000_000).saturating_add(Duration::from_millis(500)), time(0, 0));
        assert_eq!(time(1, 0).saturating_add(Duration::MAX), Time::LAST);
        assert_eq!(time(i64::MAX, 999_999_999).saturating_add(Duration::from_nanos(1)), Time::LAST);
        assert_eq!(time(0, 0).saturating_add(Duration::from_secs(1 << 33)), time(1 << 33, 0));
    }

    #[test]
    fn difference_borrows_and_is_never_negative() {
        assert_eq!(time(2, 0).saturating_since(time(1, 1)), Duration::from_nanos(999_999_999));
        assert_eq!(time(1, 1).saturating_since(time(2, 0)), Duration::ZERO);
        assert_eq!(time(1, 0).saturating_since(time(1, 1)), Duration::ZERO);
        assert_eq!(Time::LAST.saturating_since(time(i64::MIN, 0)).as_secs(), u64::MAX);
    }

    #[test]
    fn the_kernel_never_sees_negative_seconds() {
        let kernel = time(-5, 7).to_kernel();
        assert_eq!((kernel.seconds, kernel.nanoseconds), (0, 0));
    }
}
