//! A queue's memory as its parts.

#![allow(unsafe_code)]

use core::sync::atomic::AtomicU8;

use rustix::io::{Errno, Result};

use super::format::{CONTROL, Control, Entry, HEAP, Header, LINE, Line, RECORD, Record, Sizes, TABLE};
use crate::error;
use crate::futex::primitive::AtomicU32;
use crate::robust::Table;
use crate::shm::Mapping;

/// What no participant leaves behind: the queue's memory is damaged.
pub(super) const DAMAGED: Errno = Errno::BADMSG;

/// The parts of a queue. Indices come from memory that anybody may have written, so each is looked up.
#[derive(Clone, Copy)]
pub(super) struct View<'memory> {
    pub(super) control: &'memory Control,
    pub(super) heap: &'memory [Entry],
    pub(super) free: &'memory [AtomicU32],
    pub(super) blocks: &'memory [Line],
    pub(super) sizes: Sizes,
}

impl<'memory> View<'memory> {
    /// How many blocks there are.
    #[inline]
    pub(super) fn capacity(&self) -> usize {
        self.free.len()
    }

    #[inline]
    pub(super) fn record(&self, block: usize) -> Result<&'memory Record> {
        self.blocks.get(block * self.sizes.lines()).map(|line| &line.record).ok_or(DAMAGED)
    }
}

/// A queue's memory for as long as its handle lives.
pub(super) struct Memory {
    /// Borrowed from the mapping, which is dropped after it.
    view: View<'static>,
    bytes: &'static [AtomicU8],
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
        };
        let bytes = place.slice(sizes.blocks(), sizes.max_messages * sizes.lines() * LINE)?;
        let table = place.get(TABLE)?;
        Ok(Self { view, bytes, table, mapping })
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

    /// The room of a block for a message.
    #[inline]
    pub(super) fn room(&self, block: usize) -> Result<&[AtomicU8]> {
        let start = block * self.view.sizes.lines() * LINE + RECORD;
        self.bytes.get(start..start + self.view.sizes.max_message_size).ok_or(DAMAGED)
    }
}
