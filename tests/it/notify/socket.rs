//! The pollable notification: arming, replacing, cancelling, dropping, and whose registration that touches.

use std::borrow::Borrow;
use std::fmt::Debug;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rawipc::error::Operation;
use rawipc::fd::{AsFd, AsRawFd};
use rawipc::mqueue::{Delivery, Notified, Notify};
use rawipc::{Errno, ErrorKind, MessageQueue, NotificationSocket};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{FdFlags, fcntl_getfd};

use crate::harness::queues::assert_error;
use crate::harness::{exists, name_of, small_queue};
use crate::notify::support::{Registrant, of, own, send, slot, take};

crate::tests!(
    it_works_over_a_borrowed_a_shared_and_an_owned_queue,
    what_is_not_armed_cannot_be_waited_for,
    arming_twice_is_busy_and_keeps_the_first,
    a_cancelled_registration_shows_as_removed,
    its_own_cancel_leaves_nothing_behind,
    news_of_a_replaced_registration_are_skipped,
    an_arrival_that_was_not_read_is_not_lost_by_rearming,
    dropping_it_frees_the_slot,
    dropping_it_after_it_fired_leaves_others_alone,
    dropping_one_that_was_never_armed_changes_nothing,
    cancelling_leaves_a_later_registration_of_this_process,
    two_sockets_of_two_queues_are_told_apart,
    one_queue_can_have_several_sockets_in_turn,
    readable_means_there_is_something_to_read,
    ten_thousand_rounds_leave_no_descriptor,
    news_that_nobody_reads_never_block
);

fn would_block(socket: &mut NotificationSocket<impl Borrow<MessageQueue>>) -> bool {
    socket.try_wait().map_err(|error| error.kind()) == Err(ErrorKind::WouldBlock)
}

fn readable(socket: &NotificationSocket<&MessageQueue>) -> bool {
    let no_time = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&no_time)).unwrap() == 1
}

fn arrives_over<Q: Borrow<MessageQueue> + Debug>(queue: Q) -> NotificationSocket<Q> {
    let mut socket = NotificationSocket::new(queue).unwrap();
    assert!(!socket.is_armed());
    socket.arm().unwrap();
    assert!(socket.is_armed() && would_block(&mut socket));
    send(socket.queue(), b"message");
    assert_eq!(socket.wait(), Ok(Notified::Arrived));
    assert!(!socket.is_armed());
    assert_eq!(take(socket.queue()), b"message");
    assert_eq!(fcntl_getfd(&socket).unwrap(), FdFlags::CLOEXEC);
    socket
}

fn it_works_over_a_borrowed_a_shared_and_an_owned_queue() {
    let queue = small_queue();
    arrives_over(&queue);
    let queue = Arc::new(queue);
    arrives_over(Arc::clone(&queue));
    assert_eq!(Arc::strong_count(&queue), 1);
    let name = name_of(&queue).as_bytes().to_vec();
    let name = rawipc::Name::new(&name[..]).unwrap();
    let owner = arrives_over(Arc::into_inner(queue).unwrap());
    assert!(format!("{owner:?}").contains("armed: false"));
    // It moves to another thread together with its queue, which ends with it.
    thread::spawn(move || drop(owner)).join().unwrap();
    assert!(!exists(name));
}

fn what_is_not_armed_cannot_be_waited_for() {
    let queue = small_queue();
    let mut socket = NotificationSocket::new(&queue).unwrap();
    for round in 0..2 {
        let second = Duration::from_secs(1);
        let waits =
            [socket.wait(), socket.try_wait(), socket.wait_timeout(second), socket.wait_timeout(Duration::ZERO)];
        for wait in waits {
            let operation = Operation::AwaitNotification;
            assert_error(
                wait.unwrap_err(),
                ErrorKind::InvalidInput,
                Errno::INVAL,
                operation,
                "the socket is not armed",
            );
        }
        if round == 0 {
            // Once it has fired and been read, it is as if it had never been armed.
            socket.arm().unwrap();
            send(&queue, b"message");
            assert_eq!(socket.try_wait(), Ok(Notified::Arrived));
        }
    }
}

fn arming_twice_is_busy_and_keeps_the_first() {
    let queue = small_queue();
    let mut socket = NotificationSocket::new(&queue).unwrap();
    socket.arm().unwrap();
    assert_eq!(socket.arm().unwrap_err().kind(), ErrorKind::Busy);
    assert!(socket.is_armed());
    send(&queue, b"message");
    assert_eq!(socket.try_wait(), Ok(Notified::Arrived));
}

