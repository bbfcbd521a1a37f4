//! Numbers, structs and sizes against linux-raw-sys (the kernel's headers) and libc.

use core::mem::{offset_of, size_of};
use linux_raw_sys::general as kernel;

use super::ofd_lock::{F_OFD_GETLK, F_OFD_SETLK, F_RDLCK, F_UNLCK, F_WRLCK, FileLock};
use super::{Attributes, COOKIE_LENGTH, SignalEvent, Timespec, number};

#[test]
fn numbers_are_the_kernels() {
    let ours = [
        (number::MQ_OPEN, kernel::__NR_mq_open),
        (number::MQ_UNLINK, kernel::__NR_mq_unlink),
        (number::MQ_TIMEDSEND, kernel::__NR_mq_timedsend),
        (number::MQ_TIMEDRECEIVE, kernel::__NR_mq_timedreceive),
        (number::MQ_NOTIFY, kernel::__NR_mq_notify),
        (number::MQ_GETSETATTR, kernel::__NR_mq_getsetattr),
        #[cfg(target_pointer_width = "64")]
        (number::FCNTL, kernel::__NR_fcntl),
        #[cfg(target_pointer_width = "32")]
        (number::FCNTL, kernel::__NR_fcntl64),
    ];
    for (ours, theirs) in ours {
        assert_eq!(ours, theirs as usize);
    }
    assert_eq!(number::MQ_OPEN as libc::c_long, libc::SYS_mq_open);
    assert_eq!(number::MQ_GETSETATTR as libc::c_long, libc::SYS_mq_getsetattr);
}

#[cfg(target_pointer_width = "32")]
#[test]
fn time64_numbers_are_the_kernels() {
    assert_eq!(number::MQ_TIMEDSEND_TIME64, kernel::__NR_mq_timedsend_time64 as usize);
    assert_eq!(number::MQ_TIMEDRECEIVE_TIME64, kernel::__NR_mq_timedreceive_time64 as usize);
    assert_eq!([number::FUTEX, number::FUTEX_TIME64], [kernel::__NR_futex, kernel::__NR_futex_time64].map(|n| n as _));
    assert_eq!([number::PPOLL, number::PPOLL_TIME64], [kernel::__NR_ppoll, kernel::__NR_ppoll_time64].map(|n| n as _));
    assert_eq!(number::CLOCK_GETTIME, kernel::__NR_clock_gettime as usize);
}

#[test]
fn structs_have_the_kernels_layout() {
    assert_eq!(size_of::<Attributes>(), size_of::<libc::mq_attr>());
    assert_eq!(offset_of!(Attributes, flags), offset_of!(libc::mq_attr, mq_flags));
    assert_eq!(offset_of!(Attributes, max_messages), offset_of!(libc::mq_attr, mq_maxmsg));
    assert_eq!(offset_of!(Attributes, max_message_size), offset_of!(libc::mq_attr, mq_msgsize));
    assert_eq!(offset_of!(Attributes, messages), offset_of!(libc::mq_attr, mq_curmsgs));
    assert_eq!(size_of::<Timespec>(), size_of::<kernel::__kernel_timespec>());
    assert_eq!(offset_of!(Timespec, seconds), offset_of!(kernel::__kernel_timespec, tv_sec));
    assert_eq!(offset_of!(Timespec, nanoseconds), offset_of!(kernel::__kernel_timespec, tv_nsec));
}

#[test]
fn events_have_the_kernels_layout() {
    assert_eq!(size_of::<SignalEvent<'_>>(), size_of::<kernel::sigevent>());
    assert_eq!(size_of::<SignalEvent<'_>>(), size_of::<libc::sigevent>());
    assert_eq!(offset_of!(SignalEvent<'_>, number), offset_of!(libc::sigevent, sigev_signo));
    assert_eq!(offset_of!(SignalEvent<'_>, notify), offset_of!(libc::sigevent, sigev_notify));
    assert_eq!(SignalEvent::signal(10, 0).notify, kernel::SIGEV_SIGNAL as i32);
    assert_eq!(SignalEvent::none().notify, kernel::SIGEV_NONE as i32);
    assert_eq!(COOKIE_LENGTH, 32);
}

#[test]
fn locks_have_the_kernels_layout() {
    #[cfg(target_pointer_width = "64")]
    use libc::flock as Kernels;
    #[cfg(target_pointer_width = "32")]
    use libc::flock64 as Kernels;
    assert_eq!(size_of::<FileLock>(), size_of::<Kernels>());
    assert_eq!(offset_of!(FileLock, start), offset_of!(Kernels, l_start));
    assert_eq!(offset_of!(FileLock, length), offset_of!(Kernels, l_len));
    assert_eq!([F_OFD_GETLK as i32, F_OFD_SETLK as i32], [libc::F_OFD_GETLK, libc::F_OFD_SETLK]);
    assert_eq!(offset_of!(FileLock, process), offset_of!(Kernels, l_pid));
    assert_eq!([F_RDLCK, F_WRLCK, F_UNLCK], [libc::F_RDLCK as _, libc::F_WRLCK as _, libc::F_UNLCK as _]);
}

#[test]
fn only_a_participants_lock_counts_as_one() {
    const BYTE: u64 = 1 << 62;
    let ours = FileLock { kind: F_WRLCK, whence: 0, start: 1 << 62, length: 1, process: -1 };
    assert!(ours.is_ours(BYTE));
    let others = [
        FileLock { kind: F_RDLCK, ..ours },
        FileLock { kind: F_UNLCK, ..ours },
        FileLock { start: ours.start - 1, length: 2, ..ours },
        FileLock { start: 0, length: 0, ..ours },
        FileLock { length: 0, ..ours },
        // A process's, also of one that has no number in this PID namespace.
        FileLock { process: 1, ..ours },
        FileLock { process: 0, ..ours },
    ];
    for other in others {
        assert!(!other.is_ours(BYTE));
    }
}
