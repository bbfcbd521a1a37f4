//! The two timed calls where a `long` has 32 bits: the `_time64` forms of Linux 5.1, and the old ones on kernels before
//! it.
//!
//! The first call that the kernel does not know decides for the whole process, once.

use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::Timespec;
use super::arch::{number, syscall};
use rustix::io::Errno;

/// Set once the kernel has answered ENOSYS to a `_time64` call.
static BEFORE_5_1: AtomicBool = AtomicBool::new(false);

/// The kernel's `struct old_timespec32`.
#[repr(C)]
struct Timespec32 {
    seconds: i32,
    nanoseconds: i32,
}

/// `mq_timedsend` with its first four arguments and a deadline.
///
/// # Safety
/// As for `syscall`.
#[inline]
pub(super) unsafe fn send(arguments: [usize; 4], deadline: Option<&Timespec>) -> isize {
    // SAFETY: the caller vouches for the arguments.
    unsafe { call([number::MQ_TIMEDSEND_TIME64, number::MQ_TIMEDSEND], arguments, deadline) }
}

/// `mq_timedreceive` with its first four arguments and a deadline.
///
/// # Safety
/// As for `syscall`.
#[inline]
pub(super) unsafe fn receive(arguments: [usize; 4], deadline: Option<&Timespec>) -> isize {
    // SAFETY: the caller vouches for the arguments.
    unsafe { call([number::MQ_TIMEDRECEIVE_TIME64, number::MQ_TIMEDRECEIVE], arguments, deadline) }
}

/// # Safety
/// As for `syscall`.
#[inline]
unsafe fn call([time64, old]: [usize; 2], arguments: [usize; 4], deadline: Option<&Timespec>) -> isize {
    if !BEFORE_5_1.load(Relaxed) {
        let [a, b, c, d] = arguments;
        let time = deadline.map_or(ptr::null(), ptr::from_ref).expose_provenance();
        // SAFETY: the caller vouches for the arguments; the deadline is null or a whole `__kernel_timespec`.
        let result = unsafe { syscall(time64, [a, b, c, d, time]) };
        if result != -(Errno::NOSYS.raw_os_error() as isize) {
            return result;
        }
        BEFORE_5_1.store(true, Relaxed);
    }
    // SAFETY: the caller vouches for the arguments.
    unsafe { call_old(old, arguments, deadline) }
}

/// The call of kernels before 5.1, whose clock ends in 2038: a later deadline is cut to the last second it knows.
///
/// # Safety
/// As for `syscall`.
#[cold]
unsafe fn call_old(number: usize, [a, b, c, d]: [usize; 4], deadline: Option<&Timespec>) -> isize {
    let short = deadline.map(|time| Timespec32 {
        seconds: time.seconds.clamp(i32::MIN.into(), i32::MAX.into()) as i32,
        nanoseconds: time.nanoseconds as i32,
    });
    let time = short.as_ref().map_or(ptr::null(), ptr::from_ref).expose_provenance();
    // SAFETY: the caller vouches for the arguments; the deadline is null or a whole `old_timespec32`.
    unsafe { syscall(number, [a, b, c, d, time]) }
}
