//! Several threads on one handle.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};
use std::thread;

use rawipc::{Deadline, Priority};

use super::{Queue, small_queue};
use crate::harness::waiting::PATIENCE;

crate::tests!(
    two_threads_receiving_on_one_handle_never_tear_a_message,
    threads_sending_and_receiving_in_every_way_lose_nothing,
);

/// A message that shows whether it is whole: its number, a length and bytes that follow from it, and a sum of them all.
fn message_of(number: u32, buffer: &mut [u8; 64]) -> &[u8] {
    let length = 8 + number as usize % 57;
    buffer[..4].copy_from_slice(&number.to_le_bytes());
    for (at, byte) in buffer[8..length].iter_mut().enumerate() {
        *byte = (number as usize * 31 + at * 7) as u8;
    }
    buffer[4..8].fill(0);
    let sum = checksum(&buffer[..length]);
    buffer[4..8].copy_from_slice(&sum.to_le_bytes());
    &buffer[..length]
}

/// Adler's idea: the order of the bytes counts too.
fn checksum(bytes: &[u8]) -> u32 {
    let (a, b) = bytes.iter().fold((1_u32, 0_u32), |(a, b), byte| ((a + u32::from(*byte)) % 65_521, (a + b) % 65_521));
    (b << 16) | a
}

/// The number of a message, after making sure that not a byte of it is wrong.
fn number_of(message: &[u8]) -> u32 {
    let number = u32::from_le_bytes(message[..4].try_into().expect("four bytes"));
    let mut expected = [0; 64];
    assert_eq!(message, message_of(number, &mut expected), "message {number} is torn");
    number
}

/// Counts how often each message came.
struct Received(Vec<AtomicU8>);

impl Received {
    fn new(count: u32) -> Self {
        Self((0..count).map(|_| AtomicU8::new(0)).collect())
    }

    fn note(&self, message: &[u8]) {
        let before = self.0[number_of(message) as usize].fetch_add(1, Relaxed);
        assert_eq!(before, 0, "a message came twice");
    }

    fn assert_complete(&self) {
        let missing = self.0.iter().filter(|count| count.load(Relaxed) != 1).count();
        assert_eq!(missing, 0, "messages are missing");
    }
}

/// How a receiving thread is told that it is done.
const STOP: &[u8] = b"";

/// One way to wait for a message; bounded, so that a sender's failure ends the test.
type Receive = for<'a> fn(&Queue, &'a mut [u8; 64]) -> rawipc::Result<rawipc::Message<'a>>;

/// Waits inside the system call.
const IN_THE_KERNEL: Receive = |queue, buffer| queue.receive_deadline(buffer, Deadline::realtime_after(PATIENCE));
/// Waits until the queue is ready, then races for the message.
const BY_POLL: Receive = |queue, buffer| queue.receive_timeout(buffer, PATIENCE);

fn receive_all(queue: &Queue, received: &Received, receive: Receive) -> u32 {
    let mut buffer = [0; 64];
    let mut count = 0;
    loop {
        let message = receive(queue, &mut buffer).unwrap();
        if message.payload() == STOP {
            return count;
        }
        received.note(message.payload());
        count += 1;
    }
}

fn two_threads_receiving_on_one_handle_never_tear_a_message() {
    const COUNT: u32 = 200_000;
    let (queue, received) = (small_queue(), Received::new(COUNT));
    thread::scope(|scope| {
        let receivers = [0, 1].map(|_| scope.spawn(|| receive_all(&queue, &received, IN_THE_KERNEL)));
        let mut buffer = [0; 64];
        for number in 0..COUNT {
            queue.send_timeout(message_of(number, &mut buffer), Priority::from(1), PATIENCE).unwrap();
        }
        for _ in &receivers {
            queue.send_timeout(STOP, Priority::MIN, PATIENCE).unwrap();
        }
        let counts = receivers.map(|receiver| receiver.join().expect("a receiver has not panicked"));
        assert_eq!(counts.iter().sum::<u32>(), COUNT);
        assert!(counts.iter().all(|count| *count > 0), "one thread received nothing: {counts:?}");
    });
    received.assert_complete();
    assert!(queue.is_empty().unwrap());
}

fn threads_sending_and_receiving_in_every_way_lose_nothing() {
    const COUNT: u32 = 12_000;
    let (queue, received, next) = (small_queue(), Received::new(COUNT), AtomicU32::new(0));
    let send_all = || {
        let mut buffer = [0; 64];
        loop {
            let number = next.fetch_add(1, Relaxed);
            if number >= COUNT {
                return;
            }
            let (message, priority) = (message_of(number, &mut buffer), Priority::from(1 + (number % 3) as u8));
            match number % 3 {
                0 => queue.send_deadline(message, priority, Deadline::realtime_after(PATIENCE)).unwrap(),
                1 => queue.send_timeout(message, priority, PATIENCE).unwrap(),
                _ => while queue.try_send(message, priority).is_err() {},
            }
        }
    };
    let (queue, received) = (&queue, &received);
    thread::scope(|scope| {
        let ways = [IN_THE_KERNEL, BY_POLL, BY_POLL];
        let receivers = ways.map(|way| scope.spawn(move || receive_all(queue, received, way)));
        let senders = [0, 1].map(|_| scope.spawn(send_all));
        senders.into_iter().for_each(|sender| sender.join().expect("a sender has not panicked"));
        receivers.iter().for_each(|_| queue.send_timeout(STOP, Priority::MIN, PATIENCE).unwrap());
        let counts = receivers.map(|receiver| receiver.join().expect("a receiver has not panicked"));
        assert_eq!(counts.iter().sum::<u32>(), COUNT);
    });
    received.assert_complete();
}
