//! The slot for notification: who takes it, keeps it and loses it.

use std::thread;
use std::time::Duration;

use rawipc::error::Operation;
use rawipc::mqueue::{Delivery, Notified, Notify, PORTABLE_REALTIME_SIGNALS, REALTIME_SIGNALS, SI_MESGQ};
use rawipc::{Errno, ErrorKind, MessageQueue, NotificationSocket, Priority};

use crate::harness::queues::assert_error;
use crate::harness::waiting::{Waiter, wait_until};
use crate::harness::{name_of, small_queue};
use crate::notify::support::{Registrant, SIGNAL, of, own, send, slot, take};

crate::tests!(
    a_taken_slot_is_busy_for_everybody,
    cancelling_always_succeeds_and_takes_only_ones_own,
    replacing_takes_the_place_of_ones_own_only,
    wrong_signal_numbers_leave_the_slot_as_it_was,
    the_realtime_constants_are_the_kernels,
    every_signal_can_be_registered,
    a_write_only_handle_can_register,
    it_fires_only_when_the_queue_was_empty_and_once,
    a_blocked_receiver_gets_the_message_and_the_registration_stays,
    a_receiver_that_polls_does_not_keep_it_from_firing,
    closing_any_descriptor_of_the_process_removes_it,
    another_process_that_closes_changes_nothing,
    exec_exit_and_death_free_the_slot
);

fn a_taken_slot_is_busy_for_everybody() {
    let queue = small_queue();
    let same_process = MessageQueue::options().write(true).open(name_of(&queue)).unwrap();
    let mut other_process = Registrant::start(name_of(&queue));
    queue.notify(Notify::None).unwrap();
    assert_eq!(slot(&queue), own(Delivery::None));
    for handle in [&queue, &same_process] {
        let error = handle.notify(Notify::Signal { number: SIGNAL, value: 0 }).unwrap_err();
        assert_error(error, ErrorKind::Busy, Errno::BUSY, Operation::Notify, "already in use by another process");
    }
    let error = NotificationSocket::new(&queue).unwrap().arm().unwrap_err();
    assert_error(error, ErrorKind::Busy, Errno::BUSY, Operation::Notify, "already in use by another process");
    for command in ["none", "signal", "arm"] {
        assert_eq!(other_process.ask(command), "Busy", "{command}");
    }
    assert_eq!(slot(&queue), own(Delivery::None), "those who were refused have changed nothing");
    // Nothing is delivered, but the registration is used up like any other.
    send(&queue, b"message");
    assert_eq!(slot(&queue), None);
    other_process.end();
}

fn cancelling_always_succeeds_and_takes_only_ones_own() {
    let queue = small_queue();
    queue.cancel_notification().unwrap();
    queue.notify(Notify::None).unwrap();
    queue.cancel_notification().unwrap();
    queue.cancel_notification().unwrap();
    assert_eq!(slot(&queue), None);

    let mut other_process = Registrant::start(name_of(&queue));
    assert_eq!(other_process.ask("none"), "()");
    queue.cancel_notification().unwrap();
    assert_eq!(slot(&queue), of(other_process.pid(), Delivery::None));
    assert_eq!(other_process.ask("cancel"), "()");
    assert_eq!(slot(&queue), None);
    other_process.end();
}

