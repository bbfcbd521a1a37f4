//! How long a wait may last, and when it looks again although nothing woke it.

use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use core::time::Duration;

use rustix::io::{Errno, Result};

use crate::time::{Clock, Deadline, Time};

/// How a wait spins and sleeps.
///
/// ```
/// use core::time::Duration;
/// use rawipc::{Semaphore, WaitTuning};
/// static READY: Semaphore = Semaphore::new(1);
/// READY.wait_tuned(None, WaitTuning { spin: 200, ..WaitTuning::DEFAULT })?;
/// # Ok::<(), rawipc::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTuning {
    /// How many pauses of the processor to make before sleeping, looking again in between. None are made if another
    /// thread sleeps already. Where a look disturbs the peer that is waited for, there are two or four pauses to a
    /// look, and no more of them in all.
    ///
    /// 100 to 200 make a hand-off between two processors many times faster. Fewer change nothing, and on one processor
    /// they only cost. All of them are made before a time limit is looked at.
    pub spin: u32,
    /// How long a wait sleeps before it looks again although nothing woke it. `None` means that it sleeps until it is
    /// woken, its time limit passes, or a signal handler interrupts it.
    ///
    /// Looking again makes up for a wake-up that was lost with a killed peer, and is how the robust types notice that
    /// a peer died. The first sleeps are shorter than the interval: about 32 ms, then four times as long each. Each
    /// sleep is longer by a random part, up to one half. So a death is noticed within 48 ms by a wait that has just
    /// begun, and within one and a half intervals by a wait that has lasted long.
    ///
    /// # Costs
    /// - A waiting thread wakes up once in an interval, and a few times more at first, which costs power on an idle
    ///   machine. An interval is at least 1 ms.
    /// - A signal handler that runs in the moment in which such a sleep ends does not interrupt the wait: the kernel
    ///   reports the end of the sleep and not the signal. That moment is about 0.1 ms on an idle machine; on a busy one
    ///   it lasts until the thread has a processor. The ends of sleeps are random and keep away from multiples of 10 ms
    ///   since the wait began. `benches/signals.txt` has measured rates. To end a wait for certain, send the signal
    ///   again until the thread has seen it, or wait with `None`.
    /// - With SA_RESTART a wait without a limit ends with [`Interrupted`](crate::ErrorKind::Interrupted), as one with a
    ///   limit does. With `None` it goes on, as in C.
    pub recheck_interval: Option<Duration>,
}

impl WaitTuning {
    /// The tuning of semaphores: no pauses, and sleeps that only a wake-up, the time limit or a signal handler ends, as
    /// in the C library.
    pub const DEFAULT: Self = Self { spin: 0, recheck_interval: None };

    /// The tuning of types that notice the death of peers: looks again once in a second or a little more.
    pub(crate) const ROBUST: Self = Self { recheck_interval: Some(ROBUST_INTERVAL), ..Self::DEFAULT };

    /// The same, for a lock that is held for moments: its holder's death is noticed in any case.
    pub(crate) const fn for_internal_lock(self) -> Self {
        let recheck_interval = match self.recheck_interval {
            None => Some(ROBUST_INTERVAL),
            interval => interval,
        };
        Self { spin: 0, recheck_interval }
    }
}

impl Default for WaitTuning {
    fn default() -> Self {
        Self::DEFAULT
    }
}

const ROBUST_INTERVAL: Duration = Duration::from_secs(1);

/// When a wait looks again although nothing woke it; all times in nanoseconds. Numbers of 64 bits are enough for 584
/// years, and small.
///
/// FUTEX_WAIT prefers ETIMEDOUT to EINTR when both are due, so a signal at the end of a sleep is lost to the wait. The
/// ends are therefore few, random, and away from the round times at which programs like to set timers.
pub struct Rechecks {
    interval: u64,
    /// How long the next sleep lasts at least.
    length: u64,
    /// When the wait began, if a clock says how long it has lasted.
    began: Option<Time>,
    /// When the current sleep ends, since the wait began.
    end: u64,
}

impl Rechecks {
    /// How long the first sleep lasts at least.
    const FIRST: u64 = 32_000_000;
    const GROWTH: u64 = 4;
    /// Shorter intervals are taken for this one: a wait is not to be a loop without sleep.
    const SHORTEST: u64 = 1_000_000;
    /// Longer ones for this one, so that half as much again still fits.
    const LONGEST: u64 = u64::MAX / 4;
    /// Programs set timers to multiples of this.
    const ROUND: u64 = 10_000_000;
    /// How long after such a multiple a sleep ends at least; it ends within two fifths of the time to the next one. The
    /// timer was set a little before the wait began and runs out that much earlier, and a thread needs a while to wake.
    const MARGIN: u64 = 1_000_000;