fn a_cancelled_registration_shows_as_removed() {
    let queue = small_queue();
    let mut socket = NotificationSocket::new(&queue).unwrap();
    socket.arm().unwrap();
    queue.cancel_notification().unwrap();
    assert_eq!(socket.wait(), Ok(Notified::Removed));
    assert!(!socket.is_armed());
    assert_eq!(socket.try_wait().unwrap_err().kind(), ErrorKind::InvalidInput);
    // It can be armed again, and another registration of this process takes it away in the same way.
    socket.arm().unwrap();
    queue.replace_notification(Notify::None).unwrap();
    assert_eq!(socket.wait_timeout(Duration::from_secs(30)), Ok(Notified::Removed));
    assert_eq!(slot(&queue), own(Delivery::None));
}

fn its_own_cancel_leaves_nothing_behind() {
    let queue = small_queue();
    let mut socket = NotificationSocket::new(&queue).unwrap();
    socket.cancel().unwrap();
    socket.arm().unwrap();
    socket.cancel().unwrap();
    assert_eq!((slot(&queue), socket.is_armed()), (None, false));
    assert!(!readable(&socket), "a loop that polls it would turn for ever");
    // The news of the cancelling itself are not told later.
    socket.arm().unwrap();
    assert!(would_block(&mut socket));
    send(&queue, b"message");
    assert_eq!(socket.try_wait(), Ok(Notified::Arrived));
    // Nor is an arrival that was cancelled before it was read.
    take(&queue);
    socket.arm().unwrap();
    send(&queue, b"message");
    socket.cancel().unwrap();
    assert_eq!(socket.try_wait().unwrap_err().kind(), ErrorKind::InvalidInput);
}

fn news_of_a_replaced_registration_are_skipped() {
    let queue = small_queue();
    let mut socket = NotificationSocket::new(&queue).unwrap();
    socket.arm().unwrap();
    for _ in 0..3 {
        socket.replace().unwrap();
    }
    assert!(socket.is_armed() && would_block(&mut socket), "three old removals are in the socket and not told");
    send(&queue, b"message");
    assert_eq!(socket.try_wait(), Ok(Notified::Arrived));
    take(&queue);
    // In place of another registration of this process, of any kind.
    queue.notify(Notify::None).unwrap();
    socket.replace().unwrap();
    assert_eq!(slot(&queue), own(Delivery::Socket));
    let mut other = NotificationSocket::new(&queue).unwrap();
    other.replace().unwrap();
    assert_eq!(socket.try_wait(), Ok(Notified::Removed));
    assert!(would_block(&mut other));
}

fn an_arrival_that_was_not_read_is_not_lost_by_rearming() {
    let queue = small_queue();
    let mut socket = NotificationSocket::new(&queue).unwrap();
    socket.arm().unwrap();
    send(&queue, b"message");
    take(&queue);
    socket.arm().unwrap();
    assert_eq!(socket.try_wait(), Ok(Notified::Arrived), "the earlier one");
    assert!(socket.is_armed() && would_block(&mut socket));
    send(&queue, b"message");
    assert_eq!(socket.try_wait(), Ok(Notified::Arrived));
    assert!(!socket.is_armed());
    take(&queue);
    // Nor by rearming so often that the socket has to be emptied for it.
    socket.arm().unwrap();
    send(&queue, b"message");
    take(&queue);
    for _ in 0..5 {
        socket.arm().unwrap();
        queue.cancel_notification().unwrap();
    }
    socket.arm().unwrap();
    assert!(readable(&socket));
    assert_eq!(socket.try_wait(), Ok(Notified::Arrived), "before the five removals");
    assert!(socket.is_armed() && would_block(&mut socket));
}

fn dropping_it_frees_the_slot() {
    let queue = small_queue();
    let mut other_process = Registrant::start(name_of(&queue));
    let mut socket = NotificationSocket::new(&queue).unwrap();
    socket.arm().unwrap();
    assert_eq!(other_process.ask("none"), "Busy");
    drop(socket);
    assert_eq!(slot(&queue), None);
    assert_eq!(other_process.ask("none"), "()");
    other_process.end();
}

