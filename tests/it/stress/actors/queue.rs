//! Producers and consumers of a kernel queue.

use std::time::Duration;

use rawipc::{Deadline, MessageQueue, Priority, Receiver, Result, Sender};

use super::{Actor, QUEUE, messages};

pub fn produce(actor: &mut Actor<'_>) {
    let sender = Sender::open(QUEUE).expect("the queue is there");
    let size = actor.stage.message_size;
    messages::produce(actor, size, |actor, message, priority| send(actor, sender.queue(), message, priority));
}

fn send(actor: &mut Actor<'_>, queue: &MessageQueue, message: &[u8], priority: Priority) -> Result<()> {
    let moment = actor.moment();
    match actor.random.below(5) {
        0 => actor.within(Duration::ZERO, || queue.try_send(message, priority)),
        1 => actor.within(moment, || queue.send_timeout(message, priority, moment)),
        2 => actor.within(moment, || queue.send_deadline(message, priority, Deadline::after(moment))),
        3 => actor.within(moment, || queue.send_deadline(message, priority, Deadline::realtime_after(moment))),
        _ => queue.send(message, priority).inspect_err(|error| actor.note::<()>(&Err(*error))),
    }
}

pub fn consume(actor: &mut Actor<'_>) {
    let receiver = Receiver::open(QUEUE).expect("the queue is there");
    messages::consume(actor, |actor, buffer| receive(actor, receiver.queue(), buffer));
}

fn receive(actor: &mut Actor<'_>, queue: &MessageQueue, buffer: &mut [u8]) -> Result<(usize, u32)> {
    let moment = actor.moment();
    let received = match actor.random.below(5) {
        0 => actor.within(Duration::ZERO, || queue.try_receive(buffer)),
        1 => actor.within(moment, || queue.receive_timeout(buffer, moment)),
        2 => actor.within(moment, || queue.receive_deadline(buffer, Deadline::after(moment))),
        3 => actor.within(moment, || queue.receive_deadline(buffer, Deadline::realtime_after(moment))),
        _ => queue.receive(buffer).inspect_err(|error| actor.note::<()>(&Err(*error))),
    };
    received.map(|message| (message.payload().len(), message.priority().into()))
}
