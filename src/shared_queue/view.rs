//! A queue's memory as its parts.

#![allow(unsafe_code)]

use core::sync::atomic::{AtomicU8, AtomicUsize};

use rustix::io::Errno;

use super::format::{CONTROL, Control, Entry, HEAP, Header, LINE, Line, RECORD, Record, Sizes, TABLE};
use crate::bytes::words;
use crate::error;
use crate::futex::primitive::AtomicU32;
use crate::robust::Table;
use crate::shm::Mapping;

/// The queue's memory says what no participant leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damaged;

impl Damaged {
    pub(super) const ERRNO: Errno = Errno::BADMSG;
}

impl From<Damaged> for Errno {
    fn from(_: Damaged) -> Self {
        Damaged::ERRNO
    }
}

/// Of memory that may be damaged.
pub(super) type Result<T> = core::result::Result<T, Damaged>;

const WORD: usize = size_of::<AtomicUsize>();

/// The parts of a queue. Indices come from memory that anybody may have written, so each is looked up.
#[derive(Clone, Copy)]
pub(super) struct View<'memory> {
    pub(super) control: &'memory Control,
    pub(super) heap: &'memory [Entry],
    pub(super) free: &'memory [AtomicU32],
    pub(super) blocks: &'memory [Line],
    pub(super) sizes: Sizes,
    /// How many lines each block has.
    pub(super) lines: usize,
}

impl<'memory> View<'memory> {
    /// How many blocks there are.
    #[inline]
    pub(super) fn capacity(&self) -> usize {
        self.free.len()
    }

    #[inline]
    pub(super) fn record(&self, block: usize) -> Result<&'memory Record> {
        self.blocks.get(block * self.lines).map(|line| &line.record).ok_or(Damaged)
    }
}

/// A queue's memory for as long as its handle lives.
pub(super) struct Memory {
    /// Borrowed from the mapping, which is dropped after it.
    view: View<'static>,
    bytes: &'static [AtomicU8],
    /// The same as words, from the first message's place on.
    words: &'static [AtomicUsize],
    table: &'static Table,
    mapping: Mapping,
}

impl Memory {
    /// The parts of a mapping of a queue of these sizes.
    pub(super) fn new(mapping: Mapping, sizes: Sizes) -> error::Result<Self> {
        // SAFETY: the mapping's memory stays where it is until it is dropped, wherever the mapping itself is moved; and
        // nothing lends what is found here for longer than `self` lives.
        let place: &'static Mapping = unsafe { &*core::ptr::from_ref(&mapping) };
        let view = View {
            control: place.get(CONTROL)?,
            heap: place.slice(HEAP, sizes.max_messages)?,
            free: place.slice(sizes.free(), sizes.max_messages)?,
            blocks: place.slice(sizes.blocks(), sizes.max_messages * sizes.lines())?,
            sizes,
            lines: sizes.lines(),
        };
        let bytes = place.slice(sizes.blocks(), sizes.max_messages * sizes.lines() * LINE)?;
        let words = words(bytes).get(RECORD / WORD..).unwrap_or_default();
        let table = place.get(TABLE)?;
        Ok(Self { view, bytes, words, table, mapping })
    }

    #[inline]
    pub(super) fn view(&self) -> &View<'_> {
        &self.view
    }

    pub(super) fn table(&self) -> &Table {
        self.table
    }

    pub(super) fn header(&self) -> error::Result<&Header> {
        self.mapping.get(0)
    }

    /// The room of a block for a message, and what comes after it in its last line.
    #[inline]
    pub(super) fn words(&self, block: usize) -> Result<&[AtomicUsize]> {
        let words = self.view.lines * (LINE / WORD);
        let start = block * words;
        self.words.get(start..start + words - RECORD / WORD).ok_or(Damaged)
    }

    /// The room of a block for a message.
    pub(super) fn room(&self, block: usize) -> Result<&[AtomicU8]> {
        let start = block * self.view.lines * LINE + RECORD;
        self.bytes.get(start..start + self.view.sizes.max_message_size).ok_or(Damaged)
    }
}
