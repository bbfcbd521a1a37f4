//! What notification does where the kernel refuses: filters, limits, a closed queue.

use std::os::fd::AsRawFd;

use rawipc::error::{Limit, Operation};
use rawipc::mqueue::Notify;
use rawipc::{Errno, Error, ErrorKind, MessageQueue, NotificationSocket};
use rustix::process::Resource;

use crate::harness::kernel::{fail_calls, set_limit};
use crate::harness::queues::assert_error;
use crate::harness::{Ending, small_queue};
use crate::notify::support::{SIGNAL, slot};

// A filter or a limit holds for the whole process, for good.
crate::tests!(
    ;
    alone: netlink_that_is_forbidden_is_told_and_the_queue_given_back,
    netlink_that_is_not_known_is_unsupported,
    too_few_descriptors_are_told,
    a_kernel_without_the_call_is_unsupported,
    a_queue_closed_behind_the_handles_back_is_told
);

fn refused_socket(queue: MessageQueue) -> (Error, MessageQueue) {
    let descriptor = queue.as_raw_fd();
    let refused = NotificationSocket::new(queue).unwrap_err();
    assert_eq!(refused.value.as_raw_fd(), descriptor, "the same queue comes back");
    (refused.error, refused.value)
}

fn netlink_that_is_forbidden_is_told_and_the_queue_given_back() -> Ending {
    let queue = small_queue();
    for errno in [Errno::PERM, Errno::ACCESS] {
        // Of two filters the later one's errno holds.
        fail_calls(&[libc::SYS_socket], errno)?;
        let (error, _) = refused_socket(queue.try_clone().unwrap());
        let operation = Operation::NotificationSocket;
        assert_error(
            error,
            ErrorKind::PermissionDenied,
            errno,
            operation,
            "making the notification socket: netlink sockets are refused here",
        );
    }
    // The other two ways need no socket.
    queue.notify(Notify::Signal { number: SIGNAL, value: 0 }).unwrap();
    queue.replace_notification(Notify::None).unwrap();
    queue.cancel_notification().unwrap();
    Ok(())
}

fn netlink_that_is_not_known_is_unsupported() -> Ending {
    let mut queue = small_queue();
    for errno in [Errno::AFNOSUPPORT, Errno::PROTONOSUPPORT] {
        fail_calls(&[libc::SYS_socket], errno)?;
        let (error, back) = refused_socket(queue);
        let operation = Operation::NotificationSocket;
        assert_error(error, ErrorKind::Unsupported, errno, operation, "allow AF_NETLINK");
        queue = back;
    }
    Ok(())
}

fn too_few_descriptors_are_told() {
    let queue = small_queue();
    set_limit(Resource::Nofile, queue.as_raw_fd() as u64 + 1);
    let (error, _) = refused_socket(queue);
    let kind = ErrorKind::LimitExceeded(Limit::Descriptors);
    assert_error(error, kind, Errno::MFILE, Operation::NotificationSocket, "ulimit -n");
}

fn a_kernel_without_the_call_is_unsupported() -> Ending {
    let queue = small_queue();
    let mut socket = NotificationSocket::new(&queue).unwrap();
    fail_calls(&[libc::SYS_mq_notify], Errno::NOSYS)?;
    let results = [
        queue.notify(Notify::None),
        queue.notify(Notify::Signal { number: SIGNAL, value: 0 }),
        queue.replace_notification(Notify::None),
        queue.cancel_notification(),
        socket.arm(),
        socket.replace(),
    ];
    for result in results {
        let error = result.unwrap_err();
        assert_error(error, ErrorKind::Unsupported, Errno::NOSYS, Operation::Notify, "this kernel does not support it");
    }
    assert!(!socket.is_armed());
    assert_eq!(socket.cancel(), Ok(()), "there is nothing to cancel");
    let error = socket.try_wait().unwrap_err();
    assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, Operation::AwaitNotification, "not armed");
    Ok(())
}

fn a_queue_closed_behind_the_handles_back_is_told() {
    let queue = small_queue();
    let mut socket = NotificationSocket::new(queue.try_clone().unwrap()).unwrap();
    let second = queue.try_clone().unwrap();
    let closed = second.as_raw_fd();
    for descriptor in [closed, socket.queue().as_raw_fd()] {
        // SAFETY: closes what the handles believe to own; they are forgotten below, and until then nothing is opened.
        assert_eq!(unsafe { libc::close(descriptor) }, 0);
    }
    let results = [second.notify(Notify::None), second.cancel_notification(), socket.arm(), socket.replace()];
    for result in results {
        let error = result.unwrap_err();
        assert_error(error, ErrorKind::BadDescriptor, Errno::BADF, Operation::Notify, "registering for notification");
    }
    std::mem::forget((second, socket));
    assert_eq!(slot(&queue), None);
}
