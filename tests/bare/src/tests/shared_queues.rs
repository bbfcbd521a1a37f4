//! Queues in shared memory.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rawipc::shared_queue::SharedQueueOptions;
use rawipc::{ErrorKind, Priority, Receiver, Sender, SharedMemory, SharedQueue, TypedReceiver, TypedSender};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::OwnedFd;

use super::support::{LONG, SHORT, common_memory, kind, prefix, timed};
use crate::harness::{Peer, tests};

tests![
    are_created_opened_and_removed,
    order_by_priority_then_age,
    refuse_what_does_not_fit,
    end_waits_with_their_time,
    wake_who_waits,
    lose_no_message_of_many_processes,
    go_on_when_a_peer_is_killed,
    refuse_what_is_no_queue,
    ring_a_doorbell,
    carry_typed_values_from_end_to_end,
];

fn options(messages: usize) -> SharedQueueOptions {
    SharedQueue::options().read(true).write(true).max_messages(messages).max_message_size(16)
}

fn queue(messages: usize) -> SharedQueue {
    options(messages).create_anonymous().unwrap()
}

fn are_created_opened_and_removed() {
    let created = options(2).unlink_on_drop(true).create_unique(prefix().name()).unwrap();
    let name = created.name().unwrap();
    assert_eq!(kind(options(2).create_new(true).open(name)), ErrorKind::AlreadyExists);
    let opened = SharedQueue::options().read(true).open(name).unwrap();
    created.send(b"hello", Priority::from(9)).unwrap();
    let mut buffer = [0; 16];
    let message = opened.receive(&mut buffer).unwrap();
    assert_eq!((message.payload(), message.priority()), (&b"hello"[..], Priority::from(9)));
    assert_eq!(kind(opened.send(b"", Priority::MIN)), ErrorKind::BadDescriptor);
    SharedQueue::unlink(name).unwrap();
    assert_eq!(kind(SharedQueue::options().read(true).open(name)), ErrorKind::NotFound);
    created.close().unwrap();
}

fn order_by_priority_then_age() {
    let queue = queue(5);
    for (message, priority) in [(b"1", 0), (b"2", 9), (b"3", 0), (b"4", 32_767), (b"5", 9)] {
        queue.send(message, Priority::new(priority).unwrap()).unwrap();
    }
    for expected in [b"4", b"2", b"5", b"1", b"3"] {
        assert_eq!(queue.receive(&mut [0; 16]).unwrap().payload(), expected);
    }
}

fn refuse_what_does_not_fit() {
    let queue = queue(1);
    assert_eq!(kind(queue.send(&[1; 17], Priority::MIN)), ErrorKind::MessageTooLong);
    queue.send(b"1", Priority::MIN).unwrap();
    assert_eq!(kind(queue.receive(&mut [0; 15])), ErrorKind::BufferTooSmall);
    assert_eq!(kind(queue.try_send(b"2", Priority::MIN)), ErrorKind::WouldBlock);
    assert_eq!(queue.len(), Ok(1));
    what_fits_arrives_whole();
}

/// Of every length up to several lines of a cache, since each architecture copies by instructions of its own.
fn what_fits_arrives_whole() {
    const MOST: usize = 200;
    let queue = options(1).max_message_size(MOST).create_anonymous().unwrap();
    let all: [u8; MOST] = core::array::from_fn(|number| number as u8 + 1);
    for length in 0..=MOST {
        queue.send(&all[..length], Priority::MIN).unwrap();
        assert_eq!(queue.receive(&mut [0xee; MOST]).unwrap().payload(), &all[..length]);
        let mut room = queue.reserve().unwrap();
        let half = length / 2;
        room.write_at(half, &all[half..length]).unwrap();
        room.write_at(0, &all[..half]).unwrap();
        room.publish(length, Priority::MIN).unwrap();
        let message = queue.receive_in_place().unwrap();
        let mut bytes = [0xee; MOST];
        message.read_at(half, &mut bytes[half..length]).unwrap();
        message.read_at(0, &mut bytes[..half]).unwrap();
        assert_eq!(bytes[..length], all[..length]);
        assert!(bytes[length..].iter().all(|byte| *byte == 0xee));
        message.complete();
    }
}

