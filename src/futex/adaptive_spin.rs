//! Spinning and yielding before a sleep, as long as that is worth it.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use core::time::Duration;

use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::read;
use rustix::thread::{sched_getaffinity, sched_yield};

use super::pause;
use crate::time::{Clock, Time};

/// What a yield may take and still be worth it.
const WORTH_IT: Duration = Duration::from_micros(200);

/// How many waits do without a yield after one that was not worth it, at first and at most.
const FIRST_PAUSE: u32 = 64;
const LONGEST_PAUSE: u32 = 1 << 14;

/// How many waits yield before they spin, after one whose spinning was without success and whose yield was not: at
/// first and at most.
const FIRST_NEAR: u32 = 64;
const LONGEST_NEAR: u32 = 1 << 12;

/// Decides whether and when a handle's waits spin and yield.
///
/// Two processes that hand messages over are often put on one processor, and always where there is but one, or where
/// both are pinned to the same. Then the peer that would wake a waiter runs only if the waiter does not, and one yield,
/// without a sleep and a wake-up, lets the peer do its work. Where the peer runs elsewhere, a yield brings nothing; and
/// where other processes compute, they may run first, for milliseconds. So after a yield that brought nothing or took
/// long, waits do without for a while, twice as long each time.
///
/// Spinning is what helps between two processors, and there it comes first: a yield takes longer than the peer needs.
/// Where spinning was without success and the yield was not, the yield comes first, for a while that doubles each time.
/// So it is the peer's place that decides, and not the processors that this thread may use: both may be pinned, to one
/// processor or to two, and may be moved later.
pub(crate) struct AdaptiveSpin {
    /// The machine has one processor: nothing changes while this process spins.
    one_processor: bool,
    /// How many waits still do without a yield.
    left: AtomicU32,
    /// How many will after the next one that is not worth it.
    pause: AtomicU32,
    /// How many waits will yield before they spin.
    near: AtomicU32,
    /// How many will after the next one that spins without success.
    next_near: AtomicU32,
}

impl AdaptiveSpin {
    pub(crate) fn new() -> Self {
        Self {
            one_processor: has_one_processor(),
            left: AtomicU32::new(0),
            pause: AtomicU32::new(FIRST_PAUSE),
            near: AtomicU32::new(0),
            next_near: AtomicU32::new(FIRST_NEAR),
        }
    }

    /// Returns how many pauses to make, of those that were asked for.
    pub(crate) const fn pauses(&self, asked: u32) -> u32 {
        if self.one_processor { 0 } else { asked }
    }

    /// Waits a little for something: makes pauses, and looks after each `step` of them.
    pub(crate) fn spin_then_yield(&self, pauses: u32, step: u32, is_there: impl Fn() -> bool) {
        // Threads that race here change how many waits spin or yield, and nothing else.
        let near = self.near.load(Relaxed);
        if near > 0 {
            self.near.store(near - 1, Relaxed);
            if self.yield_once(&is_there) {
                return;
            }
        }
        for _ in 0..self.pauses(pauses).div_ceil(step) {
            pause(step);
            if is_there() {
                self.next_near.store(FIRST_NEAR, Relaxed);
                return;
            }
        }
        if near == 0 && self.yield_once(&is_there) {
            let near = self.next_near.load(Relaxed);
            self.near.store(near, Relaxed);
            self.next_near.store((2 * near).min(LONGEST_NEAR), Relaxed);
        }
    }

    /// Lets others run, if that is worth it; returns `true` if what is waited for is there then.
    fn yield_once(&self, is_there: impl Fn() -> bool) -> bool {
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

/// Returns `true` if the machine has one processor online. A thread that may use several answers that by itself; of one
/// that is pinned, the kernel's list says it. Where there is no such list, there may be several.
fn has_one_processor() -> bool {
    sched_getaffinity(None).is_ok_and(|processors| processors.count() == 1) && is_one_online()
}

#[cold]
fn is_one_online() -> bool {
    // One processor is a number; several are ranges and lists, as in `0-3` or `0,2`.
    let mut list = [0; 32];
    let length = open(c"/sys/devices/system/cpu/online", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .and_then(|file: OwnedFd| read(&file, &mut list));
    let list = length.ok().and_then(|length| list.get(..length)).unwrap_or_default();
    !list.is_empty() && list.iter().all(|byte| byte.is_ascii_digit() || *byte == b'\n')
}
