//! What is left of processes that end, whatever they were doing.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rawipc::{ErrorKind, MessageQueue, Priority, Semaphore};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::{FdFlags, fcntl_getfd};

use super::support::{LONG, SHORT, common_memory, kind, queue};
use crate::harness::{Peer, tests, wait_until};

tests![
    leave_their_messages,
    take_nothing_when_killed_in_a_wait,
    race_for_messages_and_lose_none,
    leave_a_semaphore_usable,
    keep_no_queue_over_exec,
];

fn leave_their_messages() {
    let queue = queue(2);
    Peer::start(|| queue.send(b"from the dead", Priority::MAX).unwrap()).join();
    let mut buffer = [0; 16];
    let message = queue.try_receive(&mut buffer).unwrap();
    assert_eq!((message.payload(), message.priority()), (&b"from the dead"[..], Priority::MAX));
}

fn take_nothing_when_killed_in_a_wait() {
    let queue = queue(1);
    Peer::start_waiting(|| assert!(queue.receive(&mut [0; 16]).is_err())).kill();
    queue.send(b"kept", Priority::MIN).unwrap();
    assert_eq!(queue.try_receive(&mut [0; 16]).unwrap().payload(), b"kept");
    queue.send(b"first", Priority::MIN).unwrap();
    Peer::start_waiting(|| assert!(queue.send(b"second", Priority::MAX).is_err())).kill();
    assert_eq!(queue.try_receive(&mut [0; 16]).unwrap().payload(), b"first");
    assert!(queue.is_empty().unwrap());
}

fn race_for_messages_and_lose_none() {
    const EACH: u32 = 100;
    let queue = queue(4);
    let memory = common_memory();
    let sum: &AtomicU32 = memory.get(0).unwrap();
    let receivers = [false, true].map(|by_timeout| {
        let queue = &queue;
        Peer::start(move || {
            loop {
                let mut buffer = [0; 16];
                let message = if by_timeout {
                    queue.receive_timeout(&mut buffer, LONG).unwrap()
                } else {
                    queue.receive(&mut buffer).unwrap()
                };
                // An empty message ends one receiver.
                let Ok(number) = message.payload().try_into().map(u32::from_ne_bytes) else { break };
                sum.fetch_add(number, Relaxed);
            }
        })
    });
    let senders = [1, 1000].map(|step| {
        let queue = &queue;
        Peer::start(move || {
            (0..EACH).for_each(|_| queue.send(&u32::to_ne_bytes(step), Priority::from(1)).unwrap());
        })
    });
    senders.into_iter().for_each(Peer::join);
    // Lower than all others, so last.
    (0..2).for_each(|_| queue.send(b"", Priority::MIN).unwrap());
    receivers.into_iter().for_each(Peer::join);
    assert_eq!(sum.load(Relaxed), EACH * 1001);
}

fn leave_a_semaphore_usable() {
    let memory = common_memory();
    let semaphore: &Semaphore = memory.get(0).unwrap();
    let peer = Peer::start(|| assert!(semaphore.wait().is_err()));
    wait_until("the peer is a waiter", || semaphore.waiters() == 1 && peer.is_asleep());
    peer.kill();
    assert_eq!(semaphore.waiters(), 1, "nobody has told the semaphore");
    semaphore.post().unwrap();
    semaphore.wait_timeout(LONG).unwrap();
    semaphore.reset_waiters();
    assert_eq!((semaphore.value(), semaphore.waiters()), (0, 0));
    assert_eq!(kind(semaphore.wait_timeout(SHORT)), ErrorKind::TimedOut);
}

fn keep_no_queue_over_exec() {
    let queue = queue(1);
    let adopted = MessageQueue::try_from(OwnedFd::from(queue.try_clone().unwrap())).unwrap();
    for descriptor in [queue.as_fd(), adopted.as_fd()] {
        assert!(fcntl_getfd(descriptor).unwrap().contains(FdFlags::CLOEXEC));
    }
}
