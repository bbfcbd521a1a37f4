//! The two timed calls where a `long` has 64 bits: there is one form of them.

use core::ptr;

use super::Timespec;
use super::arch::{number, syscall};

/// `mq_timedsend` with its first four arguments and a deadline.
///
/// # Safety
/// As for `syscall`.
#[inline]
pub(super) unsafe fn send(arguments: [usize; 4], deadline: Option<&Timespec>) -> isize {
    // SAFETY: the caller vouches for the arguments; the deadline is null or a whole `timespec`.
    unsafe { syscall(number::MQ_TIMEDSEND, with_deadline(arguments, deadline)) }
}

/// `mq_timedreceive` with its first four arguments and a deadline.
///
/// # Safety
/// As for `syscall`.
#[inline]
pub(super) unsafe fn receive(arguments: [usize; 4], deadline: Option<&Timespec>) -> isize {
    // SAFETY: the caller vouches for the arguments; the deadline is null or a whole `timespec`.
    unsafe { syscall(number::MQ_TIMEDRECEIVE, with_deadline(arguments, deadline)) }
}

#[inline]
fn with_deadline([a, b, c, d]: [usize; 4], deadline: Option<&Timespec>) -> [usize; 5] {
    [a, b, c, d, deadline.map_or(ptr::null(), ptr::from_ref).expose_provenance()]
}
