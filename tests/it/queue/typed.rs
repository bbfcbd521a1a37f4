//! Values as messages.

use std::time::Duration;

use rawipc::error::Operation;
use rawipc::fd::AsFd;
use rawipc::{Deadline, Errno, ErrorKind, Priority, TypedReceiver, TypedSender, name};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::{Queue, name_of, open_ends, small};
use crate::harness::queues::{assert_bounds, assert_error};

crate::tests!(
    values_arrive_by_every_way_there_is,
    values_of_any_size_arrive,
    a_sender_of_longer_values_is_refused_and_given_back,
    a_sender_of_shorter_values_is_taken,
    a_receiver_of_any_other_size_is_refused_and_given_back,
    a_shorter_message_is_malformed_and_dropped,
    typed_calls_fail_like_the_plain_ones,
);

#[derive(Clone, Copy, Debug, PartialEq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Reading {
    sensor: u32,
    value: [u16; 6],
}

const SIZE: usize = size_of::<Reading>();
const SOON: Duration = Duration::from_secs(20);

fn queue_of(size: usize) -> Queue {
    small().max_messages(2).max_message_size(size).create_unique(name!("/rawipc-test-")).unwrap()
}

fn sender_of<T: IntoBytes + Immutable>(queue: &Queue) -> TypedSender<T, Queue> {
    TypedSender::new(open_ends(name_of(queue)).0.unwrap()).unwrap()
}

fn receiver_of<T: FromBytes>(queue: &Queue) -> TypedReceiver<T, Queue> {
    TypedReceiver::new(open_ends(name_of(queue)).1.unwrap()).unwrap()
}

fn reading(sensor: u32) -> Reading {
    Reading { sensor, value: [1, 2, 3, 4, 5, u16::MAX] }
}

fn values_arrive_by_every_way_there_is() {
    let queue = queue_of(SIZE);
    let (sender, receiver) = (sender_of::<Reading>(&queue), receiver_of::<Reading>(&queue));
    assert_eq!(raw(&sender), raw(sender.sender().queue()));
    assert_eq!(raw(&receiver), raw(receiver.receiver().queue()));
    let priority = Priority::from(3);
    for sensor in 0..4 {
        let value = reading(sensor);
        match sensor {
            0 => sender.send(&value, priority),
            1 => sender.try_send(&value, priority),
            2 => sender.send_timeout(&value, priority, SOON),
            _ => sender.send_deadline(&value, priority, Deadline::realtime_after(SOON)),
        }
        .unwrap();
        let received = match sensor {
            0 => receiver.receive(),
            1 => receiver.try_receive(),
            2 => receiver.receive_timeout(SOON),
            _ => receiver.receive_deadline(Deadline::after(SOON)),
        };
        assert_eq!(received, Ok((value, priority)));
    }
    sender.send(&reading(9), Priority::MIN).unwrap();
    assert_eq!(queue.receive(&mut [0; SIZE]).unwrap().payload(), reading(9).as_bytes());
    assert_eq!(sender.sender().queue().name(), receiver.receiver().queue().name());
}

fn raw(descriptor: &impl AsFd) -> i32 {
    rawipc::fd::AsRawFd::as_raw_fd(&descriptor.as_fd())
}

fn values_of_any_size_arrive() {
    fn arrives<T: Copy + PartialEq + std::fmt::Debug + FromBytes + IntoBytes + Immutable>(value: T) {
        let queue = queue_of(size_of::<T>());
        sender_of(&queue).send(&value, Priority::MAX).unwrap();
        assert_eq!(receiver_of(&queue).receive(), Ok((value, Priority::MAX)));
    }
    arrives([1_u8]);
    arrives([2_u8; 13]);
    arrives([3_u16; 33]);
    arrives([u64::MAX; 40]);
}

fn a_sender_of_longer_values_is_refused_and_given_back() {
    let queue = queue_of(SIZE - 1);
    let refused = TypedSender::<Reading, _>::new(open_ends(name_of(&queue)).0.unwrap()).unwrap_err();
    let part = "the queue's messages may have 15 bytes, which is not the size of the type (EINVAL)";
    assert_error(refused.error, ErrorKind::InvalidInput, Errno::INVAL, Operation::AdoptQueue, part);
    refused.value.send(b"still a sender", Priority::MIN).unwrap();
}

fn a_sender_of_shorter_values_is_taken() {
    let queue = queue_of(SIZE + 1);
    sender_of::<Reading>(&queue).send(&reading(1), Priority::MIN).unwrap();
    assert_eq!(queue.receive(&mut [0; SIZE + 1]).unwrap().payload(), reading(1).as_bytes());
}

fn a_receiver_of_any_other_size_is_refused_and_given_back() {
    for size in [SIZE - 1, SIZE + 1] {
        let queue = queue_of(size);
        let refused = TypedReceiver::<Reading, _>::new(open_ends(name_of(&queue)).1.unwrap()).unwrap_err();
        let part = format!("the queue's messages may have {size} bytes, which is not the size of the type");
        assert_error(refused.error, ErrorKind::InvalidInput, Errno::INVAL, Operation::AdoptQueue, &part);
        queue.send(b"x", Priority::MIN).unwrap();
        assert_eq!(refused.value.receive(&mut [0; SIZE + 1]).unwrap().payload(), b"x");
    }
}

fn a_shorter_message_is_malformed_and_dropped() {
    let queue = queue_of(SIZE);
    let receiver = receiver_of::<Reading>(&queue);
    for length in [0, 1, SIZE - 1] {
        queue.send(&[1; SIZE][..length], Priority::MAX).unwrap();
        sender_of(&queue).send(&reading(5), Priority::MIN).unwrap();
        let error = if length == 0 { receiver.try_receive() } else { receiver.receive() }.unwrap_err();
        let part = format!("the message has {length} bytes, but the type has 16; the message was dropped");
        assert_error(error, ErrorKind::Malformed, Errno::MSGSIZE, Operation::Receive, &part);
        assert_bounds(error, length as u64, SIZE as u64);
        assert_eq!(receiver.receive(), Ok((reading(5), Priority::MIN)), "the next message is whole");
        assert!(queue.is_empty().unwrap());
    }
    #[cfg(feature = "std")]
    {
        queue.send(b"", Priority::MIN).unwrap();
        let error = std::io::Error::from(receiver.receive().unwrap_err());
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    }
}

fn typed_calls_fail_like_the_plain_ones() {
    let queue = queue_of(SIZE);
    let (sender, receiver) = (sender_of::<Reading>(&queue), receiver_of::<Reading>(&queue));
    let short = Duration::from_millis(1);
    assert_eq!(receiver.try_receive().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(receiver.receive_timeout(short).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(receiver.receive_deadline(Deadline::after(short)).unwrap_err().kind(), ErrorKind::TimedOut);
    sender.send(&reading(1), Priority::MIN).unwrap();
    sender.send(&reading(2), Priority::MIN).unwrap();
    assert_eq!(sender.try_send(&reading(3), Priority::MIN).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(sender.send_timeout(&reading(3), Priority::MIN, short).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(queue.len(), Ok(2));
}
