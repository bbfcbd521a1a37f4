//! The order of delivery: highest priority first, then the oldest.
//!
//! The first message lies in the control words, so that a queue of one message needs no other line of the cache. Of the
//! others, those that have come in order are a run, in a ring, which takes the same few steps however many there are;
//! those that had to go before one of the run are a binary heap.

use super::layout::Entry;
use super::view::{Damaged, Result, View};
use crate::futex::primitive::Ordering::Relaxed;
use crate::priority::Priority;

/// The bits of a key that number the messages: enough for 17 years of a million a second.
const NUMBER_BITS: u32 = 49;
const NUMBER_MASK: u64 = (1 << NUMBER_BITS) - 1;

/// A message's place in the order: the smallest is delivered first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::shared_queue) struct Key(pub(in crate::shared_queue) u64);

impl Key {
    #[inline]
    pub(in crate::shared_queue) fn new(priority: Priority, number: u64) -> Self {
        Self(u64::from(Priority::MAX.get() - priority.get()) << NUMBER_BITS | number & NUMBER_MASK)
    }

    #[inline]
    pub(in crate::shared_queue) const fn priority(self) -> Priority {
        Priority::of_kernel(Priority::MAX.get() as u32 - (self.0 >> NUMBER_BITS) as u32)
    }

    pub(in crate::shared_queue) const fn number(self) -> u64 {
        self.0 & NUMBER_MASK
    }
}

impl Entry {
    #[inline]
    fn key(&self) -> Key {
        Key(self.key.load())
    }

    #[inline]
    fn set(&self, key: Key, slot: usize) {
        self.key.store(key.0);
        self.slot.store(slot as u32, Relaxed);
    }

    #[inline]
    fn copy(&self, from: &Self) {
        self.set(from.key(), from.slot.load(Relaxed) as usize);
    }
}

/// Where the run lies in its ring.
#[derive(Clone, Copy)]
struct FifoRun {
    /// The place behind its last entry.
    end: usize,
    length: usize,
}

impl FifoRun {
    /// The halves of the word hold both: a queue of the most messages has one less behind its first.
    const END_SHIFT: u32 = 16;

    #[inline]
    const fn of_word(word: u32) -> Self {
        Self { end: (word >> Self::END_SHIFT) as usize, length: (word as u16) as usize }
    }

    #[inline]
    const fn word(self) -> u32 {
        (self.end as u32) << Self::END_SHIFT | self.length as u32
    }
}

impl View<'_> {
    /// Returns how many messages there are.
    #[inline]
    pub(in crate::shared_queue) fn messages(&self) -> Result<usize> {
        let messages = self.control.messages.load(Relaxed) as usize;
        if messages <= self.capacity() { Ok(messages) } else { Err(Damaged) }
    }

    /// The slot that is first in order, unless there is none.
    #[inline]
    pub(in crate::shared_queue) fn first(&self) -> usize {
        self.control.first.slot.load(Relaxed) as usize
    }

    /// There are no messages any more.
    pub(in crate::shared_queue) fn forget_messages(&self) {
        self.control.messages.store(0, Relaxed);
        self.control.run.store(0, Relaxed);
    }

    /// Puts a slot in its place.
    #[inline]
    pub(in crate::shared_queue) fn push(&self, key: Key, slot: usize) -> Result<()> {
        let messages = self.messages()?;
        if messages == self.capacity() {
            return Err(Damaged);
        }
        if messages == 0 {
            self.control.first.set(key, slot);
        } else {
            self.push_beside(messages, key, slot)?;
        }
        self.control.messages.store(messages as u32 + 1, Relaxed);
        Ok(())
    }

    /// Puts a slot in its place among `messages` messages, at least one.
    #[inline]
    fn push_beside(&self, messages: usize, key: Key, slot: usize) -> Result<()> {
        let FifoRun { end, length } = self.run(messages)?;
        let last = if length == 0 { &self.control.first } else { self.entry(self.wrapping_back(end, 1))? };
        if last.key() > key {
            return self.insert_before_run(messages, key, slot);
        }
        self.entry(end)?.set(key, slot);
        let end = if end + 1 < self.capacity() { end + 1 } else { 0 };
        self.control.run.store(FifoRun { end, length: length + 1 }.word(), Relaxed);
        Ok(())
    }

    /// Puts a slot in its place among `messages` messages, before the last of the run.
    fn insert_before_run(&self, messages: usize, key: Key, slot: usize) -> Result<()> {
        let first = &self.control.first;
        let FifoRun { end, length } = self.run(messages)?;
        if key > first.key() {
            return self.sift_up(messages - 1 - length, key, slot);
        }
        self.entry(self.wrapping_back(end, length + 1))?.copy(first);
        self.control.run.store(FifoRun { end, length: length + 1 }.word(), Relaxed);
        first.set(key, slot);
        Ok(())
    }

    /// Removes the first of `messages` messages, at least one.
    #[inline]
    pub(in crate::shared_queue) fn pop(&self, messages: usize) -> Result<()> {
        if messages > 1 {
            self.promote_next(messages)?;
        }
        self.control.messages.store(messages as u32 - 1, Relaxed);
        Ok(())
    }

    /// Makes the next one of `messages` messages, at least two, the first.
    #[inline]
    fn promote_next(&self, messages: usize) -> Result<()> {
        let FifoRun { end, length } = self.run(messages)?;
        let in_heap = messages - 1 - length;
        let front = self.entry(self.wrapping_back(end, length))?;
        if in_heap > 0 && (length == 0 || self.heap(0)?.key() < front.key()) {
            return self.promote_from_heap(in_heap);
        }
        self.control.first.copy(front);
        self.control.run.store(FifoRun { end, length: length - 1 }.word(), Relaxed);
        Ok(())
    }

    /// Makes the top of the heap the first message. The heap has `in_heap` entries.
    fn promote_from_heap(&self, in_heap: usize) -> Result<()> {
        self.control.first.copy(self.heap(0)?);
        self.sift_down(in_heap - 1)
    }

    /// Returns the run, which is a part of `messages` messages.
    #[inline]
    fn run(&self, messages: usize) -> Result<FifoRun> {
        let run = FifoRun::of_word(self.control.run.load(Relaxed));
        if run.length < messages { Ok(run) } else { Err(Damaged) }
    }

    /// An entry of the run's ring.
    #[inline]
    fn entry(&self, index: usize) -> Result<&Entry> {
        self.run.get(index).ok_or(Damaged)
    }

    /// Returns the place in the ring that is `count` places, at most all, before `end`.
    #[inline]
    fn wrapping_back(&self, end: usize, count: usize) -> usize {
        if end >= count { end - count } else { (end + self.capacity()).wrapping_sub(count) }
    }

    #[inline]
    fn heap(&self, index: usize) -> Result<&Entry> {
        self.heap.get(index).ok_or(Damaged)
    }

    /// Puts a slot in its place in the heap of `length` entries, from the bottom up.
    fn sift_up(&self, length: usize, key: Key, slot: usize) -> Result<()> {
        let mut index = length;
        while index > 0 {
            let parent = (index - 1) / 2;
            if self.heap(parent)?.key() <= key {
                break;
            }
            self.heap(index)?.copy(self.heap(parent)?);
            index = parent;
        }
        self.heap(index)?.set(key, slot);
        Ok(())
    }

    /// Puts the heap's last entry in its place, from the top down; what follows the new length is no part of the heap.
    fn sift_down(&self, length: usize) -> Result<()> {
        let last = self.heap(length)?;
        let (key, slot) = (last.key(), last.slot.load(Relaxed) as usize);
        let mut index = 0;
        loop {
            let mut child = 2 * index + 1;
            if child >= length {
                break;
            }
            if child + 1 < length && self.heap(child + 1)?.key() < self.heap(child)?.key() {
                child += 1;
            }
            let smaller = self.heap(child)?;
            if key <= smaller.key() {
                break;
            }
            self.heap(index)?.copy(smaller);
            index = child;
        }
        self.heap(index)?.set(key, slot);
        Ok(())
    }
}

