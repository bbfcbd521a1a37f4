//! Being told that a message arrived. Nothing of it is there in an emulator of user mode.

use rawipc::inspect::Platform;
use rawipc::mqueue::{Delivery, Notified, Notify, Registration, SI_MESGQ};
use rawipc::{ErrorKind, MessageQueue, NotificationSocket, Priority};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::getpid;

use super::support::{LONG, SHORT, common_memory, kind, queue};
use crate::harness::{Call, Peer, expect_call, lacking, tests, wait_until};
use crate::raw::{Signal, block_signal, take_signal};

tests![
    is_known_to_the_platform,
    comes_by_signal_with_its_value,
    comes_once_and_only_to_an_empty_queue,
    may_take_the_slot_alone,
    is_cancelled_and_replaced,
    comes_by_a_socket,
    says_on_the_socket_that_it_was_removed,
    yields_to_a_waiting_receiver,
    ends_with_its_process,
];

/// A real-time signal, which carries a value.
const SIGNAL: i32 = 40;

/// A queue that a notification can be asked of.
fn notifying() -> MessageQueue {
    let queue = queue(2);
    expect_call(Call::MqNotify, queue.cancel_notification());
    queue
}

fn is_known_to_the_platform() {
    let platform = Platform::probe();
    assert!(platform.message_queues);
    if !platform.notification {
        assert_eq!(kind(queue(1).notify(Notify::None)), ErrorKind::Unsupported);
        lacking(Call::MqNotify);
    }
    queue(1).notify(Notify::None).unwrap();
}

fn comes_by_signal_with_its_value() {
    let queue = notifying();
    block_signal(SIGNAL);
    let value = usize::MAX - 7;
    queue.notify(Notify::Signal { number: SIGNAL, value }).unwrap();
    let own = getpid().as_raw_nonzero().get();
    let registration = Registration { process: Some(own as u32), delivery: Delivery::Signal(SIGNAL) };
    assert_eq!(queue.status().unwrap().registration, Some(registration));
    let peer = Peer::start(|| queue.send(b"", Priority::MIN).unwrap());
    let process = peer.process.as_raw_nonzero().get();
    peer.join();
    assert_eq!(take_signal(SIGNAL), Some(Signal { code: SI_MESGQ, process, value }));
    assert_eq!(queue.status().unwrap().registration, None);
}

fn comes_once_and_only_to_an_empty_queue() {
    let queue = notifying();
    block_signal(SIGNAL);
    queue.send(b"1", Priority::MIN).unwrap();
    queue.notify(Notify::Signal { number: SIGNAL, value: 1 }).unwrap();
    queue.send(b"2", Priority::MIN).unwrap();
    assert_eq!(take_signal(SIGNAL), None, "the queue was not empty");
    queue.try_receive_all(&mut [0; 64]).unwrap();
    queue.send(b"3", Priority::MIN).unwrap();
    assert!(take_signal(SIGNAL).is_some());
    queue.try_receive_all(&mut [0; 64]).unwrap();
    queue.send(b"4", Priority::MIN).unwrap();
    assert_eq!(take_signal(SIGNAL), None, "it comes once");
    assert_eq!(kind(queue.notify(Notify::Signal { number: 65, value: 0 })), ErrorKind::InvalidInput);
}

fn may_take_the_slot_alone() {
    let queue = notifying();
    queue.notify(Notify::None).unwrap();
    assert_eq!(queue.status().unwrap().registration.map(|taken| taken.delivery), Some(Delivery::None));
    assert_eq!(kind(queue.notify(Notify::None)), ErrorKind::Busy);
    Peer::start(|| assert_eq!(kind(queue.notify(Notify::None)), ErrorKind::Busy)).join();
    queue.send(b"", Priority::MIN).unwrap();
    queue.notify(Notify::None).unwrap();
}

fn is_cancelled_and_replaced() {
    let queue = notifying();
    block_signal(SIGNAL);
    queue.notify(Notify::None).unwrap();
    queue.replace_notification(Notify::Signal { number: SIGNAL, value: 2 }).unwrap();
    queue.cancel_notification().unwrap();
    queue.cancel_notification().unwrap();
    assert_eq!(queue.status().unwrap().registration, None);
    queue.send(b"", Priority::MIN).unwrap();
    assert_eq!(take_signal(SIGNAL), None);
}

fn comes_by_a_socket() {
    let queue = notifying();
    let mut socket = NotificationSocket::new(&queue).unwrap();
    assert_eq!(kind(socket.try_wait()), ErrorKind::InvalidInput);
    for _ in 0..3 {
        socket.arm().unwrap();
        assert_eq!(queue.status().unwrap().registration.map(|taken| taken.delivery), Some(Delivery::Socket));
        assert_eq!(kind(socket.try_wait()), ErrorKind::WouldBlock);
        assert_eq!(kind(socket.wait_timeout(SHORT)), ErrorKind::TimedOut);
        Peer::start(|| queue.send(b"", Priority::MIN).unwrap()).join();
        assert_eq!(poll(&mut [PollFd::new(&socket, PollFlags::IN)], None), Ok(1));
        assert_eq!(socket.wait(), Ok(Notified::Arrived));
        assert!(!socket.is_armed());
        queue.receive(&mut [0; 16]).unwrap();
    }
}

fn says_on_the_socket_that_it_was_removed() {
    let queue = notifying();
    let mut socket = NotificationSocket::new(&queue).unwrap();
    socket.arm().unwrap();
    queue.cancel_notification().unwrap();
    assert_eq!(socket.wait_timeout(LONG), Ok(Notified::Removed));
    socket.arm().unwrap();
    socket.replace().unwrap();
    queue.send(b"", Priority::MIN).unwrap();
    assert_eq!(socket.wait_timeout(LONG), Ok(Notified::Arrived));
    socket.arm().unwrap();
    drop(socket);
    assert_eq!(queue.status().unwrap().registration, None);
}

fn yields_to_a_waiting_receiver() {
    let queue = notifying();
    block_signal(SIGNAL);
    queue.notify(Notify::Signal { number: SIGNAL, value: 3 }).unwrap();
    let peer = Peer::start_waiting(|| {
        queue.receive(&mut [0; 16]).unwrap();
    });
    queue.send(b"", Priority::MIN).unwrap();
    peer.join();
    assert_eq!(take_signal(SIGNAL), None, "the receiver took the message");
    queue.send(b"", Priority::MIN).unwrap();
    assert!(take_signal(SIGNAL).is_some());
}

fn ends_with_its_process() {
    let queue = notifying();
    let memory = common_memory();
    let ready: &rawipc::Semaphore = memory.get(0).unwrap();
    let peer = Peer::start(|| {
        queue.notify(Notify::None).unwrap();
        ready.post().unwrap();
        // Nobody posts: it is killed here.
        let _ = memory.get::<rawipc::Semaphore>(64).unwrap().wait();
    });
    ready.wait_timeout(LONG).unwrap();
    assert_eq!(kind(queue.notify(Notify::None)), ErrorKind::Busy);
    peer.kill();
    wait_until("the slot is free", || queue.notify(Notify::None).is_ok());
}
