//! A queue's memory as its parts.

#![allow(unsafe_code)]

use core::sync::atomic::AtomicU8;

use rustix::io::Errno;

use super::arming::Bells;
use super::layout::{
    BELLS, Bell, CONTROL, Control, Entry, Header, LINE, Line, MAX_BELLS, RUN, SLOT_HEADER, Sizes, SlotHeader, TABLE,
};
use crate::atomic_copy::Word;
use crate::error;
use crate::futex::primitive::AtomicU32;
use crate::shm::Mapping;
use crate::sync::PeerTable;

/// The queue's memory says what no participant leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::shared_queue) struct Damaged;

impl Damaged {
    pub(in crate::shared_queue) const ERRNO: Errno = Errno::BADMSG;
}

impl From<Damaged> for Errno {
    fn from(_: Damaged) -> Self {
        Damaged::ERRNO
    }
}

/// Of memory that may be damaged.
pub(in crate::shared_queue) type Result<T> = core::result::Result<T, Damaged>;

const WORD: usize = size_of::<Word>();

/// The parts of a queue. Indices come from memory that anybody may have written, so each is looked up.
#[derive(Clone, Copy)]
pub(in crate::shared_queue) struct View<'memory> {
    pub(in crate::shared_queue) control: &'memory Control,
    pub(in crate::shared_queue) run: &'memory [Entry],
    pub(in crate::shared_queue) heap: &'memory [Entry],
    pub(in crate::shared_queue) free: &'memory [AtomicU32],
    /// All lines of all slots.
    pub(in crate::shared_queue) slots: &'memory [Line],
    pub(in crate::shared_queue) bells: &'memory [Bell],
    pub(in crate::shared_queue) sizes: Sizes,
    /// How many lines each slot has.
    pub(in crate::shared_queue) lines: usize,
}

impl<'memory> View<'memory> {
    /// Returns how many slots there are.
    #[inline]
    pub(in crate::shared_queue) fn capacity(&self) -> usize {
        self.free.len()
    }

    /// The doorbells.
    pub(in crate::shared_queue) const fn bells(&self) -> Bells<'memory> {
        Bells { sum: &self.control.armed, records: self.bells }
    }

    /// The slot of this number, if there is one.
    #[inline]
    pub(in crate::shared_queue) fn slot(&self, index: usize) -> Result<Slot<'memory>> {
        if index >= self.capacity() {
            return Err(Damaged);
        }
        let start = index * self.lines;
        // SAFETY: there are that many lines for each of that many slots.
        let lines = unsafe { self.slots.get_unchecked(start..start + self.lines) };
        // SAFETY: each has at least one.
        let first = unsafe { lines.get_unchecked(0) };
        Ok(Slot { index, header: &first.header, lines })
    }
}

#[cfg(all(test, not(loom)))]
impl<'memory> View<'memory> {
    /// The parts of memory that is no mapping, for tests that make no system calls.
    pub(in crate::shared_queue) fn of_words(memory: &'memory [core::sync::atomic::AtomicU64], sizes: Sizes) -> Self {
        assert!(size_of_val(memory) as u64 >= sizes.total());
        let at = |offset: usize| memory.as_ptr().cast::<u8>().wrapping_add(offset);
        let count = sizes.max_messages;
        Self {
            // SAFETY: that many bytes are there, any bytes are such words, and all of them may change meanwhile.
            control: unsafe { &*at(CONTROL).cast() },
            // SAFETY: as above.
            bells: unsafe { core::slice::from_raw_parts(at(BELLS).cast(), MAX_BELLS) },
            // SAFETY: as above.
            run: unsafe { core::slice::from_raw_parts(at(RUN).cast(), count) },
            // SAFETY: as above.
            heap: unsafe { core::slice::from_raw_parts(at(sizes.heap()).cast(), count) },
            // SAFETY: as above.
            free: unsafe { core::slice::from_raw_parts(at(sizes.free()).cast(), count) },
            // SAFETY: as above.
            slots: unsafe { core::slice::from_raw_parts(at(sizes.slots()).cast(), count * sizes.lines()) },
            sizes,
            lines: sizes.lines(),
        }
    }
}

/// A slot that there is.
#[derive(Clone, Copy)]
pub(in crate::shared_queue) struct Slot<'memory> {
    /// Its number.
    pub(in crate::shared_queue) index: usize,
    pub(in crate::shared_queue) header: &'memory SlotHeader,
    lines: &'memory [Line],
}

impl<'memory> Slot<'memory> {
    /// The room for a message, and what comes after it in the last line. No atomic operation of the program on it is
    /// wider than a byte.
    #[inline]
    pub(in crate::shared_queue) fn bytes(&self) -> &'memory [AtomicU8] {
        let first = self.lines.as_ptr().cast::<AtomicU8>().wrapping_add(SLOT_HEADER);
        let count = self.lines.len() * LINE - SLOT_HEADER;
        // SAFETY: that many bytes follow a header, and none of them is accessed but atomically or by a copy.
        unsafe { core::slice::from_raw_parts(first, count) }
    }

    /// The same as words, for copies.
    #[inline]
    pub(in crate::shared_queue) fn words(&self) -> &'memory [Word] {
        let first = self.lines.as_ptr().cast::<Word>().wrapping_add(SLOT_HEADER / WORD);
        let count = self.lines.len() * (LINE / WORD) - SLOT_HEADER / WORD;
        // SAFETY: that many words follow a header, which are mapped for writing, and any bytes are words.
        unsafe { core::slice::from_raw_parts(first, count) }
    }
}

/// A queue's memory for as long as its handle lives.
pub(in crate::shared_queue) struct Memory {
    /// InFlight from the mapping, which is dropped after it.
    view: View<'static>,
    table: &'static PeerTable,
    mapping: Mapping,
}

impl Memory {
    /// The parts of a mapping of a queue of these sizes.
    pub(in crate::shared_queue) fn new(mapping: Mapping, sizes: Sizes) -> error::Result<Self> {
        // SAFETY: the mapping's memory stays where it is until it is dropped, wherever the mapping itself is moved; and
        // nothing lends what is found here for longer than `self` lives.
        let place: &'static Mapping = unsafe { &*core::ptr::from_ref(&mapping) };
        let view = View {
            control: place.get(CONTROL)?,
            run: place.slice(RUN, sizes.max_messages)?,
            heap: place.slice(sizes.heap(), sizes.max_messages)?,
            free: place.slice(sizes.free(), sizes.max_messages)?,
            slots: place.slice(sizes.slots(), sizes.max_messages * sizes.lines())?,
            bells: place.slice(BELLS, MAX_BELLS)?,
            sizes,
            lines: sizes.lines(),
        };
        let table = place.get(TABLE)?;
        Ok(Self { view, table, mapping })
    }

    #[inline]
    pub(in crate::shared_queue) fn view(&self) -> &View<'_> {
        &self.view
    }

    pub(in crate::shared_queue) fn table(&self) -> &PeerTable {
        self.table
    }

    pub(in crate::shared_queue) fn header(&self) -> error::Result<&Header> {
        self.mapping.get(0)
    }
}
