//! What may be done with a queue's words under the lock.

use super::layout::{ARMED, Control, Waiters};
use super::priority_order::Key;
use super::slot_state::State;
use super::view::{Damaged, Result, Slot, View};
use crate::futex::Scope;
use crate::futex::primitive::Ordering::{Acquire, Relaxed, Release};
use crate::futex::primitive::wake;
use crate::priority::Priority;

/// A waiter has been woken and has not come back yet.
const WOKEN: u32 = 1 << 31;

impl Waiters {
    /// Records a waiter that is going to sleep and has seen no wake-up. Returns the event's value to sleep on.
    pub(in crate::shared_queue) fn begin_sleep(&self) -> u32 {
        self.sleepers.store((self.sleepers.load(Relaxed) & !WOKEN).saturating_add(1), Relaxed);
        // Ordering: a slot that was given up before the event changed is seen after this; no model sees a later event
        // and an older slot.
        self.event.load(Acquire)
    }

    /// Forgets one who slept and has come back.
    pub(in crate::shared_queue) fn end_sleep(&self) {
        self.sleepers.store((self.sleepers.load(Relaxed) & !WOKEN).saturating_sub(1), Relaxed);
    }

    /// Returns `true` if a sleeper is to be woken now, and marks one as woken. `false` if one is on the way already: it
    /// wakes the others.
    #[cold]
    fn is_next_to_wake(&self) -> bool {
        let sleepers = self.sleepers.load(Relaxed);
        if sleepers == 0 || sleepers & WOKEN != 0 {
            return false;
        }
        self.sleepers.store(sleepers | WOKEN, Relaxed);
        self.event.fetch_add(1, Relaxed);
        true
    }

    /// Wakes one more, without the lock: in place of a waiter that was woken and leaves, or for a slot that was given
    /// up. A waiter that sleeps on an older event comes back.
    #[cold]
    pub(in crate::shared_queue) fn wake_another(&self) {
        // Ordering: pairs with `begin_sleep`.
        self.event.fetch_add(1, Release);
        wake(&self.event, 1, Scope::Shared);
    }

    /// Returns `true` if no participant sleeps here.
    pub(in crate::shared_queue) fn is_empty(&self) -> bool {
        self.sleepers.load(Relaxed) & !WOKEN == 0
    }

    /// Forgets all sleepers and lets them look again.
    pub(in crate::shared_queue) fn wake_all(&self) {
        self.sleepers.store(0, Relaxed);
        self.event.fetch_add(1, Relaxed);
        wake(&self.event, i32::MAX as u32, Scope::Shared);
    }
}

/// A queue whose lock this process has; dropping it gives the lock back and wakes who is to be woken.
pub(in crate::shared_queue) struct QueueGuard<'memory> {
    pub(in crate::shared_queue) view: &'memory View<'memory>,
    to_wake: ToWake,
}

/// The waiters to wake when the lock is unlocked.
#[derive(Clone, Copy)]
pub(super) struct ToWake(u8);

impl ToWake {
    const RECEIVER: u8 = 1;
    const SENDER: u8 = 2;

    #[cold]
    fn wake(self, control: &Control) {
        for (who, side) in [(Self::RECEIVER, &control.receivers), (Self::SENDER, &control.senders)] {
            if self.0 & who != 0 {
                wake(&side.event, 1, Scope::Shared);
            }
        }
    }
}

/// A message that lies in a slot.
#[derive(Clone, Copy)]
pub(in crate::shared_queue) struct Found<'memory> {
    pub(in crate::shared_queue) slot: Slot<'memory>,
    pub(in crate::shared_queue) length: usize,
    pub(in crate::shared_queue) priority: Priority,
}

impl<'memory> QueueGuard<'memory> {
    /// The guard of a lock that the caller has just acquired.
    #[inline]
    pub(super) const fn of_acquired(view: &'memory View<'memory>) -> Self {
        Self { view, to_wake: ToWake(0) }
    }

    /// Suspends the guard, with the lock held: a cold call hands it over in a register.
    pub(super) const fn suspend(self) -> ToWake {
        let to_wake = self.to_wake;
        core::mem::forget(self);
        to_wake
    }

    /// Makes a suspended guard one again.
    #[inline]
    pub(super) const fn resume(view: &'memory View<'memory>, to_wake: ToWake) -> Self {
        Self { view, to_wake }
    }

    /// Returns how many slots are on the stack.
    #[inline]
    pub(in crate::shared_queue) fn free(&self) -> Result<usize> {
        let free = self.view.control.free.load(Relaxed) as usize;
        if free <= self.view.capacity() { Ok(free) } else { Err(Damaged) }
    }

