//! What the actors of a round do, written down by themselves as they do it: what a killed one was doing can be read.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use rawipc::shareable;
use rawipc::time::{Clock, Time};

/// How many actors there can be at once.
pub const SLOTS: usize = 64;

/// How many producers there can be in a round, one after the other.
pub const RECORDS: usize = 2048;

/// How many messages a producer sends.
pub const MESSAGES: u32 = 512;

/// No message is longer.
pub const LONGEST: usize = 2048;

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
        /// The bit of the slot whose actor has the mutex, as far as that one has said.
        pub locker: AtomicU64,
        /// Changes under the mutex.
        pub changes: AtomicU64,
        /// How often it was told that the mutex's owner had died.
        pub inherited: AtomicU64,
        /// Doorbells that were waited for, and rung.
        pub rung: AtomicU64,
        /// Messages that came after later ones, and nobody had put them back.
        pub late: AtomicU32,
        pub unused: AtomicU32,
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
        /// What a consumer receives into.
        pub buffer: [AtomicU8; LONGEST],
    }

    /// A producer.
    pub struct Record {
        /// How many messages it has begun to send.
        pub sending: AtomicU32,
        /// How many were accepted.
        pub sent: AtomicU32,
        /// Not 0 if its queue is the one in shared memory.
        pub shared: AtomicU32,
        pub unused: AtomicU32,
        /// What is known of each message.
        pub notes: [AtomicU8; MESSAGES as usize],
    }
}

/// What is known of a message: a consumer has received it; a killed one had it in hand, and it may be there again if
/// the queue is in shared memory; one that had it in hand has put it back.
pub const RECEIVED: u8 = 1;
pub const IN_HAND: u8 = 2;
pub const PUT_BACK: u8 = 4;

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
        assert!(!self.note(number, RECEIVED), "message {number} came twice");
    }

    /// Notes something of a message; whether it was known.
    pub fn note(&self, number: u32, what: u8) -> bool {
        self.notes[number as usize].fetch_or(what, SeqCst) & what != 0
    }

    /// Whether that is known of a message.
    pub fn is(&self, number: u32, what: u8) -> bool {
        self.notes[number as usize].load(SeqCst) & what != 0
    }

    pub fn is_shared(&self) -> bool {
        self.shared.load(SeqCst) != 0
    }
}

impl Slot {
    /// What its consumer receives into.
    ///
    /// # Safety
    /// Nobody else may use it meanwhile.
    #[allow(clippy::mut_from_ref, reason = "atomics may be changed through a reference")]
    pub unsafe fn buffer(&self) -> &mut [u8] {
        let start = self.buffer.as_ptr().cast_mut().cast();
        // SAFETY: the memory is so long and may be changed; nobody else uses it, as the caller says.
        unsafe { std::slice::from_raw_parts_mut(start, LONGEST) }
    }

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
