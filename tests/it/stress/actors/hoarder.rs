//! Those who use up what there is: the space of `/dev/shm`, the queues and their bytes.

use rawipc::error::Limit;
use rawipc::inspect::ObjectKind;
use rawipc::semaphore::abi::Abi;
use rawipc::{ErrorKind, MessageQueue, Name, NamedSemaphore, Result, SharedMemory};

use super::observer::for_each_object;
use super::{Actor, Dead, HOARD, Stage, is_too_early};
use crate::stress::account::Account;

/// More than there can be of anything.
const MOST: usize = 1000;

/// Makes memory and semaphores until there is no room, touches every byte, and lets them go.
pub fn hoard_memory(actor: &mut Actor<'_>) {
    while actor.acts() {
        let (mut hoard, mut semaphores) = (Vec::new(), Vec::new());
        for count in 0..actor.random.below(MOST) {
            let (name, size) = (name(actor, count), 1 + actor.random.below(100_000) as u64);
            let name = Name::new(name.as_str()).expect("it is valid");
            let result = if actor.random.below(4) == 0 {
                let options = NamedSemaphore::options().create_new(true).initial_value(1).unlink_on_drop(true);
                options.open(name).map(|semaphore| semaphores.push(semaphore))
            } else {
                let options = SharedMemory::options().write(true).create_new(true).unlink_on_drop(true).size(size);
                options.open(name).map(|memory| hoard.push(memory))
            };
            if !goes_on(actor, &result, &[Limit::DevShm]) {
                break;
            }
        }
        // Each has all of its space, so nothing raises SIGBUS.
        for memory in &hoard {
            let mapping = memory.map().expect("it can be mapped");
            mapping.write_at(0, &vec![1; mapping.len()]).expect("it is that long");
        }
        assert!(semaphores.iter().all(|semaphore| semaphore.value() == 1));
    }
}

/// Makes queues until a limit is hit, and lets them go.
pub fn hoard_queues(actor: &mut Actor<'_>) {
    while actor.acts() {
        let mut hoard = Vec::new();
        for count in 0..MOST {
            let (name, size) = (name(actor, count), 1 + actor.random.below(500));
            let options = MessageQueue::options().write(true).create_new(true).unlink_on_drop(true);
            let options = options.max_messages(1 + actor.random.below(10)).max_message_size(size);
            let result = options.open(Name::new(name.as_str()).expect("it is valid"));
            let result = result.map(|queue| hoard.push(queue));
            if !goes_on(actor, &result, &[Limit::Queues, Limit::QueueBytes]) {
                break;
            }
        }
    }
}

fn name(actor: &Actor<'_>, count: usize) -> String {
    format!("{HOARD}{}-{count}", actor.number)
}

/// Whether there is more to be had; a failure must be one of these limits, or a signal.
fn goes_on(actor: &Actor<'_>, result: &Result<()>, limits: &[Limit]) -> bool {
    actor.note(result);
    let Err(error) = result else { return actor.acts() };
    let is_expected = match error.kind() {
        ErrorKind::LimitExceeded(limit) => limits.contains(&limit),
        kind => is_too_early(kind),
    };
    assert!(is_expected, "{error}");
    false
}

/// What a killed one has left is removed, and there is room again.
pub fn hoarder_died(_: &Stage<'_>, dead: &Dead<'_>, account: &mut Account) {
    account.removed += remove(&format!("{HOARD}{}-", dead.number));
}

/// Removes all objects whose names begin so; how many there were.
pub fn remove(prefix: &str) -> u64 {
    let mut removed = 0;
    for_each_object(|entry| {
        let name = entry.name();
        if !name.as_bytes().starts_with(prefix.as_bytes()) {
            return;
        }
        let result = match entry.kind {
            ObjectKind::Queue => MessageQueue::unlink(name),
            ObjectKind::Semaphore => NamedSemaphore::options().abi(Abi::Gnu64).unlink(name),
            // What looks like a semaphore of musl's is listed twice.
            _ => SharedMemory::unlink(name),
        };
        removed += u64::from(result.is_ok());
    });
    removed
}
