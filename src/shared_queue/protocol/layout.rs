//! What lies in a shared queue's file.
//!
//! # Format, version 1
//! Numbers are in the machine's own byte order, offsets in bytes; `n` is the most messages it holds.
//!
//! | offset | content |
//! |---|---|
//! | 0 | the 8 bytes `rawipc/Q` |
//! | 8 | `u32`: the version of this format, 1 |
//! | 12 | `u32`: `n`, 1 to 65,536 |
//! | 16 | `u32`: the longest message, 1 to 16,777,216 bytes |
//! | 20 | zero |
//! | 24 | zero |
//! | 64 | the words that change, see [`Control`]; the first is the lock, as that of a robust mutex |
//! | 128 | 128 × `u32`: the participants' generations, as those of a robust mutex at offset 0 |
//! | 640 | 128 × 16 bytes: the doorbells, see [`Bell`] |
//! | 2688 | `n` × 16 bytes: the run of messages behind the first, see [`Entry`] |
//! | then | `n` × 16 bytes: the heap of those that are not in the run |
//! | then | `n` × `u32`: the stack of free slots |
//! | next multiple of 64 | `n` slots: a [`SlotHeader`] of 32 bytes and room for a message, rounded up to a multiple of 64 |
//!
//! What a queue holds is said by its records alone. Order, stack and counts can be made again from them, and are when a
//! process has died with the lock.

use core::sync::atomic::AtomicU8;

use crate::futex::primitive::AtomicU32;
use crate::futex::primitive::Ordering::Relaxed;
use crate::shm::shareable;
use crate::sync::{Lock, PeerTable};

pub(crate) const MAGIC: [u8; 8] = *b"rawipc/Q";
pub(in crate::shared_queue) const VERSION: u32 = 1;

/// The most messages that a shared queue can be made for.
pub(in crate::shared_queue) const MAX_MESSAGES: usize = 1 << 16;
/// The longest message that a shared queue can be made for.
pub(in crate::shared_queue) const MAX_MESSAGE_SIZE: usize = 16 << 20;

/// A line of the processor's cache.
pub(in crate::shared_queue) const LINE: usize = 64;

/// A doorbell is armed.
pub(in crate::shared_queue) const ARMED: u32 = 1 << 31;

/// How many doorbells a queue can have at a time.
pub(in crate::shared_queue) const MAX_BELLS: usize = 128;

/// How many bytes of a slot come before the message.
pub(in crate::shared_queue) const SLOT_HEADER: usize = 32;

/// Where the header ends.
pub(in crate::shared_queue) const HEADER: usize = size_of::<Header>();

/// Where things lie, before the parts whose places depend on the sizes.
pub(in crate::shared_queue) const CONTROL: usize = LINE;
pub(in crate::shared_queue) const TABLE: usize = 2 * LINE;
pub(in crate::shared_queue) const BELLS: usize = TABLE + size_of::<PeerTable>();
pub(in crate::shared_queue) const RUN: usize = BELLS + MAX_BELLS * size_of::<Bell>();

shareable! {
    /// What never changes.
    pub(in crate::shared_queue) struct Header {
        pub(in crate::shared_queue) magic: [AtomicU8; 8],
        pub(in crate::shared_queue) version: core::sync::atomic::AtomicU32,
        pub(in crate::shared_queue) max_messages: core::sync::atomic::AtomicU32,
        pub(in crate::shared_queue) max_message_size: core::sync::atomic::AtomicU32,
        _reserved: core::sync::atomic::AtomicU32,
        _padding: [core::sync::atomic::AtomicU32; 10],
    }

    /// What changes with every message, in one line of the cache. All but `lock` and the two events, which sleepers
    /// wait on, is for the holder of the lock. Others may look at `messages` and `free`.
    pub(in crate::shared_queue) struct Control {
        pub(in crate::shared_queue) lock: Lock,
        /// How many messages there are.
        pub(in crate::shared_queue) messages: AtomicU32,
        /// How many slots are on the stack of free ones.
        pub(in crate::shared_queue) free: AtomicU32,
        /// How many slots must be free before a sender is woken.
        pub(in crate::shared_queue) wake_threshold: AtomicU32,
        /// What the next message's number is.
        pub(in crate::shared_queue) next: SplitU64,
        /// The first message.
        pub(in crate::shared_queue) first: Entry,
        pub(in crate::shared_queue) receivers: Waiters,
        pub(in crate::shared_queue) senders: Waiters,
        /// Bit 31: a doorbell may be armed; below: how often one has been.
        pub(in crate::shared_queue) armed: AtomicU32,
        /// Where in its ring the run ends, and in the lower half how long it is.
        pub(in crate::shared_queue) run: AtomicU32,
    }

    /// Those who wait to receive, or to send.
    pub(in crate::shared_queue) struct Waiters {
        /// Changes with every wake-up.
        pub(in crate::shared_queue) event: AtomicU32,
        /// How many sleep; bit 31: one has been woken and has not come back.
        pub(in crate::shared_queue) sleepers: AtomicU32,
    }

    /// A message in the order of delivery.
    pub(in crate::shared_queue) struct Entry {
        pub(in crate::shared_queue) key: SplitU64,
        pub(in crate::shared_queue) slot: AtomicU32,
        /// In [`Control::first`]: not 0 if a slot was given up without the lock, until a sender looks. Else unused.
        pub(in crate::shared_queue) given_up: AtomicU32,
    }

    /// A doorbell.
    pub(in crate::shared_queue) struct Bell {
        /// The participant that has it; 0 if none has.
        pub(in crate::shared_queue) owner: AtomicU32,
        /// Which of the kernel's queues it is.
        pub(in crate::shared_queue) number: AtomicU32,
        /// Bit 31: the next message is to ring it; below: how often it has been armed.
        pub(in crate::shared_queue) armed: AtomicU32,
        pub(super) _reserved: AtomicU32,
    }

    /// A slot's truth.
    pub(in crate::shared_queue) struct SlotHeader {
        /// See [`State`](super::slot_state::State).
        pub(in crate::shared_queue) state: AtomicU32,
        pub(in crate::shared_queue) length: AtomicU32,
        pub(in crate::shared_queue) key: SplitU64,
        pub(super) _reserved: [AtomicU32; 4],
    }

    /// The first line of a slot, or what a longer message has of a later one.
    pub(in crate::shared_queue) struct Line {
        pub(in crate::shared_queue) header: SlotHeader,
        pub(in crate::shared_queue) start: [AtomicU8; SLOT_HEADER],
    }
}

