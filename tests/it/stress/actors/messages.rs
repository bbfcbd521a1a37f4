//! What producers and consumers do, whatever the queue.

use std::collections::HashMap;
use std::sync::atomic::Ordering::SeqCst;

use rawipc::{Priority, Result};

use super::{Actor, Dead, Stage, TAKING, is_too_early};
use crate::harness::message::{HEADER, Label};
use crate::stress::account::Account;
use crate::stress::ledger::{DRAIN, IN_HAND, MESSAGES, PUT_BACK, RECEIVED};

/// The lowest is for the message that ends a consumer.
const PRIORITIES: u32 = 4;

/// Sends so many messages of at most this size, in one of the ways to send that `send` knows.
pub fn produce(
    actor: &mut Actor<'_>,
    size: usize,
    mut send: impl FnMut(&mut Actor<'_>, &[u8], Priority) -> Result<()>,
) {
    let record = &actor.stage.ledger.records[actor.record];
    for number in 0..MESSAGES {
        let priority = 1 + actor.random.below(PRIORITIES as usize) as u32;
        let length = HEADER + actor.random.below(size - HEADER + 1);
        let message = Label { record: actor.record as u32, number, priority }.message(length);
        record.sending.store(number + 1, SeqCst);
        while let Err(error) = send(actor, &message, Priority::new(priority).unwrap()) {
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

/// Receives, in one of the ways that `receive` knows, until the message comes that says that there are no more.
///
/// What is received lies in the slot's buffer before the queue is without it, for whoever looks after a killed one.
pub fn consume(actor: &mut Actor<'_>, mut receive: impl FnMut(&mut Actor<'_>, &mut [u8]) -> Result<(usize, u32)>) {
    let ledger = actor.stage.ledger;
    // SAFETY: one actor at a time has the slot, and nobody else looks at its buffer before it is dead.
    let buffer = unsafe { actor.slot.buffer() };
    buffer.fill(0);
    // The number to come next or later, for each producer and priority.
    let mut next: HashMap<(u32, u32), u32> = HashMap::new();
    loop {
        actor.is_at(TAKING);
        match receive(actor, buffer) {
            Ok((0, _)) => {
                actor.is_at(0);
                assert_eq!(ledger.phase.load(SeqCst), DRAIN, "a message was cut short");
                return;
            }
            Ok((length, priority)) => {
                let (label, whole) = Label::read(&buffer[..length]).expect("a message is torn");
                assert_eq!((whole, label.priority), (length, priority), "a message was changed");
                let record = &ledger.records[label.record as usize];
                record.receive(label.number);
                actor.is_at(0);
                let next = next.entry((label.record, priority)).or_default();
                if label.number < *next {
                    assert!(record.is_shared(), "message {} came out of order: {label:?}", label.number);
                    ledger.late.fetch_add(u32::from(!record.is(label.number, PUT_BACK)), SeqCst);
                }
                *next = (label.number + 1).max(*next);
            }
            Err(error) => {
                actor.is_at(0);
                assert!(is_too_early(error.kind()), "{error}");
            }
        }
    }
}

/// Notes the message that a killed consumer has had in hand, if it has not noted it itself.
pub fn consumer_died(stage: &Stage<'_>, dead: &Dead<'_>, _: &mut Account) {
    // SAFETY: it is dead.
    let Some((label, _)) = Label::read(unsafe { dead.slot.buffer() }) else { return };
    let record = &stage.ledger.records[label.record as usize];
    if !record.is(label.number, RECEIVED) {
        record.note(label.number, IN_HAND);
    }
}