    fn new(interval: Duration) -> Self {
        Self { interval: nanoseconds(interval).max(Self::SHORTEST), length: Self::FIRST, began: None, end: 0 }
    }

    /// When to look again, by the monotonic clock. It stays the same until that moment, however often the wait wakes.
    fn next_by_clock(&mut self) -> Time {
        let now = Time::now(Clock::Monotonic);
        let began = *self.began.get_or_insert(now);
        began.saturating_add(Duration::from_nanos(self.next(nanoseconds(now.saturating_since(began)), random_bits())))
    }

    /// Returns how long to sleep before looking again, by no clock: as if each sleep had lasted to its end.
    fn next_length(&mut self) -> Duration {
        let now = self.end;
        Duration::from_nanos(self.next(now, random_bits()).saturating_sub(now))
    }

    /// Returns the end of the sleep that a wait is in after `elapsed`, or begins then.
    fn next(&mut self, now: u64, random: u16) -> u64 {
        if self.end <= now {
            let length = self.length.min(self.interval);
            // Once it is longer than the interval, it does not count.
            self.length = length.saturating_mul(Self::GROWTH);
            self.end = now.saturating_add(length).saturating_add((length >> 17) * u64::from(random));
            if length >= Self::ROUND {
                let beyond = self.end % Self::ROUND;
                self.end -= beyond - beyond * 2 / 5;
                self.end = self.end.saturating_add(Self::MARGIN);
            }
        }
        self.end
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    let whole = duration.as_secs().saturating_mul(1_000_000_000);
    whole.saturating_add(duration.subsec_nanos().into()).min(Rechecks::LONGEST)
}

/// Bits that differ from sleep to sleep and, by the layout of the address space, from process to process.
fn random_bits() -> u16 {
    const GOLDEN_RATIO: u32 = 0x9e37_79b9;
    static SLEEPS: AtomicU32 = AtomicU32::new(0);
    let sleeps = SLEEPS.fetch_add(GOLDEN_RATIO, Relaxed);
    let place = ptr::from_ref(&sleeps).addr() as u32;
    let mixed = (sleeps ^ place.rotate_left(16)).wrapping_mul(GOLDEN_RATIO);
    ((mixed ^ mixed >> 15).wrapping_mul(GOLDEN_RATIO) >> 16) as u16
}

/// How long a wait may last and how it is slept through.
pub struct WaitPolicy<E> {
    expiry: E,
    tuning: WaitTuning,
    rechecks: Option<Rechecks>,
}

impl<E: Expiry> WaitPolicy<E> {
    pub(crate) const fn new(expiry: E, tuning: WaitTuning) -> Self {
        Self { expiry, tuning, rechecks: None }
    }

    pub(crate) const fn tuning(&self) -> WaitTuning {
        self.tuning
    }

    /// ETIMEDOUT once the wait has expired.
    pub(crate) fn check(&self) -> Result<()> {
        self.expiry.check()
    }

    /// Returns how long the next sleep lasts at most, `None` for without an end; ETIMEDOUT once the wait has expired.
    pub(crate) fn next_slice(&mut self) -> Result<Option<Slice>> {
        let Some(interval) = self.tuning.recheck_interval else { return self.expiry.slice(None) };
        self.expiry.slice(Some(self.rechecks.get_or_insert(Rechecks::new(interval))))
    }
}

/// The most that one sleep lasts.
#[derive(Clone, Copy)]
pub enum Slice {
    For(Duration),
    Until(Deadline),
}

/// When a wait ends at the latest.
pub trait Expiry: Copy {
    /// ETIMEDOUT once it has passed.
    fn check(self) -> Result<()>;
    /// When a sleep ends at the latest that may last until a time of the monotonic clock; ETIMEDOUT once the expiry has
    /// passed.
    ///
    /// With such a time, the monotonic clock measures the sleep whatever clock the expiry uses: who sets the wall clock
    /// back must not keep a wait from looking again.
    fn until(self, longest: Option<Time>) -> Result<Option<Deadline>>;

    /// Returns how long a sleep lasts at most that is to look again, or not; ETIMEDOUT once the expiry has passed.
    fn slice(self, rechecks: Option<&mut Rechecks>) -> Result<Option<Slice>> {
        Ok(self.until(rechecks.map(Rechecks::next_by_clock))?.map(Slice::Until))
    }
}

/// A wait without a limit. It looks at no clock, and a program without other waits needs no code to read one.
#[derive(Clone, Copy)]
pub(crate) struct Never;

impl Expiry for Never {
    fn check(self) -> Result<()> {
        Ok(())
    }

    fn until(self, longest: Option<Time>) -> Result<Option<Deadline>> {
        Ok(longest.map(Deadline::Monotonic))
    }

