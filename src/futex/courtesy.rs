//! Letting others run before going to sleep, as long as that is worth it.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use core::time::Duration;

use rustix::thread::{sched_getaffinity, sched_yield};

use super::pause;
use crate::time::{Clock, Time};

/// What letting others run may take, and be worth it.
const WORTH_IT: Duration = Duration::from_micros(200);

/// How many waits do without after one for which it was not worth it, at first and at most.
const FIRST_PAUSE: u32 = 64;
const LONGEST_PAUSE: u32 = 1 << 14;

/// How many waits let others run before they look, after one that has looked in vain.
const NEAR: u32 = 64;

/// Whether and when a handle's waits let others run.
///
/// Two processes that hand messages over are often put on one processor, and always where there is but one. Then
/// whoever would wake a waiter runs only if the waiter does not, and one call, without a sleep and a wake-up, lets that
/// one do its work. Where it runs elsewhere, the call brings nothing; and where others compute, they may run first, for
/// milliseconds. So after a call that brought nothing or took long, waits do without for a while, twice as long each
/// time.
///
/// Looking again and again is what helps between two processors, and there it comes first: the call takes longer than
/// the other one needs. Where looking was in vain and the call was not, the call comes first, for a while.
pub(crate) struct Courtesy {
    /// Nothing changes while this process spins.
    one_processor: bool,
    /// How many waits still do without.
    left: AtomicU32,
    /// How many will after the next one that is not worth it.
    pause: AtomicU32,
    /// How many waits will let others run first.
    near: AtomicU32,
}

impl Courtesy {
    /// As the calling thread may run now.
    pub(crate) fn new() -> Self {
        let one_processor = sched_getaffinity(None).is_ok_and(|processors| processors.count() == 1);
        Self { one_processor, left: AtomicU32::new(0), pause: AtomicU32::new(FIRST_PAUSE), near: AtomicU32::new(0) }
    }

    /// How often to look, of so many times that were asked for.
    pub(crate) const fn spin(&self, asked: u32) -> u32 {
        if self.one_processor { 0 } else { asked }
    }

    /// Waits a little for something: pauses so often, and looks after each `step` of them.
    pub(crate) fn linger(&self, pauses: u32, step: u32, is_there: impl Fn() -> bool) {
        let near = self.near.load(Relaxed);
        if near > 0 {
            self.near.store(near - 1, Relaxed);
            if self.let_others_run(&is_there) {
                return;
            }
        }
        for _ in 0..self.spin(pauses).div_ceil(step) {
            pause(step);
            if is_there() {
                return;
            }
        }
        if near == 0 && self.let_others_run(&is_there) {
            self.near.store(NEAR, Relaxed);
        }
    }

    /// Lets others run, if that is worth it; whether what is waited for is there then.
    fn let_others_run(&self, is_there: impl Fn() -> bool) -> bool {
        // Threads that race here change how many waits do without, and nothing else.
        let left = self.left.load(Relaxed);
        if left > 0 {
            self.left.store(left - 1, Relaxed);
            return false;
        }
        let start = Time::now(Clock::Monotonic);
        sched_yield();
        let found = is_there();
        if found && Time::now(Clock::Monotonic).saturating_since(start) <= WORTH_IT {
            self.pause.store(FIRST_PAUSE, Relaxed);
        } else {
            let pause = self.pause.load(Relaxed);
            self.left.store(pause, Relaxed);
            self.pause.store((2 * pause).min(LONGEST_PAUSE), Relaxed);
        }
        found
    }
}
