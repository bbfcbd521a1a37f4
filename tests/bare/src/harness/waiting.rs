//! Waiting for what can be observed, never just for time to pass.

use core::time::Duration;

use rawipc::time::{Clock, Time};
use rustix::thread::nanosleep;
use rustix::time::Timespec;

/// Far more than anything observable takes, also in an emulator on a machine that is busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a condition holds; panics if it does not come to hold.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Time::now(Clock::Monotonic);
    while !condition() {
        assert!(Time::now(Clock::Monotonic).saturating_since(start) < PATIENCE, "waited in vain until {what}");
        pause();
    }
}

/// A moment between two looks at a condition; whoever looks has a bound of its own.
fn pause() {
    let _ = nanosleep(&Timespec { tv_sec: 0, tv_nsec: 200_000 });
}
