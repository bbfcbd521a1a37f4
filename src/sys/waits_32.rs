//! Waiting and clocks where a `long` has 32 bits. rustix makes these calls in one form and does not try the other.
//!
//! The old form comes first where it can express the time, as in rustix: some sandboxes end a process that makes a call
//! they do not know.

use core::cell::Cell;
use core::ptr;
use core::sync::atomic::AtomicU32;

use rustix::event::PollFd;
use rustix::io::Result;
use rustix::thread::futex;
use rustix::time::{ClockId, DynamicClockId, clock_gettime_dynamic};

use super::arch::{number, syscall, syscall_six};
use super::forms::{Form, Forms, OldTimespec, with_time};
use super::{Timespec, check};

const FUTEX_WAIT: u32 = 0;
const FUTEX_WAKE: u32 = 1;
const FUTEX_WAIT_BITSET: u32 = 9;
const ALL_BITS: u32 = u32::MAX;

/// The size of the kernel's set of signals, in bytes.
const SIGNAL_SET: usize = 8;

static FUTEX: Forms = Forms::new();
static POLL: Forms = Forms::new();
static CLOCK: Forms = Forms::new();

/// Sleeps while the word is as expected, for at most a time.
pub(crate) fn futex_wait(
    word: &AtomicU32,
    flags: futex::Flags,
    expected: u32,
    time: Option<&rustix::time::Timespec>,
) -> Result<()> {
    futex(word, FUTEX_WAIT | flags.bits(), expected, time).map(drop)
}

/// Sleeps while the word is as expected, until a time of the monotonic clock, or with the flag of the realtime clock.
pub(crate) fn futex_wait_until(
    word: &AtomicU32,
    flags: futex::Flags,
    expected: u32,
    end: &rustix::time::Timespec,
) -> Result<()> {
    futex(word, FUTEX_WAIT_BITSET | flags.bits(), expected, Some(end)).map(drop)
}

/// Wakes up to `count` sleepers.
pub(crate) fn futex_wake(word: &AtomicU32, flags: futex::Flags, sleepers: u32) -> Result<usize> {
    futex(word, FUTEX_WAKE | flags.bits(), sleepers, None)
}

#[cold]
fn futex(word: &AtomicU32, operation: u32, value: u32, time: Option<&rustix::time::Timespec>) -> Result<usize> {
    let time = time.map(of_rustix);
    check(FUTEX.call(first_form(time.as_ref()), |form| {
        let number = if form == Form::Old { number::FUTEX } else { number::FUTEX_TIME64 };
        with_time(form, time.as_ref(), |time| {
            let word = ptr::from_ref(word).expose_provenance();
            // SAFETY: the kernel only reads the word, and the time, which is null or a whole one of this form. None of
            // the three operations looks at a second word.
            unsafe { syscall_six(number, [word, operation as usize, value as usize, time, 0, ALL_BITS as usize]) }
        })
    }))
}

/// Waits until something happens to one of the descriptors, for at most a time; how many there are.
#[cold]
pub(crate) fn poll(descriptors: &mut [PollFd<'_>], time: Option<&rustix::time::Timespec>) -> Result<usize> {
    let time = time.map(of_rustix);
    let (first, count) = (descriptors.as_mut_ptr().expose_provenance(), descriptors.len());
    check(POLL.call(first_form(time.as_ref()), |form| {
        let number = if form == Form::Old { number::PPOLL } else { number::PPOLL_TIME64 };
        // SAFETY: a `PollFd` is a `struct pollfd`, of which there are that many for the kernel to write to; the time is
        // null or a whole one of this form, and a copy. No set of signals is given.
        with_time(form, time.as_ref(), |time| unsafe { syscall(number, [first, count, time, 0, SIGNAL_SET]) })
    }))
}

/// What a clock shows. Where no form of the call is permitted, the end of time: every time limit has passed then, and
/// no wait with one goes on for ever.
pub(crate) fn clock_gettime(clock: ClockId) -> rustix::time::Timespec {
    let shown = Cell::new(rustix::time::Timespec { tv_sec: i64::MAX, tv_nsec: 999_999_999 });
    CLOCK.call(Form::Time64, |form| match form {
        // Without a system call where the kernel's shared code can read the clock.
        Form::Time64 => match clock_gettime_dynamic(DynamicClockId::Known(clock)) {
            Ok(time) => {
                shown.set(time);
                0
            }
            Err(errno) => -(errno.raw_os_error() as isize),
        },
        Form::Old => {
            let mut old = OldTimespec { seconds: 0, nanoseconds: 0 };
            let arguments = [clock as usize, ptr::from_mut(&mut old).expose_provenance(), 0, 0, 0];
            // SAFETY: the kernel writes a time of the old form there.
            let result = unsafe { syscall(number::CLOCK_GETTIME, arguments) };
            if result == 0 {
                shown.set(rustix::time::Timespec { tv_sec: old.seconds.into(), tv_nsec: old.nanoseconds.into() });
            }
            result
        }
    });
    shown.get()
}

fn first_form(time: Option<&Timespec>) -> Form {
    if OldTimespec::fits(time) { Form::Old } else { Form::Time64 }
}

fn of_rustix(time: &rustix::time::Timespec) -> Timespec {
    Timespec { seconds: time.tv_sec, nanoseconds: time.tv_nsec as _ }
}