#[cfg(not(loom))]
#[cfg(test)]
mod tests {

    use core::sync::atomic::AtomicU64;
    use std::vec::Vec;

    use super::super::layout::Sizes;
    use super::*;

    const SIZES: Sizes = Sizes { max_messages: 9, max_message_size: 40 };

    fn memory(content: impl FnMut() -> u64) -> Vec<AtomicU64> {
        core::iter::repeat_with(content).map(AtomicU64::new).take(SIZES.total() as usize / 8).collect()
    }

    /// Numbers that look random, the same ones each time.
    fn numbers() -> impl FnMut() -> u64 {
        let mut state = 1_u64;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        }
    }

    #[test]
    fn shared_queue_order_agrees_with_sorting() {
        let (memory, mut numbers, mut model) = (memory(|| 0), numbers(), Vec::new());
        let view = View::of_words(&memory, SIZES);
        for number in 0..if cfg!(miri) { 200 } else { 20_000 } {
            // Mostly full at first, then mostly empty, and so on.
            let grows = numbers() % 4 < if number / 50 % 2 == 0 { 3 } else { 1 };
            if grows && model.len() < SIZES.max_messages {
                let slot = (0..SIZES.max_messages).find(|slot| model.iter().all(|(_, other)| other != slot));
                let (key, slot) = (Key::new(Priority::from(numbers() as u8 % 4), number), slot.unwrap());
                view.push(key, slot).unwrap();
                model.push((key, slot));
                model.sort();
            } else if !model.is_empty() {
                assert_eq!(view.first(), model.remove(0).1);
                view.pop(model.len() + 1).unwrap();
            }
            assert_eq!(view.messages(), Ok(model.len()));
        }
    }

    #[test]
    fn shared_queue_order_stays_inside_damaged_memory() {
        let mut numbers = numbers();
        for round in 0..if cfg!(miri) { 20 } else { 2000 } {
            let memory = memory(|| ((numbers() % 16) << 32) | (numbers() % 16));
            let view = View::of_words(&memory, SIZES);
            for messages in 1..=SIZES.max_messages {
                let _ = view.push(Key(numbers()), round % 20);
                let _ = view.pop(messages);
            }
            let _ = view.slot(view.first()).map(|slot| slot.words().len());
        }
    }

    #[test]
    fn shared_queue_state_words_are_told_apart() {
        use super::super::slot_state::State;
        let mut numbers = numbers();
        for _ in 0..1000 {
            let word = (numbers() << 16 ^ numbers()) as u32;
            let state = State::of_word(word);
            assert!(state == State::Unknown || state.word() == word, "{word:#x} is {state:?}");
        }
        assert_eq!((State::of_word(0), State::of_word(1)), (State::Free, State::Unknown));
    }
}