    fn slice(self, rechecks: Option<&mut Rechecks>) -> Result<Option<Slice>> {
        Ok(rechecks.map(|rechecks| Slice::For(rechecks.next_length())))
    }
}

/// A wait without a limit that never looks again by itself. A program without other waits needs no code for that.
#[derive(Clone, Copy)]
pub(crate) struct Unbroken;

impl Expiry for Unbroken {
    fn check(self) -> Result<()> {
        Ok(())
    }

    fn until(self, _: Option<Time>) -> Result<Option<Deadline>> {
        Ok(None)
    }

    fn slice(self, _: Option<&mut Rechecks>) -> Result<Option<Slice>> {
        Ok(None)
    }
}

impl Expiry for Deadline {
    fn check(self) -> Result<()> {
        if self.has_passed() { Err(Errno::TIMEDOUT) } else { Ok(()) }
    }

    fn until(self, longest: Option<Time>) -> Result<Option<Deadline>> {
        let remaining = self.remaining();
        if remaining.is_zero() {
            return Err(Errno::TIMEDOUT);
        }
        Ok(Some(match (self, longest) {
            (deadline, None) => deadline,
            (Self::Monotonic(time), Some(longest)) => Self::Monotonic(time.min(longest)),
            (Self::Realtime(_), Some(longest)) => {
                Self::Monotonic(Time::now(Clock::Monotonic).saturating_add(remaining).min(longest))
            }
        }))
    }
}

impl<E: Expiry> Expiry for Option<E> {
    fn check(self) -> Result<()> {
        self.map_or(Ok(()), Expiry::check)
    }

    fn until(self, longest: Option<Time>) -> Result<Option<Deadline>> {
        self.map_or(Never.until(longest), |expiry| expiry.until(longest))
    }
}

/// What a sleep's result means to the wait that slept: to look again, or to end.
pub(crate) fn ignore_spurious(slept: Result<()>) -> Result<()> {
    match slept {
        // Woken, the word had changed, or a slice is over. Whether the whole wait is, the next slice says.
        Ok(()) | Err(Errno::AGAIN | Errno::TIMEDOUT) => Ok(()),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// The ends of the first sleeps of a wait that nothing wakes, in milliseconds since it began.
    fn ends(interval: Duration, random: u16) -> [u64; 6] {
        let mut rechecks = Rechecks::new(interval);
        let mut now = 0;
        core::array::from_fn(|_| {
            now = rechecks.next(now, random);
            now / 1_000_000
        })
    }

    #[test]
    fn wait_policy_sleeps_grow_up_to_the_interval() {
        assert_eq!(ends(SECOND, 0), [31, 154, 663, 1662, 2662, 3661]);
        assert_eq!(ends(SECOND, u16::MAX), [44, 233, 1001, 2501, 4001, 5501]);
        assert_eq!(ends(Duration::from_millis(1), 0), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn wait_policy_without_a_clock_sleeps_alike() {
        let mut rechecks = Rechecks::new(SECOND);
        let lengths: [u128; 5] = core::array::from_fn(|_| rechecks.next_length().as_millis());
        for (length, least) in lengths.into_iter().zip([32_u128, 128, 512, 1000, 1000]) {
            assert!((least - 8..=least + least / 2 + 8).contains(&length), "{lengths:?}");
        }
    }

    #[test]
    fn wait_policy_sleeps_end_away_from_round_times() {
        for random in (0..=u16::MAX).step_by(17) {
            let mut rechecks = Rechecks::new(SECOND);
            let mut now = 0;
            for _ in 0..8 {
                now = rechecks.next(now, random);
                assert!((1_000_000..=5_000_000).contains(&(now % 10_000_000)), "{now:?}");
            }
        }
    }

    #[test]
    fn wait_policy_sleeps_differ_in_length() {
        let ends: [u64; 64] = core::array::from_fn(|_| Rechecks::new(SECOND).next(0, random_bits()));
        let (shortest, longest) = (ends.iter().min(), ends.iter().max());
        assert!(longest.unwrap() - shortest.unwrap() > 8_000_000, "{ends:?}");
    }

    #[test]
    fn wait_policy_keeps_its_end_when_woken_early() {
        let mut rechecks = Rechecks::new(SECOND);
        let first = rechecks.next(0, 9);
        assert_eq!(rechecks.next(20_000_000, 99), first);
        assert!(rechecks.next(first, 9) > first);
    }

    #[test]
    fn wait_policy_survives_the_longest_interval() {
        let mut rechecks = Rechecks::new(Duration::MAX);
        let mut now = 0;
        for _ in 0..70 {
            let next = rechecks.next(now, u16::MAX);
            assert!(next > now || next > u64::MAX / 2);
            now = next;
        }
    }
}
