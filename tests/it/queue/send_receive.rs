//! Messages: lengths, priorities, order; a long random run against a model.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rawipc::{Deadline, ErrorKind, MessageBuffer, Priority, name};

use super::{Queue, small, small_queue};
use crate::harness::random::Random;

crate::tests!(
    every_length_arrives_as_it_was_sent,
    every_way_to_send_meets_every_way_to_receive,
    the_lowest_and_the_highest_priority_arrive,
    higher_priorities_come_first_and_equal_ones_in_order,
    a_message_is_exactly_the_bytes_that_came,
    the_longest_messages_of_the_default_size_arrive,
    a_random_run_agrees_with_the_model,
);

fn every_length_arrives_as_it_was_sent() {
    let queue = small_queue();
    let mut buffer = MessageBuffer::<64>::new();
    let bytes: Vec<u8> = (0..64).collect();
    for length in 0..=64 {
        queue.send(&bytes[..length], Priority::MIN).unwrap();
        assert_eq!(queue.len().unwrap(), 1);
        assert_eq!(queue.receive(&mut buffer).unwrap().payload(), &bytes[..length]);
        assert!(queue.is_empty().unwrap());
    }
}

type Send = fn(&Queue, &[u8], Priority) -> rawipc::Result<()>;
type Receive = for<'a> fn(&Queue, &'a mut MessageBuffer<64>) -> rawipc::Result<rawipc::Message<'a>>;

const SOON: Duration = Duration::from_secs(20);

const SENDS: [Send; 7] = [
    |queue, message, priority| queue.send(message, priority),
    |queue, message, priority| queue.try_send(message, priority),
    |queue, message, priority| queue.send_timeout(message, priority, SOON),
    |queue, message, priority| queue.send_timeout(message, priority, Duration::ZERO),
    |queue, message, priority| queue.send_deadline(message, priority, Deadline::after(SOON)),
    |queue, message, priority| queue.send_deadline(message, priority, Deadline::realtime_after(SOON)),
    |queue, message, priority| queue.send_deadline(message, priority, Deadline::after(Duration::ZERO)),
];

const RECEIVES: [Receive; 7] = [
    |queue, buffer| queue.receive(buffer),
    |queue, buffer| queue.try_receive(buffer),
    |queue, buffer| queue.receive_timeout(buffer, SOON),
    |queue, buffer| queue.receive_timeout(buffer, Duration::ZERO),
    |queue, buffer| queue.receive_deadline(buffer, Deadline::after(SOON)),
    |queue, buffer| queue.receive_deadline(buffer, Deadline::realtime_after(SOON)),
    |queue, buffer| queue.receive_deadline(buffer, Deadline::realtime_after(Duration::ZERO)),
];

fn every_way_to_send_meets_every_way_to_receive() {
    let queue = small_queue();
    let mut buffer = MessageBuffer::new();
    for nonblocking in [false, true] {
        queue.set_nonblocking(nonblocking).unwrap();
        for (s, send) in SENDS.iter().enumerate() {
            for (r, receive) in RECEIVES.iter().enumerate() {
                let (sent, priority) = ([s as u8, r as u8], Priority::from(r as u8));
                send(&queue, &sent, priority).unwrap();
                let message = receive(&queue, &mut buffer).unwrap();
                assert_eq!((message.payload(), message.priority()), (&sent[..], priority));
            }
        }
        assert_eq!(queue.attributes().unwrap().nonblocking, nonblocking);
    }
}

fn the_lowest_and_the_highest_priority_arrive() {
    let queue = small_queue();
    for priority in [0, 1, 255, 256, 32_766, 32_767] {
        queue.send(b"", Priority::new(priority).unwrap()).unwrap();
        let message = queue.receive(&mut [0; 64]).map(|message| (message.payload().len(), message.priority()));
        assert_eq!(message, Ok((0, Priority::new(priority).unwrap())));
    }
    assert_eq!((Priority::MIN.get(), Priority::MAX.get()), (0, 32_767));
}

