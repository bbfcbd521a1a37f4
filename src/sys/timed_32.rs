//! The two timed calls where a `long` has 32 bits: in the `_time64` forms of Linux 5.1, or in the old ones.

use super::Timespec;
use super::arch::{number, syscall};
use super::forms::{Form, Forms, with_time};

/// The form that there is, for both calls.
static FORMS: Forms = Forms::new();

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
unsafe fn call([time64, old]: [usize; 2], [a, b, c, d]: [usize; 4], deadline: Option<&Timespec>) -> isize {
    FORMS.call(Form::Time64, |form| {
        let number = if form == Form::Time64 { time64 } else { old };
        // SAFETY: the caller vouches for the arguments; the deadline is null or a whole time of this form.
        with_time(form, deadline, |time| unsafe { syscall(number, [a, b, c, d, time]) })
    })
}
