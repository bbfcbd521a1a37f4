//! The bugs that are planted in waiting: what a wait promises about signals, bounds and idle machines.

use super::bugs::Finder::Tests;
use super::bugs::{Bug, bug};

pub const WAITING: &[Bug] = &[
    bug(
        "a semaphore's wait looks again by itself",
        "src/futex/wait_policy.rs",
        "Self { spin: 0, recheck_interval: None };",
        "Self { spin: 0, recheck_interval: Some(ROBUST_INTERVAL) };",
        Tests("sync::wait_signals"),
    ),
    bug(
        "an idle waiter wakes up every 32 ms",
        "src/futex/wait_policy.rs",
        "self.length = length.saturating_mul(Self::GROWTH);",
        "self.length = length.saturating_mul(1);",
        Tests("sync::wait_signals"),
    ),
    bug(
        "a call waits for a stopped peer beyond its grace",
        "src/shared_queue/protocol/wait_limit.rs",
        "deadline.saturating_add(self.grace)",
        "deadline.saturating_add(self.grace + SETTLE_GRACE)",
        Tests("shared_queue::bounds"),
    ),
    bug(
        "a signal handler interrupts publishing",
        "src/shared_queue/in_place.rs",
        "                Err(Errno::INTR) => {}\n",
        "                Err(Errno::NOENT) => {}\n",
        Tests("sync::signals"),
    ),
    bug(
        "the kernel is asked about each message in flight",
        "src/shared_queue/protocol/recovery.rs",
        "            self.last.set(owner);",
        "            self.last.set(PeerId::NONE);",
        Tests("shared_queue::calls"),
    ),
];