fn end_waits_with_their_time() {
    let queue = queue(1);
    let (result, time) = timed(|| kind(queue.receive_timeout(&mut [0; 16], SHORT)));
    assert!(result == ErrorKind::TimedOut && (SHORT..LONG).contains(&time), "{result:?} after {time:?}");
    queue.send(b"", Priority::MIN).unwrap();
    let (result, time) = timed(|| kind(queue.send_timeout(b"", Priority::MIN, SHORT)));
    assert!(result == ErrorKind::TimedOut && (SHORT..LONG).contains(&time), "{result:?} after {time:?}");
}

fn wake_who_waits() {
    let queue = queue(1);
    let receiver = Peer::start_waiting(|| {
        queue.receive(&mut [0; 16]).unwrap();
    });
    queue.send(b"", Priority::MIN).unwrap();
    receiver.join();
    queue.send(b"", Priority::MIN).unwrap();
    let sender = Peer::start_waiting(|| queue.send(b"", Priority::MIN).unwrap());
    queue.receive(&mut [0; 16]).unwrap();
    sender.join();
    assert_eq!(queue.len(), Ok(1));
}

fn lose_no_message_of_many_processes() {
    const EACH: u32 = 100;
    let queue = queue(4);
    let memory = common_memory();
    let sum: &AtomicU32 = memory.get(0).unwrap();
    let receivers = [(); 2].map(|()| {
        Peer::start(|| {
            loop {
                let mut buffer = [0; 16];
                let message = queue.receive_timeout(&mut buffer, LONG).unwrap();
                // An empty message ends one receiver.
                let Ok(number) = message.payload().try_into().map(u32::from_ne_bytes) else { break };
                sum.fetch_add(number, Relaxed);
            }
        })
    });
    let senders = [1, 1000].map(|step| {
        let queue = &queue;
        Peer::start(move || {
            (0..EACH).for_each(|_| queue.send_timeout(&u32::to_ne_bytes(step), Priority::from(1), LONG).unwrap());
        })
    });
    senders.into_iter().for_each(Peer::join);
    (0..2).for_each(|_| queue.send_timeout(b"", Priority::MIN, LONG).unwrap());
    receivers.into_iter().for_each(Peer::join);
    assert_eq!(sum.load(Relaxed), EACH * 1001);
}

fn go_on_when_a_peer_is_killed() {
    let queue = queue(2);
    Peer::start_waiting(|| assert!(queue.receive(&mut [0; 16]).is_err())).kill();
    queue.send(b"kept", Priority::MIN).unwrap();
    assert_eq!(queue.receive_timeout(&mut [0; 16], LONG).unwrap().payload(), b"kept");
}

fn refuse_what_is_no_queue() {
    let memory = SharedMemory::anonymous(4096).create().unwrap();
    memory.write_at(0, b"something else").unwrap();
    let refused = SharedQueue::try_from(OwnedFd::from(memory)).unwrap_err();
    assert_eq!(refused.error.kind(), ErrorKind::Malformed);
}

fn ring_a_doorbell() {
    let queue = queue(2);
    let mut doorbell = queue.doorbell().unwrap();
    for _ in 0..2 {
        assert!(doorbell.arm().unwrap().is_armed());
        let peer = Peer::start(|| queue.send(b"", Priority::MIN).unwrap());
        assert_eq!(poll(&mut [PollFd::new(&doorbell, PollFlags::IN)], None), Ok(1));
        peer.join();
        queue.receive(&mut [0; 16]).unwrap();
    }
}

fn carry_typed_values_from_end_to_end() {
    let queue = options(1).unlink_on_drop(true).create_unique(prefix().name()).unwrap();
    let name = queue.name().unwrap();
    let sender = TypedSender::<[u64; 2], _>::new(Sender::open_shared(name).unwrap()).unwrap();
    let receiver = TypedReceiver::<[u64; 2], _>::new(Receiver::open_shared(name).unwrap()).unwrap();
    sender.send(&[1, u64::MAX], Priority::from(2)).unwrap();
    assert_eq!(receiver.receive(), Ok(([1, u64::MAX], Priority::from(2))));
    queue.send(b"another length", Priority::MIN).unwrap();
    assert_eq!(kind(receiver.receive()), ErrorKind::Malformed);
    let only_sender = SharedQueue::options().write(true).open(name).unwrap();
    let refused = Receiver::try_from(only_sender).unwrap_err();
    assert_eq!(refused.error.kind(), ErrorKind::BadDescriptor);
}
