//! Notification and fork: a registration belongs to the process that made it, and nothing of it is shared.

use std::time::Duration;

use rawipc::error::Operation;
use rawipc::mqueue::{Delivery, Notified};
use rawipc::{Deadline, Errno, ErrorKind, MessageBuffer, MessageQueue, NotificationSocket, Result};

use crate::harness::kernel::in_child;
use crate::harness::queues::assert_error;
use crate::harness::small_queue;
use crate::harness::waiting::PATIENCE;
use crate::notify::support::{own, send, slot, take};

// A process that forks must have one thread.
crate::tests!(
    ;
    alone: an_inherited_socket_fails_and_its_end_changes_nothing,
    a_forked_child_that_closes_the_queue_changes_nothing,
    a_child_registers_for_itself,
    a_thousand_forks_with_notification_on_both_sides
);

type Socket<'queue> = NotificationSocket<&'queue MessageQueue>;

fn assert_inherited_is_useless(socket: &mut Socket<'_>) {
    let part = "the socket belongs to the process that made it; create a new one after fork";
    let arming: [fn(&mut Socket<'_>) -> Result<()>; 3] =
        [|socket| socket.arm(), |socket| socket.replace(), |socket| socket.cancel()];
    for method in arming {
        let error = method(socket).unwrap_err();
        assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, Operation::Notify, part);
    }
    let waiting: [fn(&mut Socket<'_>) -> Result<Notified>; 5] = [
        |socket| socket.wait(),
        |socket| socket.try_wait(),
        |socket| socket.wait_timeout(Duration::ZERO),
        |socket| socket.wait_deadline(Deadline::after(PATIENCE)),
        |socket| socket.wait_deadline(Deadline::realtime_after(PATIENCE)),
    ];
    for method in waiting {
        let error = method(socket).unwrap_err();
        assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, Operation::AwaitNotification, part);
    }
}

fn an_inherited_socket_fails_and_its_end_changes_nothing() {
    let queue = small_queue();
    let mut socket = NotificationSocket::new(&queue).unwrap();
    socket.arm().unwrap();
    let mut socket = Some(socket);
    in_child(|| {
        assert_inherited_is_useless(socket.as_mut().unwrap());
        socket = None;
    });
    let socket = socket.as_mut().expect("the parent's is another one");
    assert_eq!(slot(&queue), own(Delivery::Socket));
    // A message that has come and was not read is not stolen by the child either.
    send(&queue, b"message");
    in_child(|| assert_inherited_is_useless(socket));
    assert_eq!(socket.try_wait(), Ok(Notified::Arrived));
}

fn a_forked_child_that_closes_the_queue_changes_nothing() {
    let queue = small_queue();
    let mut inherited = Some(queue.try_clone().unwrap());
    let mut socket = NotificationSocket::new(&queue).unwrap();
    socket.arm().unwrap();
    in_child(|| {
        drop(inherited.take());
        drop(queue.try_clone().unwrap());
        assert_eq!(queue.cancel_notification(), Ok(()), "there is nothing of the child's");
    });
    assert_eq!(slot(&queue), own(Delivery::Socket));
    // The child's end has closed all its descriptors.
    in_child(|| {});
    send(&queue, b"message");
    assert_eq!(socket.try_wait(), Ok(Notified::Arrived));
}

fn a_child_registers_for_itself() {
    let queue = small_queue();
    in_child(|| {
        let mut socket = NotificationSocket::new(&queue).unwrap();
        socket.arm().unwrap();
        assert_eq!(slot(&queue), own(Delivery::Socket));
        send(&queue, b"in the child");
        assert_eq!(socket.try_wait(), Ok(Notified::Arrived));
        take(&queue);
        socket.arm().unwrap();
        // Ends with it armed.
        std::mem::forget(socket);
    });
    assert_eq!(slot(&queue), None, "the child's end frees the slot");
}

/// One side of the conversation: told of the other's message by its own queue, answers in the other's.
fn converse(own: &MessageQueue, other: &MessageQueue, begin: bool) {
    let mut socket = NotificationSocket::new(own).unwrap();
    socket.arm().unwrap();
    if begin {
        send(other, b"over to you");
    }
    assert_eq!(socket.wait_timeout(PATIENCE), Ok(Notified::Arrived), "this process's message");
    let mut buffer = MessageBuffer::<64>::new();
    assert_eq!(own.try_receive(&mut buffer).unwrap().payload(), b"over to you");
    if !begin {
        send(other, b"over to you");
    }
    assert_eq!(socket.try_wait().unwrap_err().kind(), ErrorKind::InvalidInput);
}

fn a_thousand_forks_with_notification_on_both_sides() {
    let (mine, childs, kept) = (small_queue(), small_queue(), small_queue());
    let mut inherited = NotificationSocket::new(&kept).unwrap();
    for round in 0..1_000 {
        inherited.replace().unwrap();
        // SAFETY: the process has one thread, so the child is as whole as its parent.
        let child = unsafe { libc::fork() };
        assert!(child >= 0, "fork failed");
        if child == 0 {
            crate::harness::kernel::die_with_parent();
            let talk = std::panic::AssertUnwindSafe(|| {
                assert_eq!(inherited.arm().unwrap_err().kind(), ErrorKind::InvalidInput);
                converse(&childs, &mine, false);
            });
            let code = if std::panic::catch_unwind(talk).is_ok() { 0 } else { 101 };
            // SAFETY: ends the child without running what its parent has registered.
            unsafe { libc::_exit(code) };
        }
        crate::harness::waiting::wait_until("the child has registered", || slot(&childs).is_some());
        converse(&mine, &childs, true);
        let mut status = 0;
        // SAFETY: `status` is a place for the result.
        let waited = unsafe { libc::waitpid(child, &mut status, 0) };
        assert_eq!((waited, status), (child, 0), "the child of round {round} failed");
        assert_eq!(slot(&kept), own(Delivery::Socket), "the child has not touched it");
        assert_eq!((slot(&mine), slot(&childs)), (None, None));
    }
    send(&kept, b"message");
    assert_eq!(inherited.try_wait(), Ok(Notified::Arrived));
}
