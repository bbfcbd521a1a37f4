//! Several processes on one queue: each message exactly once, in order for each producer within a priority.

use std::collections::HashMap;
use std::io::Write;

use rawipc::{MessageQueue, Name, Priority, Receiver, Sender};

use crate::harness::queues::text;
use crate::harness::waiting::PATIENCE;
use crate::harness::{Peer, Role, name_of, role, small_queue};

crate::tests!(
    one_consumer_sees_every_producers_order,
    several_consumers_share_every_message_exactly_once,
    a_message_outlives_its_sender,
);

pub const ROLES: &[Role] = &[("produce", produce), ("consume", consume)];

const PRODUCERS: u8 = 3;
const MESSAGES: u32 = 4000;
const PRIORITIES: u32 = 3;

fn argument_name(arguments: &[String]) -> &Name {
    Name::new(arguments[0].as_str()).unwrap()
}

/// Sends numbered messages with its own number and its parent's choice of priorities.
fn produce(arguments: &[String]) {
    let sender = Sender::open(argument_name(arguments)).unwrap();
    let producer: u8 = arguments[1].parse().unwrap();
    for number in 0..MESSAGES {
        let priority = 1 + number * 7 % PRIORITIES;
        let message = [&[producer, priority as u8][..], &number.to_le_bytes()].concat();
        sender.send(&message, Priority::new(priority).unwrap()).unwrap();
    }
}

/// Receives until an empty message comes; reports what it received, six bytes each.
fn consume(arguments: &[String]) {
    let receiver = Receiver::open(argument_name(arguments)).unwrap();
    let (mut report, mut buffer) = (Vec::new(), [0; 64]);
    loop {
        let message = receiver.receive_timeout(&mut buffer, PATIENCE).unwrap();
        if message.payload().is_empty() {
            break;
        }
        assert_eq!(u32::from(message.priority()), message.payload()[1].into());
        report.extend_from_slice(message.payload());
    }
    std::io::stdout().write_all(&report).unwrap();
}

type Stream = (u8, u8);

/// For each producer and priority the numbers in the order in which one consumer received them.
fn streams(report: &[u8]) -> HashMap<Stream, Vec<u32>> {
    let mut streams: HashMap<Stream, Vec<u32>> = HashMap::new();
    assert_eq!(report.len() % 6, 0);
    for message in report.chunks(6) {
        let number = u32::from_le_bytes(message[2..].try_into().unwrap());
        streams.entry((message[0], message[1])).or_default().push(number);
    }
    for (stream, numbers) in &streams {
        assert!(numbers.is_sorted_by(|a, b| a < b), "{stream:?} is out of order");
    }
    streams
}

/// Lets all producers and so many consumers work; what each consumer received.
fn run(consumers: usize) -> Vec<HashMap<Stream, Vec<u32>>> {
    let queue = small_queue();
    let name = text(name_of(&queue));
    // A pipe holds less than a report, so consumers report when they are done and are read one after the other.
    let consumers: Vec<_> = (0..consumers).map(|_| Peer::start_reporting(&mut role("consume", &[name]))).collect();
    let producers = (0..PRODUCERS).map(|number| Peer::start(&mut role("produce", &[name, &number.to_string()])));
    producers.collect::<Vec<_>>().into_iter().for_each(Peer::succeed);
    for _ in &consumers {
        queue.send_timeout(b"", Priority::MIN, PATIENCE).unwrap();
    }
    let reports = consumers.into_iter().map(|consumer| streams(&consumer.report())).collect();
    assert!(queue.is_empty().unwrap());
    reports
}

/// What was sent in each stream.
fn assert_complete(stream: Stream, numbers: &[u32]) {
    let sent = (0..MESSAGES).filter(|number| 1 + number * 7 % PRIORITIES == stream.1.into());
    assert!(sent.eq(numbers.iter().copied()), "{stream:?} is not complete");
}

fn one_consumer_sees_every_producers_order() {
    let streams = run(1).remove(0);
    assert_eq!(streams.len(), usize::from(PRODUCERS) * PRIORITIES as usize);
    streams.iter().for_each(|(stream, numbers)| assert_complete(*stream, numbers));
}

fn several_consumers_share_every_message_exactly_once() {
    let mut all: HashMap<Stream, Vec<u32>> = HashMap::new();
    for streams in run(3) {
        streams.into_iter().for_each(|(stream, numbers)| all.entry(stream).or_default().extend(numbers));
    }
    assert_eq!(all.len(), usize::from(PRODUCERS) * PRIORITIES as usize);
    for (stream, mut numbers) in all {
        numbers.sort_unstable();
        assert_complete(stream, &numbers);
    }
}

fn a_message_outlives_its_sender() {
    let queue = small_queue();
    let producer = Peer::start(&mut role("produce", &[text(name_of(&queue)), "7"]));
    crate::harness::waiting::wait_for_length(&queue, 8);
    producer.kill_now();
    let mut buffer = [0; 64];
    for _ in 0..8 {
        assert_eq!(queue.try_receive(&mut buffer).unwrap().payload()[0], 7);
    }
    let reopened = MessageQueue::options().read(true).open(name_of(&queue)).unwrap();
    assert!(reopened.is_empty().unwrap());
}
