//! The two forms of a call with a time where a `long` has 32 bits, and which of them there is.
//!
//! Kernels before 5.1 have the old form alone. Kernels that are built without CONFIG_COMPAT_32BIT_TIME have the
//! `_time64` form alone. Sandboxes that are older than Linux 5.1 answer EPERM to the calls that they do not know. None
//! of the calls here has an EPERM of its own.

use core::ptr;
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

use rustix::io::Errno;

use super::Timespec;

/// A form of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// With a time whose seconds have 32 bits, which ends in 2038.
    Old,
    Time64,
}

/// What this process knows about the forms of a call.
pub(super) struct Forms(AtomicU8);

/// No form has been refused.
const BOTH: u8 = 0;
const OLD: u8 = 1;
const TIME64: u8 = 2;
/// Both have been refused: each call is made once, in the form beside it, and not tried in the other one.
const NEITHER: u8 = 4;

impl Forms {
    pub(super) const fn new() -> Self {
        Self(AtomicU8::new(BOTH))
    }

    /// Makes the call in its first form, or in the other one once the first has been refused.
    #[inline]
    pub(super) fn call(&self, first: Form, call: impl Fn(Form) -> isize) -> isize {
        let known = self.0.load(Relaxed);
        let form = match known & !NEITHER {
            OLD => Form::Old,
            TIME64 => Form::Time64,
            _ => first,
        };
        let result = call(form);
        if is_refusal(result) && known & NEITHER == 0 { self.try_other(form, result, call) } else { result }
    }

    #[cold]
    fn try_other(&self, refused: Form, result: isize, call: impl Fn(Form) -> isize) -> isize {
        let other = match refused {
            Form::Old => Form::Time64,
            Form::Time64 => Form::Old,
        };
        let again = call(other);
        let neither = if is_refusal(again) { NEITHER } else { 0 };
        // Of two refusals ENOSYS says more, and is the lesser number.
        let (form, result) = if neither != 0 && result < again { (refused, result) } else { (other, again) };
        self.0.store(neither | if form == Form::Old { OLD } else { TIME64 }, Relaxed);
        result
    }
}

fn is_refusal(result: isize) -> bool {
    [Errno::NOSYS, Errno::PERM].iter().any(|errno| result == -(errno.raw_os_error() as isize))
}

/// The kernel's `struct old_timespec32`, whose clock ends in 2038.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct OldTimespec {
    pub(super) seconds: i32,
    pub(super) nanoseconds: i32,
}

impl OldTimespec {
    /// A time that the old form cannot express is cut to the last second that it knows.
    fn cut(time: Timespec) -> Self {
        Self {
            seconds: time.seconds.clamp(i32::MIN.into(), i32::MAX.into()) as i32,
            nanoseconds: time.nanoseconds as i32,
        }
    }

    /// Returns `true` if the old form can express the time, or there is none.
    pub(super) fn fits(time: Option<&Timespec>) -> bool {
        time.is_none_or(|time| i32::try_from(time.seconds).is_ok())
    }
}

/// Makes a call with the address of the time as the form takes it, 0 if there is none. The kernel may write there.
#[inline]
pub(super) fn with_time(form: Form, time: Option<&Timespec>, call: impl FnOnce(usize) -> isize) -> isize {
    let mut long = time.copied().unwrap_or(Timespec::EXPIRED);
    let mut short = OldTimespec::cut(long);
    call(match (time, form) {
        (None, _) => 0,
        (Some(_), Form::Time64) => ptr::from_mut(&mut long).expose_provenance(),
        (Some(_), Form::Old) => ptr::from_mut(&mut short).expose_provenance(),
    })
}

#[cfg(test)]
mod tests {
    use core::cell::RefCell;
    use std::vec::Vec;

    use super::*;

    const NOSYS: isize = -38;
    const PERM: isize = -1;
    const AGAIN: isize = -11;

    /// Makes calls of a kernel that answers these to the old and the new form; the results, and the forms that were
    /// called.
    fn calls(first: Form, old: isize, time64: isize) -> (Vec<isize>, Vec<Form>) {
        let (forms, called) = (Forms::new(), RefCell::new(Vec::new()));
        let call = |form| {
            called.borrow_mut().push(form);
            if form == Form::Old { old } else { time64 }
        };
        let results = (0..3).map(|_| forms.call(first, call)).collect();
        (results, called.into_inner())
    }

    #[test]
    fn call_forms_stay_where_none_is_refused() {
        for first in [Form::Old, Form::Time64] {
            assert_eq!(calls(first, AGAIN, AGAIN), (Vec::from([AGAIN; 3]), Vec::from([first; 3])));
        }
    }

    #[test]
    fn call_forms_change_once_when_one_is_refused() {
        use Form::{Old, Time64};
        for refusal in [NOSYS, PERM] {
            assert_eq!(calls(Time64, AGAIN, refusal), (Vec::from([AGAIN; 3]), Vec::from([Time64, Old, Old, Old])));
            assert_eq!(calls(Old, refusal, 0), (Vec::from([0; 3]), Vec::from([Old, Time64, Time64, Time64])));
            assert_eq!(calls(Old, 0, refusal).1, [Old; 3]);
        }
    }

    #[test]
    fn call_forms_are_not_doubled_when_both_are_refused() {
        use Form::{Old, Time64};
        assert_eq!(calls(Time64, PERM, PERM), (Vec::from([PERM; 3]), Vec::from([Time64, Old, Old, Old])));
        assert_eq!(calls(Old, NOSYS, PERM), (Vec::from([NOSYS; 3]), Vec::from([Old, Time64, Old, Old])));
        assert_eq!(calls(Time64, NOSYS, PERM), (Vec::from([NOSYS; 3]), Vec::from([Time64, Old, Old, Old])));
    }

    #[test]
    fn old_time_ends_in_2038() {
        let time = |seconds| Timespec { seconds, nanoseconds: 7 };
        assert!(OldTimespec::fits(None) && OldTimespec::fits(Some(&time(i32::MAX.into()))));
        assert!(!OldTimespec::fits(Some(&time(1 << 31))));
        let cut = OldTimespec::cut(time(1 << 40));
        assert_eq!((cut.seconds, cut.nanoseconds), (i32::MAX, 7));
    }
}
