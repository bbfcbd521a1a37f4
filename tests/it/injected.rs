//! Failures that this kernel never shows by itself, made by a system call filter.

use rawipc::error::{Limit, Operation};
use rawipc::{Errno, ErrorKind, MessageQueue, Priority};

use crate::harness::kernel::{fail_calls, in_child};
use crate::harness::queues::{FreeName, Untouched, assert_error};
use crate::harness::{Ending, Lacking, exists, name_of, small, small_queue};

crate::tests!(
    ;
    alone: failures_of_opening_are_sorted,
    failures_of_unlinking_are_sorted,
    failures_of_sending_are_sorted_and_send_nothing,
    failures_of_receiving_are_sorted_and_take_nothing,
    failures_of_status_are_told,
    a_queue_whose_mode_cannot_be_set_is_not_left_behind,
    a_failing_close_is_told,
    a_failing_random_source_is_told,
    a_diagnosis_that_fails_leaves_the_errno
);

/// Errnos, the kinds they are, and a part of their sentences.
const SORTED: [(Errno, ErrorKind, &str); 7] = [
    (Errno::NOSYS, ErrorKind::Unsupported, "(ENOSYS)"),
    (Errno::NFILE, ErrorKind::LimitExceeded(Limit::SystemDescriptors), "raise fs.file-max (ENFILE)"),
    (Errno::NOMEM, ErrorKind::OutOfMemory, "the kernel is out of memory (ENOMEM)"),
    (Errno::OVERFLOW, ErrorKind::Overflow, "a number is too large (EOVERFLOW)"),
    (Errno::BUSY, ErrorKind::Busy, "already in use by another process (EBUSY)"),
    (Errno::IO, ErrorKind::Other, "the system refused (errno 5)"),
    (Errno::PERM, ErrorKind::PermissionDenied, "not permitted for this user (EPERM)"),
];

/// The numbers from 403 on are the same everywhere; where times have 32 bits otherwise, these are what is called.
const SENDS: [libc::c_long; 2] = [libc::SYS_mq_timedsend, 418];
const RECEIVES: [libc::c_long; 2] = [libc::SYS_mq_timedreceive, 419];

/// Checks one call's failure for each errno, in a child each since a filter is for good.
fn each_is_sorted(calls: &[libc::c_long], operation: Operation, call: impl Fn() -> rawipc::Error) -> Ending {
    require_filters()?;
    for (errno, kind, part) in SORTED {
        in_child(|| {
            fail_calls(calls, errno).expect("there are filters");
            assert_error(call(), kind, errno, operation, part);
        });
    }
    Ok(())
}

fn require_filters() -> Ending {
    let there = std::fs::exists("/proc/sys/kernel/seccomp/actions_avail").unwrap_or(false);
    if there { Ok(()) } else { Err(Lacking("seccomp filters".into())) }
}

fn failures_of_opening_are_sorted() -> Ending {
    let (queue, free) = (small_queue(), FreeName::new());
    let open = || MessageQueue::options().read(true).open(name_of(&queue)).unwrap_err();
    each_is_sorted(&[libc::SYS_mq_open], Operation::OpenQueue, open)?;
    let create = || small().create(true).open(&free).unwrap_err();
    each_is_sorted(&[libc::SYS_mq_open], Operation::CreateQueue, create)?;
    assert!(!exists(&free));
    Ok(())
}

fn failures_of_unlinking_are_sorted() -> Ending {
    let queue = small_queue();
    let unlink = || MessageQueue::unlink(name_of(&queue)).unwrap_err();
    each_is_sorted(&[libc::SYS_mq_unlink], Operation::UnlinkQueue, unlink)?;
    assert!(exists(name_of(&queue)));
    Ok(())
}

fn failures_of_sending_are_sorted_and_send_nothing() -> Ending {
    let watched = Untouched::new();
    each_is_sorted(&SENDS, Operation::Send, || watched.queue.send(b"x", Priority::MAX).unwrap_err())?;
    each_is_sorted(&SENDS, Operation::Send, || watched.queue.try_send(b"x", Priority::MAX).unwrap_err())?;
    watched.assert_untouched();
    Ok(())
}

fn failures_of_receiving_are_sorted_and_take_nothing() -> Ending {
    let watched = Untouched::new();
    each_is_sorted(&RECEIVES, Operation::Receive, || watched.queue.receive(&mut [0; 64]).unwrap_err())?;
    each_is_sorted(&RECEIVES, Operation::Receive, || watched.queue.try_receive(&mut [0; 64]).unwrap_err())?;
    watched.assert_untouched();
    Ok(())
}

fn failures_of_status_are_told() -> Ending {
    let watched = Untouched::new();
    let calls = [libc::SYS_mq_getsetattr];
    each_is_sorted(&calls, Operation::QueueStatus, || watched.queue.attributes().unwrap_err())?;
    each_is_sorted(&calls, Operation::QueueStatus, || watched.queue.len().unwrap_err())?;
    each_is_sorted(&calls, Operation::SetNonblocking, || watched.queue.set_nonblocking(true).unwrap_err())?;
    watched.assert_untouched();
    Ok(())
}

fn a_queue_whose_mode_cannot_be_set_is_not_left_behind() -> Ending {
    let free = FreeName::new();
    fail_calls(&[libc::SYS_fchmod], Errno::IO)?;
    for options in [small().create_new(true), small().create(true), small().create(true).unlink_on_drop(false)] {
        let error = options.exact_mode(0o666).open(&free).unwrap_err();
        assert_error(error, ErrorKind::Other, Errno::IO, Operation::CreateQueue, "the system refused (errno 5)");
        assert!(!exists(&free));
    }
    Ok(())
}

/// The descriptor is closed in any case, says Linux; here the filter keeps the kernel from hearing of it.
fn a_failing_close_is_told() -> Ending {
    let free = FreeName::new();
    let queue = small().create_new(true).open(&free).unwrap();
    fail_calls(&[libc::SYS_close], Errno::IO)?;
    let error = queue.close().unwrap_err();
    assert_error(error, ErrorKind::Other, Errno::IO, Operation::CloseQueue, "closing the queue: ");
    let gone = MessageQueue::unlink(&free).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound, "the name is removed all the same");
    Ok(())
}

fn a_failing_random_source_is_told() -> Ending {
    fail_calls(&[libc::SYS_getrandom], Errno::NOSYS)?;
    let error = small().create_unique(rawipc::name!("/rawipc-test-")).unwrap_err();
    assert_error(error, ErrorKind::Unsupported, Errno::NOSYS, Operation::CreateQueue, "ENOSYS");
    Ok(())
}

fn a_diagnosis_that_fails_leaves_the_errno() -> Ending {
    let watched = Untouched::new();
    fail_calls(&[libc::SYS_mq_getsetattr], Errno::IO)?;
    let long = watched.queue.send(&[0; 65], Priority::MIN).unwrap_err();
    assert_error(long, ErrorKind::MessageTooLong, Errno::MSGSIZE, Operation::Send, "too long for the queue (EMSGSIZE)");
    assert_eq!(long.bounds(), None);
    let small = watched.queue.receive(&mut [0; 63]).unwrap_err();
    assert_eq!((small.errno(), small.operation()), (Errno::MSGSIZE, Operation::Receive));
    assert_eq!(small.kind(), ErrorKind::BufferTooSmall);
    Ok(())
}