fn dropping_it_after_it_fired_leaves_others_alone() {
    let queue = small_queue();
    let mut other_process = Registrant::start(name_of(&queue));
    // Whether or not its news were read.
    for read in [true, false] {
        let fired = || {
            let mut socket = NotificationSocket::new(&queue).unwrap();
            socket.arm().unwrap();
            send(&queue, b"message");
            if read {
                assert_eq!(socket.try_wait(), Ok(Notified::Arrived));
            }
            take(&queue);
            socket
        };
        for (notify, delivery) in
            [(Notify::None, Delivery::None), (Notify::Signal { number: 35, value: 0 }, Delivery::Signal(35))]
        {
            let socket = fired();
            queue.notify(notify).unwrap();
            drop(socket);
            assert_eq!(slot(&queue), own(delivery), "read: {read}");
            queue.cancel_notification().unwrap();
        }
        let socket = fired();
        assert_eq!(other_process.ask("arm"), "()");
        drop(socket);
        assert_eq!(slot(&queue), of(other_process.pid(), Delivery::Socket));
        assert_eq!(other_process.ask("cancel"), "()");
    }
    other_process.end();
}

fn dropping_one_that_was_never_armed_changes_nothing() {
    let queue = small_queue();
    queue.notify(Notify::None).unwrap();
    drop(NotificationSocket::new(&queue).unwrap());
    assert_eq!(slot(&queue), own(Delivery::None));
}

fn cancelling_leaves_a_later_registration_of_this_process() {
    let queue = small_queue();
    let mut socket = NotificationSocket::new(&queue).unwrap();
    socket.arm().unwrap();
    // Takes the slot from the socket, which has not yet been told.
    queue.replace_notification(Notify::None).unwrap();
    assert!(socket.is_armed());
    socket.cancel().unwrap();
    assert_eq!((slot(&queue), socket.is_armed()), (own(Delivery::None), false));
    drop(socket);
    assert_eq!(slot(&queue), own(Delivery::None));
}

fn two_sockets_of_two_queues_are_told_apart() {
    let queues = [small_queue(), small_queue()];
    let mut sockets = queues.each_ref().map(|queue| NotificationSocket::new(queue).unwrap());
    for socket in &mut sockets {
        socket.arm().unwrap();
    }
    send(&queues[1], b"message");
    assert!(would_block(&mut sockets[0]));
    assert_eq!(sockets[1].try_wait(), Ok(Notified::Arrived));
    send(&queues[0], b"message");
    assert_eq!(sockets[0].try_wait(), Ok(Notified::Arrived));
}

fn one_queue_can_have_several_sockets_in_turn() {
    let queue = small_queue();
    let mut sockets = [(); 3].map(|()| NotificationSocket::new(&queue).unwrap());
    for at in [0, 1, 2, 1, 0] {
        sockets[at].arm().unwrap();
        send(&queue, b"message");
        take(&queue);
        for (other, socket) in sockets.iter_mut().enumerate() {
            let told = socket.try_wait();
            assert_eq!(told.is_ok(), other == at, "{told:?}");
        }
    }
}

fn readable_means_there_is_something_to_read() {
    let queue = small_queue();
    let mut socket = NotificationSocket::new(&queue).unwrap();
    assert!(!readable(&socket));
    socket.arm().unwrap();
    assert!(!readable(&socket));
    send(&queue, b"message");
    assert!(readable(&socket));
    assert_eq!(socket.try_wait(), Ok(Notified::Arrived));
    assert!(!readable(&socket), "although the message is still in the queue");
    take(&queue);
    socket.arm().unwrap();
    queue.cancel_notification().unwrap();
    assert!(readable(&socket));
}

fn ten_thousand_rounds_leave_no_descriptor() {
    let queue = small_queue();
    let mut highest = 0;
    for _ in 0..10_000 {
        let mut socket = NotificationSocket::new(&queue).unwrap();
        assert_eq!(socket.as_raw_fd(), socket.as_fd().as_raw_fd());
        highest = highest.max(socket.as_raw_fd());
        socket.replace().unwrap();
    }
    // Other tests have descriptors too, but not thousands.
    assert!(highest < 2_000, "{highest}");
    assert_eq!(slot(&queue), None);
}

/// The kernel lets whoever registers with a full socket wait for room in it, for ever.
fn news_that_nobody_reads_never_block() {
    let queue = small_queue();
    let mut socket = NotificationSocket::new(&queue).unwrap();
    for _ in 0..5_000 {
        socket.replace().unwrap();
    }
    for _ in 0..5_000 {
        socket.cancel().unwrap();
        socket.arm().unwrap();
    }
    send(&queue, b"message");
    assert_eq!(socket.try_wait(), Ok(Notified::Arrived));
    for _ in 0..5_000 {
        take(&queue);
        socket.arm().unwrap();
        send(&queue, b"message");
    }
    assert_eq!(socket.try_wait(), Ok(Notified::Arrived));
}
