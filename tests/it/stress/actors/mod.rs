//! Who acts in a round: a table of kinds.

mod hoarder;
mod initializer;
mod messages;
mod notifier;
mod observer;
mod queue;
mod robust;
mod semaphore;
mod shared_queue;

pub use hoarder::remove;
pub use observer::for_each_object;

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use rawipc::semaphore::abi::Abi;
use rawipc::{ErrorKind, Name, Result, SharedQueue};

use super::account::Account;
use super::ledger::{Ledger, Slot, now};
use crate::harness::random::Random;
use crate::sync::support::Arena;

/// A kind of actor.
pub struct Kind {
    pub name: &'static str,
    /// How many there are, at most.
    pub most: usize,
    /// What each does until the phase is over, or until it has done its part and another takes its place.
    pub act: fn(&mut Actor<'_>),
    /// What has to be put right after one was killed, and what may be missing since.
    pub died: fn(&Stage<'_>, &Dead<'_>, &mut Account),
}

pub static KINDS: [Kind; 11] = [
    Kind { name: PRODUCER, most: 5, act: queue::produce, died: |_, _, _| () },
    Kind { name: CONSUMER, most: 4, act: queue::consume, died: messages::consumer_died },
    Kind { name: SHARED_PRODUCER, most: 4, act: shared_queue::produce, died: |_, _, _| () },
    Kind { name: SHARED_CONSUMER, most: 4, act: shared_queue::consume, died: shared_queue::consumer_died },
    Kind { name: "locker", most: 5, act: robust::lock, died: robust::locker_died },
    Kind { name: "notifier", most: 3, act: notifier::be_notified, died: |_, _, _| () },
    Kind { name: "holder", most: 6, act: semaphore::hold, died: semaphore::holder_died },
    Kind { name: "initializer", most: 5, act: initializer::initialize, died: |_, _, _| () },
    Kind { name: "memory hoarder", most: 2, act: hoarder::hoard_memory, died: hoarder::hoarder_died },
    Kind { name: "queue hoarder", most: 2, act: hoarder::hoard_queues, died: hoarder::hoarder_died },
    Kind { name: "observer", most: 2, act: observer::observe, died: |_, _, _| () },
];

/// Each has a record of its own.
const PRODUCER: &str = "producer";
const SHARED_PRODUCER: &str = "shared queue's producer";

/// They act until nothing is left for them.
const CONSUMER: &str = "consumer";
const SHARED_CONSUMER: &str = "shared queue's consumer";

impl Kind {
    pub fn produces(&self) -> bool {
        [PRODUCER, SHARED_PRODUCER].contains(&self.name)
    }

    pub fn consumes(&self) -> bool {
        [CONSUMER, SHARED_CONSUMER].contains(&self.name)
    }

    /// Of those who consume: from the queue in shared memory.
    pub fn is_of_shared_queue(&self) -> bool {
        self.name == SHARED_CONSUMER
    }
}

/// What must be known after a kill: a consumer takes a message, a holder waits for a token or gives it back, a locker
/// changes what is guarded.
pub const TAKING: u32 = 1;
pub const WAITING: u32 = 2;
pub const GIVING: u32 = 3;
pub const CHANGING: u32 = 4;

/// What a round is played with.
pub struct Stage<'a> {
    pub ledger: &'a Ledger,
    pub message_size: usize,
    pub permits: u32,
    pub abi: Abi,
    pub shared_queue: SharedQueue,
    pub arena: Arena,
}

pub const QUEUE: &Name = rawipc::name!("/rawipc-stress-queue");
pub const SHARED_QUEUE: &Name = rawipc::name!("/rawipc-stress-shared-queue");
pub const SEMAPHORE: &Name = rawipc::name!("/rawipc-stress-semaphore");
pub const VALUE: &str = "/rawipc-stress-value-";
pub const HOARD: &str = "/rawipc-stress-hoard-";

/// One that was killed.
pub struct Dead<'a> {
    pub slot: &'a Slot,
    pub bit: u64,
    pub number: u32,
    /// Where it was then.
    pub place: Place,
}

/// Where a process was stopped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// In a system call of this number.
    Call(libc::c_long),
    /// Anywhere else, or the machine does not tell.
    Unknown,
}

/// One of a kind.
pub struct Actor<'a> {
    pub stage: &'a Stage<'a>,
    pub slot: &'a Slot,
    /// The slot's bit where there is one for each.
    pub bit: u64,
    /// Nobody else in this round has it.
    pub number: u32,
    /// The place of a producer's record.
    pub record: usize,
    pub random: Random,
}

impl Actor<'_> {
    pub fn acts(&self) -> bool {
        self.stage.ledger.acts()
    }

    pub fn is_at(&self, state: u32) {
        self.slot.state.store(state, SeqCst);
    }

    /// Makes a call that is over after so long. Whether it is, is watched from outside.
    pub fn within<T>(&mut self, bound: Duration, call: impl FnOnce() -> Result<T>) -> Result<T> {
        self.slot.until.store(now() + bound.as_nanos() as u64, SeqCst);
        let result = call();
        self.slot.until.store(0, SeqCst);
        self.note(&result);
        result
    }

    /// Counts what is worth knowing of a result.
    pub fn note<T>(&self, result: &Result<T>) {
        self.slot.turns.fetch_add(1, SeqCst);
        let ledger = self.stage.ledger;
        match result.as_ref().err().map(|error| error.kind()) {
            Some(ErrorKind::Interrupted) => ledger.interrupted.fetch_add(1, SeqCst),
            Some(ErrorKind::LimitExceeded(_)) => ledger.exhausted.fetch_add(1, SeqCst),
            _ => 0,
        };
    }

    /// Lets some time pass with something in hand, now and then enough to be killed or stopped there.
    pub fn dally(&mut self) {
        let longest = if self.random.below(100) == 0 { 100_000 } else { 300 };
        (0..self.random.below(longest)).for_each(|_| std::hint::spin_loop());
    }

    pub fn moment(&mut self) -> Duration {
        Duration::from_micros(self.random.below(3000) as u64)
    }
}

/// Whether a call failed only since it would have had to wait longer, or by a signal: nothing was done then.
pub fn is_too_early(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