#[cfg(all(target_pointer_width = "64", not(loom)))]
shareable! {
    /// A number of 64 bits that only who has the lock uses.
    pub(in crate::shared_queue) struct SplitU64 {
        number: core::sync::atomic::AtomicU64,
    }
}

#[cfg(any(not(target_pointer_width = "64"), loom))]
shareable! {
    /// A number of 64 bits that only who has the lock uses, where words are shorter: its halves.
    pub(in crate::shared_queue) struct SplitU64 {
        pub(in crate::shared_queue) low: AtomicU32,
        pub(in crate::shared_queue) high: AtomicU32,
    }
}

#[cfg(not(loom))]
const _: () = {
    assert!(size_of::<Header>() == LINE && size_of::<Control>() == LINE);
    assert!(BELLS == 640 && RUN == 2688 && RUN.is_multiple_of(LINE));
    assert!(size_of::<Entry>() == 16 && size_of::<SlotHeader>() == SLOT_HEADER && size_of::<Line>() == LINE);
};

/// A queue's sizes, which tell where everything lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::shared_queue) struct Sizes {
    pub(in crate::shared_queue) max_messages: usize,
    pub(in crate::shared_queue) max_message_size: usize,
}

impl Sizes {
    /// What a header's numbers say, if they can be those of a queue.
    pub(in crate::shared_queue) fn of(version: u32, max_messages: u32, max_message_size: u32) -> Option<Self> {
        let sizes = Self { max_messages: max_messages as usize, max_message_size: max_message_size as usize };
        let are_possible = (1..=MAX_MESSAGES).contains(&sizes.max_messages)
            && (1..=MAX_MESSAGE_SIZE).contains(&sizes.max_message_size);
        (version == VERSION && are_possible).then_some(sizes)
    }

    pub(in crate::shared_queue) const fn heap(self) -> usize {
        RUN + self.max_messages * size_of::<Entry>()
    }

    pub(in crate::shared_queue) const fn free(self) -> usize {
        self.heap() + self.max_messages * size_of::<Entry>()
    }

    pub(in crate::shared_queue) const fn slots(self) -> usize {
        (self.free() + self.max_messages * size_of::<AtomicU32>()).next_multiple_of(LINE)
    }

    /// Returns how many lines a slot has.
    pub(in crate::shared_queue) const fn lines(self) -> usize {
        (SLOT_HEADER + self.max_message_size).div_ceil(LINE)
    }

    /// The size of the file.
    pub(in crate::shared_queue) const fn total(self) -> u64 {
        self.slots() as u64 + self.max_messages as u64 * (self.lines() * LINE) as u64
    }
}

impl Header {
    /// Makes zeros a header.
    pub(in crate::shared_queue) fn write(&self, sizes: Sizes) {
        self.magic.iter().zip(MAGIC).for_each(|(to, from)| to.store(from, Relaxed));
        self.version.store(VERSION, Relaxed);
        self.max_messages.store(sizes.max_messages as u32, Relaxed);
        self.max_message_size.store(sizes.max_message_size as u32, Relaxed);
    }

    /// The sizes, if it is a queue's header.
    pub(in crate::shared_queue) fn sizes(&self) -> Option<Sizes> {
        let is_ours = self.magic.iter().zip(MAGIC).all(|(there, ours)| there.load(Relaxed) == ours);
        let number = |word: &core::sync::atomic::AtomicU32| word.load(Relaxed);
        let sizes = Sizes::of(number(&self.version), number(&self.max_messages), number(&self.max_message_size));
        sizes.filter(|_| is_ours)
    }
}

#[cfg(all(target_pointer_width = "64", not(loom)))]
impl SplitU64 {
    #[inline]
    pub(in crate::shared_queue) fn load(&self) -> u64 {
        self.number.load(Relaxed)
    }

    #[inline]
    pub(in crate::shared_queue) fn store(&self, number: u64) {
        self.number.store(number, Relaxed);
    }
}

#[cfg(any(not(target_pointer_width = "64"), loom))]
impl SplitU64 {
    #[inline]
    pub(in crate::shared_queue) fn load(&self) -> u64 {
        u64::from(self.high.load(Relaxed)) << 32 | u64::from(self.low.load(Relaxed))
    }

    #[inline]
    pub(in crate::shared_queue) fn store(&self, number: u64) {
        self.low.store(number as u32, Relaxed);
        self.high.store((number >> 32) as u32, Relaxed);
    }
}