fn replacing_takes_the_place_of_ones_own_only() {
    let queue = small_queue();
    queue.replace_notification(Notify::None).unwrap();
    assert_eq!(slot(&queue), own(Delivery::None));
    queue.replace_notification(Notify::Signal { number: SIGNAL, value: 0 }).unwrap();
    assert_eq!(slot(&queue), own(Delivery::Signal(SIGNAL)));

    let mut other_process = Registrant::start(name_of(&queue));
    assert_eq!(other_process.ask("replace"), "Busy");
    assert_eq!(slot(&queue), own(Delivery::Signal(SIGNAL)));
    queue.cancel_notification().unwrap();
    assert_eq!(other_process.ask("arm"), "()");
    let error = queue.replace_notification(Notify::None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert_eq!(NotificationSocket::new(&queue).unwrap().replace().unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(slot(&queue), of(other_process.pid(), Delivery::Socket));
    send(&queue, b"message");
    assert_eq!(other_process.ask("try_wait"), "Arrived");
    other_process.end();
}

fn wrong_signal_numbers_leave_the_slot_as_it_was() {
    let queue = small_queue();
    for number in [0, 65, 66, -1, i32::MIN, i32::MAX] {
        let wrong = Notify::Signal { number, value: 0 };
        let part = format!("{number} is not a signal; signals are 1 to 64");
        for refused in [queue.notify(wrong), queue.replace_notification(wrong)] {
            let error = refused.unwrap_err();
            assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, Operation::Notify, &part);
        }
        assert_eq!(slot(&queue), None);
        queue.notify(Notify::None).unwrap();
        assert_eq!(queue.notify(wrong).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(queue.replace_notification(wrong).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(slot(&queue), own(Delivery::None));
        queue.cancel_notification().unwrap();
    }
}

fn the_realtime_constants_are_the_kernels() {
    assert_eq!(SI_MESGQ, libc::SI_MESGQ);
    assert_eq!((*REALTIME_SIGNALS.start(), *REALTIME_SIGNALS.end()), (34, libc::SIGRTMAX()));
    // glibc leaves 34 and up, musl 35 and up; whichever this is, the portable range lies within.
    assert!(REALTIME_SIGNALS.contains(&libc::SIGRTMIN()));
    assert!(PORTABLE_REALTIME_SIGNALS.clone().all(|signal| signal >= libc::SIGRTMIN() && signal <= libc::SIGRTMAX()));
    assert_eq!(PORTABLE_REALTIME_SIGNALS.count(), 30);
}

fn every_signal_can_be_registered() {
    let queue = small_queue();
    for number in 1..=64 {
        queue.replace_notification(Notify::Signal { number, value: usize::MAX }).unwrap();
        assert_eq!(slot(&queue), own(Delivery::Signal(number)));
    }
}

fn a_write_only_handle_can_register() {
    let queue = small_queue();
    let writer = MessageQueue::options().write(true).open(name_of(&queue)).unwrap();
    writer.notify(Notify::None).unwrap();
    assert_eq!(slot(&queue), own(Delivery::None));
    writer.cancel_notification().unwrap();
    let mut socket = NotificationSocket::new(&writer).unwrap();
    socket.arm().unwrap();
    send(&writer, b"message");
    assert_eq!(socket.try_wait(), Ok(Notified::Arrived));
}

fn it_fires_only_when_the_queue_was_empty_and_once() {
    let queue = small_queue();
    let mut socket = NotificationSocket::new(&queue).unwrap();
    send(&queue, b"before");
    socket.arm().unwrap();
    send(&queue, b"the queue is not empty");
    assert_eq!(socket.try_wait().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(slot(&queue), own(Delivery::Socket));
    take(&queue);
    take(&queue);
    send(&queue, b"");
    assert_eq!(slot(&queue), None, "an empty message is a message");
    assert_eq!(socket.try_wait(), Ok(Notified::Arrived));
    take(&queue);
    send(&queue, b"nobody is registered any more");
    assert_eq!(socket.try_wait().unwrap_err().kind(), ErrorKind::InvalidInput);
}

fn a_blocked_receiver_gets_the_message_and_the_registration_stays() {
    let queue = small_queue();
    for arm_first in [true, false] {
        let mut socket = NotificationSocket::new(&queue).unwrap();
        thread::scope(|scope| {
            if arm_first {
                socket.arm().unwrap();
            }
            // Returns when the thread sleeps in the receive call.
            let receiver = Waiter::start(scope, || queue.receive(&mut [0; 64]).unwrap().payload().to_vec());
            if !arm_first {
                socket.arm().unwrap();
            }
            send(&queue, b"for the receiver");
            assert_eq!(receiver.join(), b"for the receiver");
        });
        assert_eq!(socket.try_wait().unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(socket.is_armed());
        assert_eq!(slot(&queue), own(Delivery::Socket));
        send(&queue, b"now nobody waits");
        assert_eq!(socket.try_wait(), Ok(Notified::Arrived));
        take(&queue);
    }
}

fn a_receiver_that_polls_does_not_keep_it_from_firing() {
    let queue = small_queue();
    let mut socket = NotificationSocket::new(&queue).unwrap();
    socket.arm().unwrap();
    thread::scope(|scope| {
        let wait = || queue.receive_timeout(&mut [0; 64], Duration::from_secs(30)).unwrap().payload().to_vec();
        let receiver = Waiter::start(scope, wait);
        send(&queue, b"for both");
        assert_eq!(receiver.join(), b"for both");
    });
    assert_eq!(socket.try_wait(), Ok(Notified::Arrived));
}

fn closing_any_descriptor_of_the_process_removes_it() {
    let queue = small_queue();
    let closings: [(&str, &dyn Fn()); 4] = [
        ("a duplicate", &|| drop(queue.try_clone().unwrap())),
        ("one opened by name", &|| drop(MessageQueue::options().read(true).open(name_of(&queue)).unwrap())),
        ("one closed explicitly", &|| queue.try_clone().unwrap().close().unwrap()),
        ("one closed in another thread", &|| thread::scope(|scope| drop(scope.spawn(|| drop(queue.try_clone()))))),
    ];
    for (what, close) in closings {
        let mut socket = NotificationSocket::new(&queue).unwrap();
        socket.arm().unwrap();
        close();
        assert_eq!(slot(&queue), None, "{what}");
        assert_eq!(socket.try_wait(), Ok(Notified::Removed), "{what}");
        queue.notify(Notify::None).unwrap();
        close();
        assert_eq!(slot(&queue), None, "{what}");
    }
}

fn another_process_that_closes_changes_nothing() {
    let queue = small_queue();
    let mut other_process = Registrant::start(name_of(&queue));
    let mut socket = NotificationSocket::new(&queue).unwrap();
    socket.arm().unwrap();
    assert_eq!(other_process.ask("close_one"), "()");
    other_process.end();
    assert_eq!(slot(&queue), own(Delivery::Socket));
    send(&queue, b"message");
    assert_eq!(socket.try_wait(), Ok(Notified::Arrived));
}

fn exec_exit_and_death_free_the_slot() {
    let queue = small_queue();
    let mut other_process = Registrant::start(name_of(&queue));
    assert_eq!(other_process.ask("signal"), "()");
    assert_eq!(slot(&queue), of(other_process.pid(), Delivery::Signal(SIGNAL)));
    assert_eq!(other_process.ask("exec"), "ready");
    assert_eq!(slot(&queue), None);

    assert_eq!(other_process.ask("none"), "()");
    other_process.end();
    assert_eq!(slot(&queue), None);

    let mut other_process = Registrant::start(name_of(&queue));
    assert_eq!(other_process.ask("arm"), "()");
    assert_eq!(slot(&queue), of(other_process.pid(), Delivery::Socket));
    other_process.kill();
    // Its descriptors are closed before it can be waited for; the loop is for kernels that think otherwise.
    wait_until("the slot is free", || slot(&queue).is_none());
    queue.send(b"nobody is told", Priority::MIN).unwrap();
}
