//! Waiting and clocks where a `long` has 64 bits: there is one form of these calls, which rustix makes.

use core::num::NonZeroU32;
use core::sync::atomic::AtomicU32;

use rustix::io::Result;
use rustix::thread::futex;
use rustix::time::Timespec;

pub(crate) use rustix::event::poll;
pub(crate) use rustix::thread::futex::{wait as futex_wait, wake as futex_wake};
pub(crate) use rustix::time::clock_gettime;

/// Sleeps while the word is as expected, until a time of the monotonic clock, or with the flag of the realtime clock.
#[inline]
pub(crate) fn futex_wait_until(word: &AtomicU32, flags: futex::Flags, expected: u32, end: &Timespec) -> Result<()> {
    futex::wait_bitset(word, flags, expected, Some(end), NonZeroU32::MAX)
}