    /// Takes a slot from the stack, which has `free` slots, at least one.
    #[inline]
    pub(in crate::shared_queue) fn pop_free(&mut self, free: usize) -> Result<Slot<'memory>> {
        let left = free - 1;
        let slot = self.view.slot(self.view.free.get(left).ok_or(Damaged)?.load(Relaxed) as usize)?;
        // Who freed it has read it to the end.
        // Ordering: the lock orders it too; this one counts if a peer that dies or misbehaves has not kept to the lock.
        if slot.header.state.load(Acquire) != State::Free.word() {
            return Err(Damaged);
        }
        self.view.control.free.store(left as u32, Relaxed);
        self.wake_sender(left);
        Ok(slot)
    }

    /// Puts a slot on the stack.
    #[inline]
    pub(in crate::shared_queue) fn push_free(&mut self, slot: Slot<'_>) -> Result<()> {
        let free = self.view.control.free.load(Relaxed) as usize;
        let place = self.view.free.get(free).ok_or(Damaged)?;
        // From here on the message is delivered.
        // Ordering: the lock orders it too; this one keeps all that comes before it so if this process is killed here.
        slot.header.state.store(State::Free.word(), Release);
        // It is the same one mostly, and the line can stay in the other processor's cache.
        if place.load(Relaxed) != slot.index as u32 {
            place.store(slot.index as u32, Relaxed);
        }
        self.view.control.free.store(free as u32 + 1, Relaxed);
        self.wake_sender(free + 1);
        Ok(())
    }

    /// There is a message for one receiver more.
    #[inline]
    fn wake_receiver(&mut self) {
        let receivers = &self.view.control.receivers;
        if receivers.sleepers.load(Relaxed) != 0 && receivers.is_next_to_wake() {
            self.to_wake.0 |= ToWake::RECEIVER;
        }
    }

    /// Notes that `free` slots are free for senders.
    #[inline]
    fn wake_sender(&mut self, free: usize) {
        let Control { senders, wake_threshold, .. } = self.view.control;
        if senders.sleepers.load(Relaxed) != 0
            && free >= wake_threshold.load(Relaxed) as usize
            && senders.is_next_to_wake()
        {
            self.to_wake.0 |= ToWake::SENDER;
        }
    }

    /// Makes what lies in a slot a message. Whether the doorbell is to be rung for it.
    // Of its own accord the compiler makes it a call, which costs a send a tenth of its instructions.
    #[inline(always)]
    pub(in crate::shared_queue) fn publish(
        &mut self,
        slot: Slot<'_>,
        length: usize,
        priority: Priority,
    ) -> Result<bool> {
        let (control, header) = (self.view.control, slot.header);
        let number = control.next.load();
        control.next.store(number.wrapping_add(1));
        let key = Key::new(priority, number);
        header.length.store(length as u32, Relaxed);
        header.key.store(key.0);
        self.view.push(key, slot.index)?;
        // From here on the message is accepted.
        // Ordering: the lock orders it too; this one keeps all that comes before it so if this process is killed here.
        header.state.store(State::Published.word(), Release);
        self.wake_receiver();
        // It stays armed until it has been rung, so that the next sender rings if this one is killed before.
        Ok(control.armed.load(Relaxed) & ARMED != 0)
    }

    /// The first message of those that are there, after making sure that it is one.
    #[inline]
    pub(in crate::shared_queue) fn first(&self) -> Result<Found<'memory>> {
        let slot = self.view.slot(self.view.first())?;
        let header = slot.header;
        let length = header.length.load(Relaxed) as usize;
        // Ordering: the lock orders it too; this one counts if a peer that dies or misbehaves has not kept to the lock.
        if header.state.load(Acquire) != State::Published.word() || length > self.view.sizes.max_message_size {
            return Err(Damaged);
        }
        Ok(Found { slot, length, priority: Key(header.key.load()).priority() })
    }

    /// Removes the first of `messages` messages, at least one, from the order of delivery; its slot is still not free.
    #[inline]
    pub(in crate::shared_queue) fn remove_first(&mut self, messages: usize) -> Result<()> {
        self.view.pop(messages)?;
        if messages > 1 {
            self.wake_receiver();
        }
        Ok(())
    }

    /// What lies in a taken slot becomes a message again, in its old place.
    pub(in crate::shared_queue) fn put_back(&mut self, slot: Slot<'_>) -> Result<()> {
        self.view.push(Key(slot.header.key.load()), slot.index)?;
        // Ordering: the lock orders it too; this one keeps all that comes before it so if this process is killed here.
        slot.header.state.store(State::Published.word(), Release);
        self.wake_receiver();
        Ok(())
    }
}

impl Drop for QueueGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        let control = self.view.control;
        control.lock.unlock();
        if self.to_wake.0 != 0 {
            self.to_wake.wake(control);
        }
    }
}
