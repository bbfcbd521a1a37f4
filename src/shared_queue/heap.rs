//! The order of delivery: a binary heap of messages, highest priority first, then the oldest.
//!
//! Its top lies in the control words, so that a queue of one message needs no other line of the cache.

use super::format::Entry;
use super::view::{Damaged, Result, View};
use crate::Priority;
use crate::futex::primitive::Ordering::Relaxed;

/// The bits of a key that number the messages: enough for 17 years of a million a second.
const NUMBER_BITS: u32 = 49;
const NUMBER_MASK: u64 = (1 << NUMBER_BITS) - 1;

/// A message's place in the order: the smallest is delivered first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(pub(super) u64);

impl Key {
    #[inline]
    pub(super) fn new(priority: Priority, number: u64) -> Self {
        Self(u64::from(Priority::MAX.get() - priority.get()) << NUMBER_BITS | number & NUMBER_MASK)
    }

    #[inline]
    pub(super) const fn priority(self) -> Priority {
        Priority::of_kernel(Priority::MAX.get() as u32 - (self.0 >> NUMBER_BITS) as u32)
    }

    pub(super) const fn number(self) -> u64 {
        self.0 & NUMBER_MASK
    }
}

impl Entry {
    #[inline]
    fn key(&self) -> Key {
        Key(self.key.load())
    }

    #[inline]
    fn set(&self, key: Key, block: usize) {
        self.key.store(key.0);
        self.block.store(block as u32, Relaxed);
    }

    #[inline]
    fn copy(&self, from: &Self) {
        self.set(from.key(), from.block.load(Relaxed) as usize);
    }
}

impl View<'_> {
    #[inline]
    fn entry(&self, index: usize) -> Result<&Entry> {
        match index.checked_sub(1) {
            None => Ok(&self.control.top),
            Some(index) => self.heap.get(index).ok_or(Damaged),
        }
    }

    /// How many messages are in the heap.
    #[inline]
    pub(super) fn messages(&self) -> Result<usize> {
        let messages = self.control.messages.load(Relaxed) as usize;
        if messages <= self.capacity() { Ok(messages) } else { Err(Damaged) }
    }

    /// The block that is first in order, unless there is none.
    #[inline]
    pub(super) fn first(&self) -> usize {
        self.control.top.block.load(Relaxed) as usize
    }

    /// Puts a block in its place.
    #[inline]
    pub(super) fn push(&self, key: Key, block: usize) -> Result<()> {
        let mut index = self.messages()?;
        if index == self.capacity() {
            return Err(Damaged);
        }
        self.control.messages.store(index as u32 + 1, Relaxed);
        while index > 0 {
            let parent = (index - 1) / 2;
            if self.entry(parent)?.key() <= key {
                break;
            }
            self.entry(index)?.copy(self.entry(parent)?);
            index = parent;
        }
        self.entry(index)?.set(key, block);
        Ok(())
    }

    /// Removes the first of so many.
    #[inline]
    pub(super) fn pop(&self, messages: usize) -> Result<()> {
        let length = messages - 1;
        self.control.messages.store(length as u32, Relaxed);
        if length > 0 { self.sink(length) } else { Ok(()) }
    }

    /// Puts the last entry in its place, from the top down; what follows the new length is no part of the heap.
    fn sink(&self, length: usize) -> Result<()> {
        let last = self.entry(length)?;
        let (key, block) = (last.key(), last.block.load(Relaxed) as usize);
        let mut index = 0;
        loop {
            let mut child = 2 * index + 1;
            if child >= length {
                break;
            }
            if child + 1 < length && self.entry(child + 1)?.key() < self.entry(child)?.key() {
                child += 1;
            }
            let smaller = self.entry(child)?;
            if key <= smaller.key() {
                break;
            }
            self.entry(index)?.copy(smaller);
            index = child;
        }
        self.entry(index)?.set(key, block);
        Ok(())
    }
}
