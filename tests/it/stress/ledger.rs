//! What the actors of a round do, written down by themselves as they do it: what a killed one was doing can be read.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use rawipc::{Clock, Time, shareable};

/// How many actors there can be at once.
pub const SLOTS: usize = 64;

/// How many producers there can be in a round, one after the other.
pub const RECORDS: usize = 4096;

/// How many messages a producer sends.
pub const MESSAGES: u32 = 512;

/// How many shared values there are in a round, one after the other.
pub const VALUES: usize = 64;

shareable! {
    pub struct Ledger {
        /// What the actors are to do.
        pub phase: AtomicU32,
        /// The number of the shared value that is being raced for.
        pub value: AtomicU32,
        /// The token of each shared value, as soon as somebody has seen it.
        pub tokens: [AtomicU64; VALUES],
        /// A bit for each slot whose actor holds a token of the semaphore.
        pub holders: AtomicU64,
        /// Calls that a signal has interrupted.
        pub interrupted: AtomicU64,
        /// Limits that were hit.
        pub exhausted: AtomicU64,
        /// Notifications that came.
        pub notified: AtomicU64,
        pub slots: [Slot; SLOTS],
        pub records: [Record; RECORDS],
    }

    /// An actor.
    pub struct Slot {
        /// What it is doing; a number of its kind's own.
        pub state: AtomicU32,
        pub unused: AtomicU32,
        /// When its present call must be over, in nanoseconds; 0 if it makes none, or one without a limit.
        pub until: AtomicU64,
        pub turns: AtomicU64,
    }

    /// A producer.
    pub struct Record {
        /// How many messages it has begun to send.
        pub sending: AtomicU32,
        /// How many were accepted.
        pub sent: AtomicU32,
        /// A bit for each message that a consumer has seen.
        pub received: [AtomicU64; MESSAGES as usize / 64],
    }
}

/// The phases of a round: all act; all but the consumers end; these end too, when nothing is left.
pub const ACT: u32 = 0;
pub const STOP: u32 = 1;
pub const DRAIN: u32 = 2;

impl Ledger {
    pub fn acts(&self) -> bool {
        self.phase.load(SeqCst) == ACT
    }
}

impl Record {
    /// Notes that a message was received.
    pub fn receive(&self, number: u32) {
        assert!(number < self.sending.load(SeqCst), "message {number} was never sent");
        let (word, bit) = (&self.received[number as usize / 64], 1 << (number % 64));
        assert_eq!(word.fetch_or(bit, SeqCst) & bit, 0, "message {number} came twice");
    }

    pub fn was_received(&self, number: u32) -> bool {
        self.received[number as usize / 64].load(SeqCst) & (1 << (number % 64)) != 0
    }
}

impl Slot {
    /// For how long its present call should have been over.
    pub fn lateness(&self) -> Duration {
        match self.until.load(SeqCst) {
            0 => Duration::ZERO,
            until => Duration::from_nanos(now().saturating_sub(until)),
        }
    }
}

/// The monotonic time in nanoseconds.
pub fn now() -> u64 {
    let now = Time::now(Clock::Monotonic);
    now.seconds() as u64 * 1_000_000_000 + u64::from(now.nanoseconds())
}
