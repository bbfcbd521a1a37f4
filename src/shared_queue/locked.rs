//! What may be done with a queue's words under the lock.

use super::format::{Record, Side};
use super::heap::Key;
use super::state::State;
use super::view::{Damaged, Result, View};
use crate::Priority;
use crate::futex::Scope;
use crate::futex::primitive::Ordering::{Acquire, Relaxed, Release};
use crate::futex::primitive::wake;

/// Somebody has been woken and has not come back yet.
const WOKEN: u32 = 1 << 31;

impl Side {
    /// Records one who is going to sleep, and has seen nobody being woken; the event's value to sleep on.
    pub(super) fn begin_sleep(&self) -> u32 {
        self.sleepers.store((self.sleepers.load(Relaxed) & !WOKEN).saturating_add(1), Relaxed);
        self.event.load(Relaxed)
    }

    /// Forgets one who slept and has come back.
    pub(super) fn end_sleep(&self) {
        self.sleepers.store((self.sleepers.load(Relaxed) & !WOKEN).saturating_sub(1), Relaxed);
    }

    /// Whether somebody is to be woken now, who then counts as woken: not if one is on the way already, who will see to
    /// the others.
    #[inline]
    fn next_to_wake(&self) -> bool {
        let sleepers = self.sleepers.load(Relaxed);
        sleepers != 0 && self.wake_one(sleepers)
    }

    #[cold]
    fn wake_one(&self, sleepers: u32) -> bool {
        if sleepers & WOKEN == 0 {
            self.sleepers.store(sleepers | WOKEN, Relaxed);
            self.event.store(self.event.load(Relaxed).wrapping_add(1), Relaxed);
            return true;
        }
        false
    }

    /// Forgets all sleepers and lets them look again.
    pub(super) fn rouse(&self) {
        self.sleepers.store(0, Relaxed);
        self.event.store(self.event.load(Relaxed).wrapping_add(1), Relaxed);
        wake(&self.event, i32::MAX as u32, Scope::Shared);
    }
}

/// A queue whose lock this process has; dropping it gives the lock back and wakes who is to be woken.
pub(super) struct Locked<'view, 'memory> {
    pub(super) view: &'view View<'memory>,
    to_wake: ToWake,
}

/// Who is to be woken when the lock is given back.
#[derive(Clone, Copy, Default)]
pub(super) struct ToWake {
    receiver: bool,
    sender: bool,
}

/// A message that lies in a block.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) block: usize,
    pub(super) length: usize,
    pub(super) priority: Priority,
}

impl<'view, 'memory> Locked<'view, 'memory> {
    #[inline]
    pub(super) const fn new(view: &'view View<'memory>, to_wake: ToWake) -> Self {
        Self { view, to_wake }
    }

    /// Keeps the lock, for who goes on with it.
    pub(super) const fn keep(self) -> ToWake {
        let to_wake = self.to_wake;
        core::mem::forget(self);
        to_wake
    }

    /// How many blocks are on the stack.
    #[inline]
    pub(super) fn free(&self) -> Result<usize> {
        let free = self.view.control.free.load(Relaxed) as usize;
        if free <= self.view.capacity() { Ok(free) } else { Err(Damaged) }
    }

    /// Takes a block from the stack, which is not empty.
    #[inline]
    pub(super) fn pop_free(&mut self) -> Result<(usize, &'memory Record)> {
        let left = self.free()?.checked_sub(1).ok_or(Damaged)?;
        let block = self.view.free.get(left).ok_or(Damaged)?.load(Relaxed) as usize;
        let record = self.view.record(block)?;
        // Who freed it has read it to the end.
        if State::of_word(record.state.load(Acquire)) != State::Free {
            return Err(Damaged);
        }
        self.view.control.free.store(left as u32, Relaxed);
        self.wake_sender(left);
        Ok((block, record))
    }

    /// Puts a block on the stack.
    #[inline]
    pub(super) fn push_free(&mut self, block: usize, record: &Record) -> Result<()> {
        // From here on the message is delivered.
        record.state.store(State::Free.word(), Release);
        let free = self.free()?;
        let place = self.view.free.get(free).ok_or(Damaged)?;
        // It is the same one mostly, and the line can stay in the other processor's cache.
        if place.load(Relaxed) != block as u32 {
            place.store(block as u32, Relaxed);
        }
        self.view.control.free.store(free as u32 + 1, Relaxed);
        self.wake_sender(free + 1);
        Ok(())
    }

    #[inline]
    fn wake_sender(&mut self, free: usize) {
        if free >= self.view.control.enough.load(Relaxed) as usize {
            self.to_wake.sender |= self.view.control.senders.next_to_wake();
        }
    }

    /// Makes what lies in a block a message. Whether the doorbell is to be rung for it.
    // Of its own accord the compiler makes it a call, which costs a send a tenth of its instructions.
    #[inline(always)]
    pub(super) fn publish(&mut self, block: usize, record: &Record, length: usize, priority: Priority) -> Result<bool> {
        let control = self.view.control;
        let number = control.next.load();
        control.next.store(number.wrapping_add(1));
        let key = Key::new(priority, number);
        record.length.store(length as u32, Relaxed);
        record.key.store(key.0);
        // From here on the message is accepted.
        record.state.store(State::Published.word(), Release);
        self.view.push(key, block)?;
        self.to_wake.receiver |= control.receivers.next_to_wake();
        let ring = control.armed.load(Relaxed) != 0;
        if ring {
            control.armed.store(0, Relaxed);
        }
        Ok(ring)
    }

    /// The first message of those that are there, after making sure that it is one.
    #[inline]
    pub(super) fn first(&self) -> Result<(Found, &'memory Record)> {
        let block = self.view.first();
        let record = self.view.record(block)?;
        let length = record.length.load(Relaxed) as usize;
        if State::of_word(record.state.load(Acquire)) != State::Published || length > self.view.sizes.max_message_size {
            return Err(Damaged);
        }
        let priority = Key(record.key.load()).priority();
        Ok((Found { block, length, priority }, record))
    }

    /// Removes the first message from the order of delivery; its block is still not free.
    #[inline]
    pub(super) fn remove_first(&mut self) -> Result<()> {
        let messages = self.view.messages()?;
        if messages == 0 {
            return Err(Damaged);
        }
        self.view.pop(messages)?;
        self.to_wake.receiver |= messages > 1 && self.view.control.receivers.next_to_wake();
        Ok(())
    }

    /// What lies in a taken block becomes a message again, in its old place.
    pub(super) fn put_back(&mut self, block: usize, record: &Record) -> Result<()> {
        record.state.store(State::Published.word(), Release);
        self.view.push(Key(record.key.load()), block)?;
        self.to_wake.receiver |= self.view.control.receivers.next_to_wake();
        Ok(())
    }
}

impl Drop for Locked<'_, '_> {
    #[inline]
    fn drop(&mut self) {
        let control = self.view.control;
        control.lock.give_back();
        if self.to_wake.receiver {
            wake(&control.receivers.event, 1, Scope::Shared);
        }
        if self.to_wake.sender {
            wake(&control.senders.event, 1, Scope::Shared);
        }
    }
}
