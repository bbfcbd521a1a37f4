//! Producers and consumers of a queue in shared memory.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use rawipc::error::Limit;
use rawipc::shared_queue::{Armed, Doorbell, InFlight, Reservation};
use rawipc::{Deadline, ErrorKind, Priority, Result, SharedQueue};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{Actor, Dead, SHARED_QUEUE, Stage, TAKING, messages};
use crate::harness::message::{HEADER, Label};
use crate::stress::account::Account;
use crate::stress::ledger::PUT_BACK;

pub fn produce(actor: &mut Actor<'_>) {
    let (own, stage) = (own_queue(actor), actor.stage);
    let queue = own.as_ref().unwrap_or(&stage.shared_queue);
    stage.ledger.records[actor.record].shared.store(1, SeqCst);
    let size = queue.attributes().expect("it is open").max_message_size;
    messages::produce(actor, size, |actor, message, priority| send(actor, queue, message, priority));
}

/// A handle of its own, or none for who uses the inherited one: both take part.
fn own_queue(actor: &mut Actor<'_>) -> Option<SharedQueue> {
    let options = SharedQueue::options().read(true).write(true);
    (actor.random.below(2) == 0).then(|| options.open(SHARED_QUEUE).expect("the queue is there"))
}

fn send(actor: &mut Actor<'_>, queue: &SharedQueue, message: &[u8], priority: Priority) -> Result<()> {
    let moment = actor.moment();
    match actor.random.below(8) {
        0 => actor.within(Duration::ZERO, || queue.try_send(message, priority)),
        1 => actor.within(moment, || queue.send_timeout(message, priority, moment)),
        2 => actor.within(moment, || queue.send_deadline(message, priority, Deadline::after(moment))),
        3 => actor.within(moment, || queue.send_deadline(message, priority, Deadline::realtime_after(moment))),
        4 => queue.send(message, priority).inspect_err(|error| actor.note::<()>(&Err(*error))),
        5 => {
            // Changes its mind.
            drop(reserve(actor, queue)?);
            queue.send(message, priority).inspect_err(|error| actor.note::<()>(&Err(*error)))
        }
        _ => {
            let mut reservation = reserve(actor, queue)?;
            let middle = actor.random.below(message.len());
            reservation.write_at(middle, &message[middle..]).expect("there is room");
            actor.dally();
            reservation.write_at(0, &message[..middle]).expect("there is room");
            Ok(reservation.publish(message.len(), priority)?)
        }
    }
}

fn reserve<'queue>(actor: &mut Actor<'_>, queue: &'queue SharedQueue) -> Result<Reservation<'queue>> {
    let moment = actor.moment();
    match actor.random.below(5) {
        0 => actor.within(Duration::ZERO, || queue.try_reserve()),
        1 => actor.within(moment, || queue.reserve_timeout(moment)),
        2 => actor.within(moment, || queue.reserve_deadline(Deadline::after(moment))),
        3 => actor.within(moment, || queue.reserve_deadline(Deadline::realtime_after(moment))),
        _ => queue.reserve().inspect_err(|error| actor.note::<()>(&Err(*error))),
    }
}

pub fn consume(actor: &mut Actor<'_>) {
    let (own, stage) = (own_queue(actor), actor.stage);
    let queue = own.as_ref().unwrap_or(&stage.shared_queue);
    let mut doorbell = (actor.random.below(2) == 0).then(|| queue.doorbell()).and_then(|made| {
        actor.note(&made);
        made.inspect_err(|error| assert!(is_used_up(error.kind()), "{error}")).ok()
    });
    messages::consume(actor, |actor, buffer| {
        if let Some(doorbell) = doorbell.as_mut().filter(|_| actor.random.below(4) == 0) {
            wait_for_ring(actor, doorbell)?;
        }
        receive(actor, queue, buffer)
    });
}

/// Waits until the doorbell says that there is a message, or for a moment.
fn wait_for_ring(actor: &mut Actor<'_>, doorbell: &mut Doorbell<&SharedQueue>) -> Result<()> {
    match doorbell.arm() {
        Ok(Armed::AlreadyReadable) => {}
        Ok(Armed::Armed) => {
            let time = Timespec { tv_sec: 0, tv_nsec: actor.moment().as_nanos() as i64 };
            // A signal ends it too.
            let rung = poll(&mut [PollFd::new(doorbell, PollFlags::IN)], Some(&time)).is_ok_and(|ready| ready > 0);
            actor.stage.ledger.rung.fetch_add(u64::from(rung), SeqCst);
        }
        Err(error) if is_used_up(error.kind()) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Hoarders have the queues, and a doorbell is one.
fn is_used_up(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::LimitExceeded(Limit::Queues | Limit::QueueBytes))
}

fn receive(actor: &mut Actor<'_>, queue: &SharedQueue, buffer: &mut [u8]) -> Result<(usize, u32)> {
    let moment = actor.moment();
    let received = match actor.random.below(8) {
        0 => actor.within(Duration::ZERO, || queue.try_receive(buffer)),
        1 => actor.within(moment, || queue.receive_timeout(buffer, moment)),
        2 => actor.within(moment, || queue.receive_deadline(buffer, Deadline::after(moment))),
        3 => actor.within(moment, || queue.receive_deadline(buffer, Deadline::realtime_after(moment))),
        4 => queue.receive(buffer).inspect_err(|error| actor.note::<()>(&Err(*error))),
        _ => return read_in_place(actor, queue, buffer),
    };
    received.map(|message| (message.payload().len(), message.priority().into()))
}

/// Reads a message where it lies; or gives it back, and receives in any way.
fn read_in_place(actor: &mut Actor<'_>, queue: &SharedQueue, buffer: &mut [u8]) -> Result<(usize, u32)> {
    let borrowed = borrow(actor, queue)?;
    let (length, priority) = (borrowed.len(), borrowed.priority().into());
    actor.dally();
    borrowed.read_at(0, &mut buffer[..length]).expect("it is that long");
    if length == 0 || actor.random.below(8) > 0 {
        borrowed.complete();
        return Ok((length, priority));
    }
    let (label, _) = Label::read(&buffer[..length]).expect("a message is torn");
    actor.stage.ledger.records[label.record as usize].note(label.number, PUT_BACK);
    buffer[..HEADER].fill(0);
    if actor.random.below(2) > 0 {
        borrowed.put_back()?;
    } else {
        drop(borrowed);
    }
    receive(actor, queue, buffer)
}

fn borrow<'queue>(actor: &mut Actor<'_>, queue: &'queue SharedQueue) -> Result<InFlight<'queue>> {
    let moment = actor.moment();
    match actor.random.below(5) {
        0 => actor.within(Duration::ZERO, || queue.try_receive_in_place()),
        1 => actor.within(moment, || queue.receive_in_place_timeout(moment)),
        2 => actor.within(moment, || queue.receive_in_place_deadline(Deadline::after(moment))),
        3 => actor.within(moment, || queue.receive_in_place_deadline(Deadline::realtime_after(moment))),
        _ => queue.receive_in_place().inspect_err(|error| actor.note::<()>(&Err(*error))),
    }
}

/// A message that it has had in hand may come late: it was there again when somebody noticed.
pub fn consumer_died(stage: &Stage<'_>, dead: &Dead<'_>, account: &mut Account) {
    account.returned += u32::from(dead.slot.state.load(SeqCst) == TAKING);
    messages::consumer_died(stage, dead, account);
}
