//! Producers and consumers of messages.

use std::collections::HashMap;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use rawipc::{Deadline, MessageQueue, Priority, Receiver, Sender};

use super::{Actor, Dead, Place, QUEUE, Stage, TAKING, is_too_early};
use crate::stress::account::Account;
use crate::stress::ledger::{DRAIN, MESSAGES};

/// The lowest is for the message that ends a consumer.
const PRIORITIES: u32 = 4;

/// Record, number, priority, sum; then bytes that follow from them.
const HEADER: usize = 16;

/// Sends so many messages, each in one of the ways to send.
pub fn produce(actor: &mut Actor<'_>) {
    let sender = Sender::open(QUEUE).expect("the queue is there");
    let record = &actor.stage.ledger.records[actor.record];
    for number in 0..MESSAGES {
        let priority = 1 + actor.random.below(PRIORITIES as usize) as u32;
        let length = HEADER + actor.random.below(actor.stage.message_size - HEADER + 1);
        let message = message_of(actor.record as u32, number, priority, length);
        record.sending.store(number + 1, SeqCst);
        while let Err(error) = send(actor, sender.queue(), &message, Priority::new(priority).unwrap()) {
            assert!(is_too_early(error.kind()), "{error}");
            if !actor.acts() {
                record.sending.store(number, SeqCst);
                return;
            }
        }
        record.sent.store(number + 1, SeqCst);
        if !actor.acts() {
            return;
        }
    }
}

fn send(actor: &mut Actor<'_>, queue: &MessageQueue, message: &[u8], priority: Priority) -> rawipc::Result<()> {
    let moment = actor.moment();
    match actor.random.below(5) {
        0 => actor.within(Duration::ZERO, || queue.try_send(message, priority)),
        1 => actor.within(moment, || queue.send_timeout(message, priority, moment)),
        2 => actor.within(moment, || queue.send_deadline(message, priority, Deadline::after(moment))),
        3 => actor.within(moment, || queue.send_deadline(message, priority, Deadline::realtime_after(moment))),
        _ => queue.send(message, priority).inspect_err(|error| actor.note::<()>(&Err(*error))),
    }
}

/// Receives until the message comes that says that there are no more.
pub fn consume(actor: &mut Actor<'_>) {
    let receiver = Receiver::open(QUEUE).expect("the queue is there");
    let mut buffer = vec![0; actor.stage.message_size];
    // The number to come next or later, for each producer and priority.
    let mut next: HashMap<(u32, u32), u32> = HashMap::new();
    loop {
        actor.is_at(TAKING);
        match receive(actor, receiver.queue(), &mut buffer) {
            Ok((0, _)) => {
                actor.is_at(0);
                assert_eq!(actor.stage.ledger.phase.load(SeqCst), DRAIN, "a message was cut short");
                return;
            }
            Ok((length, priority)) => {
                let (record, number) = understand(&buffer[..length], priority);
                actor.stage.ledger.records[record as usize].receive(number);
                actor.is_at(0);
                let next = next.entry((record, priority)).or_default();
                assert!(number >= *next, "message {number} of producer {record} came out of order");
                *next = number + 1;
            }
            Err(error) => {
                actor.is_at(0);
                assert!(is_too_early(error.kind()), "{error}");
            }
        }
    }
}

fn receive(actor: &mut Actor<'_>, queue: &MessageQueue, buffer: &mut [u8]) -> rawipc::Result<(usize, u32)> {
    let moment = actor.moment();
    let way = actor.random.below(5);
    let received = match way {
        0 => actor.within(Duration::ZERO, || queue.try_receive(buffer)),
        1 => actor.within(moment, || queue.receive_timeout(buffer, moment)),
        2 => actor.within(moment, || queue.receive_deadline(buffer, Deadline::after(moment))),
        3 => actor.within(moment, || queue.receive_deadline(buffer, Deadline::realtime_after(moment))),
        _ => queue.receive(buffer).inspect_err(|error| actor.note::<()>(&Err(*error))),
    };
    received.map(|message| (message.payload().len(), message.priority().into()))
}

/// Whether a killed consumer has taken a message that it has not noted: that is known if it was in the call itself.
pub fn consumer_died(_: &Stage<'_>, dead: &Dead<'_>, account: &mut Account) {
    if dead.slot.state.load(SeqCst) != TAKING {
        return;
    }
    match dead.place {
        Place::Call { number: libc::SYS_mq_timedreceive, answer: Some(1..) } => account.taken += 1,
        Place::Call { number: libc::SYS_mq_timedreceive, answer: None } => {}
        Place::Call { number: libc::SYS_ppoll, .. } => {}
        _ => account.maybe_taken += 1,
    }
}

fn message_of(record: u32, number: u32, priority: u32, length: usize) -> Vec<u8> {
    let mut message = [record, number, priority, 0].map(u32::to_ne_bytes).concat();
    message.extend((HEADER..length).map(|place| (number as usize * 31 + place * 7) as u8));
    let sum = sum(&message);
    message[12..16].copy_from_slice(&sum.to_ne_bytes());
    message
}

/// Which message it is, after making sure that it is whole.
fn understand(message: &[u8], priority: u32) -> (u32, u32) {
    assert!(message.len() >= HEADER, "a message was cut short");
    let word = |place: usize| u32::from_ne_bytes(message[4 * place..4 * place + 4].try_into().expect("four bytes"));
    let (record, number) = (word(0), word(1));
    assert_eq!(message, message_of(record, number, priority, message.len()), "a message is torn");
    (record, number)
}

/// Adler's idea: the order of the bytes counts too.
fn sum(bytes: &[u8]) -> u32 {
    let (a, b) = bytes.iter().fold((1_u32, 0_u32), |(a, b), byte| ((a + u32::from(*byte)) % 65_521, (a + b) % 65_521));
    (b << 16) | a
}
