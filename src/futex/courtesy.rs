//! Letting others run before going to sleep, where there is one processor for all.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use core::time::Duration;

use rustix::thread::{sched_getaffinity, sched_yield};

use crate::time::{Clock, Time};

/// What a call that lets others run may take, and be worth it.
const WORTH_IT: Duration = Duration::from_micros(200);

/// How many waits do without after one that took longer, at first and at most.
const FIRST_PAUSE: u32 = 64;
const LONGEST_PAUSE: u32 = 1 << 16;

/// Whether and when a handle's waits let others run.
///
/// Where there is one processor, whoever would wake a waiter runs only if the waiter does not. Then one call, and no
/// sleep and no wake-up, lets that one do its work. But if others compute there, they may run first, for milliseconds;
/// so after a call that took long, waits do without for a while, twice as long each time.
pub(crate) struct Courtesy {
    one_processor: bool,
    /// How many waits still do without.
    left: AtomicU32,
    /// How many will after the next one that takes long.
    pause: AtomicU32,
}

impl Courtesy {
    /// As the calling thread may run now.
    pub(crate) fn new() -> Self {
        Self { one_processor: one_processor(), left: AtomicU32::new(0), pause: AtomicU32::new(FIRST_PAUSE) }
    }

    /// Lets others run, if that is worth it.
    pub(crate) fn let_others_run(&self) {
        if !self.one_processor {
            return;
        }
        // Threads that race here change how many waits do without, and nothing else.
        let left = self.left.load(Relaxed);
        if left > 0 {
            self.left.store(left - 1, Relaxed);
            return;
        }
        let start = Time::now(Clock::Monotonic);
        sched_yield();
        if Time::now(Clock::Monotonic).saturating_since(start) <= WORTH_IT {
            self.pause.store(FIRST_PAUSE, Relaxed);
        } else {
            let pause = self.pause.load(Relaxed);
            self.left.store(pause, Relaxed);
            self.pause.store((2 * pause).min(LONGEST_PAUSE), Relaxed);
        }
    }
}

/// Whether the calling thread may run on one processor only: then nothing changes while it spins.
pub(super) fn one_processor() -> bool {
    sched_getaffinity(None).is_ok_and(|processors| processors.count() == 1)
}