fn higher_priorities_come_first_and_equal_ones_in_order() {
    let queue = small_queue();
    let sent = [(0, b"a"), (32_767, b"b"), (5, b"c"), (0, b"d"), (5, b"e"), (32_767, b"f"), (5, b"g"), (1, b"h")];
    for (priority, message) in sent {
        queue.send(message, Priority::new(priority).unwrap()).unwrap();
    }
    let order: Vec<u8> = (0..8).map(|_| queue.receive(&mut [0; 64]).unwrap().payload()[0]).collect();
    assert_eq!(order, b"bfceghad");
}

fn a_message_is_exactly_the_bytes_that_came() {
    let queue = small_queue();
    let mut buffer = [0xee; 100];
    queue.send(b"a longer message", Priority::MIN).unwrap();
    queue.send(b"short", Priority::MIN).unwrap();
    queue.send(b"", Priority::MIN).unwrap();
    let start = buffer.as_ptr();
    assert_eq!(queue.receive(&mut buffer).unwrap().payload(), b"a longer message");
    let message = queue.receive(&mut buffer).unwrap();
    assert_eq!((message.payload(), message.payload().as_ptr()), (&b"short"[..], start));
    assert_eq!(queue.receive(&mut buffer).unwrap().payload(), b"");
    assert_eq!(buffer[..17], *b"shortger message\xee", "nothing beyond a message is written");
}

fn the_longest_messages_of_the_default_size_arrive() {
    let queue = small().max_messages(1).max_message_size(8192).create_unique(name!("/rawipc-test-")).unwrap();
    let sent = Random::new().bytes(8192);
    queue.send(&sent, Priority::MAX).unwrap();
    let mut buffer = queue.buffer::<8192>().unwrap();
    assert_eq!(queue.receive(&mut buffer).unwrap().payload(), sent);
}

/// What a queue is: for each priority, highest first, its messages in order.
#[derive(Default)]
struct Model {
    messages: BTreeMap<Reverse<u16>, VecDeque<Vec<u8>>>,
}

impl Model {
    fn len(&self) -> usize {
        self.messages.values().map(VecDeque::len).sum()
    }

    fn send(&mut self, message: Vec<u8>, priority: Priority) {
        self.messages.entry(Reverse(priority.get())).or_default().push_back(message);
    }

    fn receive(&mut self) -> Option<(Vec<u8>, u16)> {
        let (Reverse(priority), queue) = self.messages.iter_mut().find(|(_, queue)| !queue.is_empty())?;
        Some((queue.pop_front()?, *priority))
    }
}

fn a_random_run_agrees_with_the_model() {
    let (queue, mut model, mut random) = (small_queue(), Model::default(), Random::new());
    let mut buffer = MessageBuffer::<64>::new();
    for _ in 0..30_000 {
        match random.below(9) {
            0 => queue.set_nonblocking(random.below(2) == 0).unwrap(),
            1..=4 => {
                let length = random.below(66);
                let (message, priority) = (random.bytes(length), random_priority(&mut random));
                let expected = match (length, model.len()) {
                    (65, _) => Err(ErrorKind::MessageTooLong),
                    (_, 8) => Err(ErrorKind::WouldBlock),
                    _ => Ok(()),
                };
                let result = queue.try_send(&message, priority).map_err(|error| error.kind());
                // A look at a full blocking queue comes before the kernel's look at the length.
                let full_first = length == 65 && model.len() == 8 && result == Err(ErrorKind::WouldBlock);
                assert!(result == expected || full_first, "{result:?} {expected:?}");
                if result.is_ok() {
                    model.send(message, priority);
                }
            }
            _ => {
                let received = queue.try_receive(&mut buffer);
                let received = received.map(|message| (message.payload().to_vec(), message.priority().get()));
                assert_eq!(received.map_err(|error| error.kind()), model.receive().ok_or(ErrorKind::WouldBlock));
            }
        }
        assert_eq!(queue.len().unwrap(), model.len());
    }
}

/// Often one that was used before.
fn random_priority(random: &mut Random) -> Priority {
    let bound = [3, 300, 32_768][random.below(3)];
    Priority::new(random.below(bound) as u32).unwrap()
}
