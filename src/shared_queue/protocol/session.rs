//! Sending and receiving, as one participant does it.

use core::time::Duration;

use rustix::io::{Errno, Result};

use super::arming::Arming;
use super::guard::{Found, QueueGuard};
use super::layout::{SlotHeader, Waiters};
use super::slot_state::State;
use super::view::{Damaged, Slot, View};
use super::wait_limit::{Wait, WaitFor};
use crate::futex::primitive::Ordering::{Relaxed, Release};
use crate::priority::Priority;
use crate::sync::{Acquired, Liveness, PeerId};

/// The longest message that is copied under the lock: up to here the copy takes less time than locking once more.
pub(in crate::shared_queue) const SHORT: usize = 1024;

/// A queue and its peers.
pub(in crate::shared_queue) trait QueueMemory: Liveness {
    fn view(&self) -> &View<'_>;
    /// Returns how long a call waits for the lock beyond its limit.
    fn lock_grace(&self) -> Duration;
    /// The slot at which the next look for the dead begins: this process's own note.
    fn next_look(&self) -> &core::sync::atomic::AtomicU32;
}

/// A participant and the queue: small enough to need no memory.
pub(in crate::shared_queue) struct Session<'queue, P> {
    pub(in crate::shared_queue) memory: &'queue P,
    pub(in crate::shared_queue) me: PeerId,
}

impl<P> Clone for Session<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Session<'_, P> {}

impl<'queue, P: QueueMemory> Session<'queue, P> {
    #[inline]
    pub(in crate::shared_queue) fn view(self) -> &'queue View<'queue> {
        self.memory.view()
    }

    /// For a call that waits for the lock and for nothing else.
    pub(in crate::shared_queue) fn wait_for_lock(self) -> Wait<'static> {
        Wait::for_lock_alone(self.memory.lock_grace())
    }

    /// Locks the queue. If its last holder died with the lock, the queue is repaired first.
    #[inline]
    pub(in crate::shared_queue) fn lock(self, wait: &mut Wait<'_>) -> Result<QueueGuard<'queue>> {
        if !self.view().control.lock.try_lock_uncontended(self.me) {
            self.lock_slowly(wait)?;
        }
        Ok(QueueGuard::of_acquired(self.view()))
    }

    #[cold]
    fn lock_slowly(self, wait: &mut Wait<'_>) -> Result<()> {
        let lock = &self.view().control.lock;
        if lock.spin(self.me, wait.pauses_for_lock()) {
            return Ok(());
        }
        let mut policy = wait.for_lock();
        let taken = loop {
            match lock.lock(self.me, self.memory, &mut policy) {
                // A queue can be rebuilt, so its lock is never given up. If a peer wrote that it is, one participant
                // takes it back, and the others wait for that one.
                Err(Errno::NOTRECOVERABLE) if lock.recover_abandoned(self.me) => break Ok(Acquired::OwnerDied),
                Err(Errno::NOTRECOVERABLE) if policy.check().is_ok() => {}
                Err(Errno::NOTRECOVERABLE) => break Err(Errno::TIMEDOUT),
                taken => break taken,
            }
        };
        match taken {
            Ok(Acquired::Clean) => Ok(()),
            Ok(Acquired::OwnerDied) => {
                let rebuilt = self.view().rebuild(self.memory);
                lock.mark_consistent();
                Ok(rebuilt.inspect_err(|_| lock.unlock())?)
            }
            Err(errno) => Err(wait.lock_error(errno)),
        }
    }

    /// Sends a short message of this length, which `fill` copies into the slot. Whether the doorbell is to be rung.
    #[inline]
    pub(in crate::shared_queue) fn send<'handle>(
        self,
        length: usize,
        priority: Priority,
        wait: impl FnOnce() -> Wait<'handle>,
        fill: impl FnOnce(Slot<'_>),
    ) -> Result<bool> {
        let (mut guard, free) = self.lock_for(WaitFor::Room, wait)?;
        let slot = guard.pop_free(free)?;
        fill(slot);
        Ok(guard.publish(slot, length, priority)?)
    }

    /// Sends a message that is copied while others go on.
    #[inline(never)]
    pub(in crate::shared_queue) fn send_long(
        self,
        length: usize,
        priority: Priority,
        wait: &mut Wait<'_>,
        fill: impl FnOnce(Slot<'_>),
    ) -> Result<bool> {
        let slot = self.reserve(wait)?;
        fill(slot);
        wait.restart_grace();
        self.publish(slot, length, priority, wait).inspect_err(|_| self.abandon(slot))
    }

    /// Takes a slot in flight, to write a message into it.
    pub(in crate::shared_queue) fn reserve(self, wait: &mut Wait<'_>) -> Result<Slot<'queue>> {
        let (mut guard, free) = self.lock_for(WaitFor::Room, || wait)?;
        let slot = guard.pop_free(free)?;
        slot.header.state.store(State::Reserved(self.me).word(), Relaxed);
        Ok(slot)
    }

    /// Makes what lies in a slot that this participant has reserved a message. If the lock cannot be had, it has the
    /// slot in flight still.
    pub(in crate::shared_queue) fn publish(
        self,
        slot: Slot<'_>,
        length: usize,
        priority: Priority,
        wait: &mut Wait<'_>,
    ) -> Result<bool> {
        let mut guard = self.lock(wait)?;
        self.check_in_flight(slot)?;
        Ok(guard.publish(slot, length, priority)?)
    }

    /// Receives a message, which `take` copies out of the slot.
    #[inline]
    pub(in crate::shared_queue) fn receive<'handle>(
        self,
        wait: impl FnOnce() -> Wait<'handle>,
        take: impl FnOnce(Found<'_>),
    ) -> Result<()> {
        let (guard, messages) = self.lock_for(WaitFor::Message, wait)?;
        let found = guard.first()?;
        let held = if found.length <= SHORT {
            Some(guard)
        } else {
            // Others go on while it is copied.
            self.take_first(guard, messages, found.slot.header)?;
            None
        };
        take(found);
        match held {
            Some(mut guard) => {
                guard.remove_first(messages)?;
                guard.push_free(found.slot)?;
            }
            None => self.release(found.slot),
        }
        Ok(())
    }

    /// Takes the first message in flight, to read it where it lies.
    pub(in crate::shared_queue) fn receive_in_place(self, wait: &mut Wait<'_>) -> Result<Found<'queue>> {
        let (guard, messages) = self.lock_for(WaitFor::Message, || wait)?;
        let found = guard.first()?;
        self.take_first(guard, messages, found.slot.header)?;
        Ok(found)
    }

    /// Gives the lock back, with the first message in flight.
    #[inline(never)]
    fn take_first(self, mut guard: QueueGuard<'queue>, messages: usize, header: &SlotHeader) -> Result<()> {
        guard.remove_first(messages)?;
        header.state.store(State::InFlight(self.me).word(), Relaxed);
        Ok(())
    }

    /// Makes a message in flight one of the queue's again.
    pub(in crate::shared_queue) fn put_back(self, slot: Slot<'_>, wait: &mut Wait<'_>) -> Result<()> {
        let mut guard = self.lock(wait)?;
        self.check_in_flight(slot)?;
        Ok(guard.put_back(slot)?)
    }

    /// Frees a slot that this participant has in flight. Waits for at most the grace; signal handlers do not end that.
    pub(in crate::shared_queue) fn release(self, slot: Slot<'_>) {
        let freed = self.lock_within_grace().and_then(|mut guard| {
            self.check_in_flight(slot)?;
            Ok(guard.push_free(slot)?)
        });
        // The next call reports what is damaged.
        if freed.is_err() {
            self.abandon(slot);
        }
    }

    /// Makes a message in flight one of the queue's again. Waits for at most the grace; signal handlers do not end
    /// that. Without the lock, the message is left to the receiver that finds it.
    pub(in crate::shared_queue) fn put_back_or_leave(self, slot: Slot<'_>) {
        let put_back = self.lock_within_grace().and_then(|mut guard| {
            self.check_in_flight(slot)?;
            Ok(guard.put_back(slot)?)
        });
        if put_back.is_err() {
            self.leave_message(slot);
        }
    }

    /// Locks the queue for a call that settles what it has in flight.
    fn lock_within_grace(self) -> Result<QueueGuard<'queue>> {
        let mut wait = Wait::for_lock_within(self.memory.lock_grace());
        loop {
            match self.lock(&mut wait) {
                Err(Errno::INTR) => {}
                result => return result,
            }
        }
    }

    /// Arms the doorbell in this place, whose bell has this number, unless there is a message already.
    pub(in crate::shared_queue) fn arm(self, place: usize, number: u32, wait: &mut Wait<'_>) -> Result<Arming> {
        let mut guard = self.lock(wait)?;
        let mut arming = Arming::Armed;
        if guard.view.messages()? == 0 {
            // No sender rings for what the dead had in flight.
            let found;
            (guard, found) = self.reclaim_all(guard, wait)?;
            arming = if found { Arming::Reclaimed } else { arming };
        }
        let bells = guard.view.bells();
        if guard.view.messages()? == 0 {
            bells.arm(place, number);
            return Ok(Arming::Armed);
        }
        bells.disarm(place);
        Ok(if arming == Arming::Reclaimed { arming } else { Arming::Ready })
    }

    /// Rebuilds everything from the slot headers.
    #[cold]
    pub(in crate::shared_queue) fn repair(self) -> Result<()> {
        let guard = self.lock(&mut self.wait_for_lock())?;
        Ok(guard.view.rebuild(self.memory)?)
    }

    /// Makes sure that this participant still has a slot in flight: a peer may have made others believe it is not.
    fn check_in_flight(self, slot: Slot<'_>) -> Result<()> {
        match State::of_word(slot.header.state.load(Relaxed)) {
            State::Reserved(owner) | State::InFlight(owner) if owner == self.me => Ok(()),
            _ => Err(Damaged.into()),
        }
    }

    /// Gives a slot up without the lock: it belongs to no participant, and is free. A sender that waits for room looks
    /// for it.
    pub(in crate::shared_queue) fn abandon(self, slot: Slot<'_>) {
        self.leave(slot, State::Reserved(PeerId::NONE), &self.view().control.senders);
    }

    /// Gives a message up without the lock: it belongs to no participant, and is to be delivered again. A receiver that
    /// waits for messages looks for it.
    pub(super) fn leave_message(self, slot: Slot<'_>) {
        self.leave(slot, State::InFlight(PeerId::NONE), &self.view().control.receivers);
    }

    /// Leaves a slot, in a state of no participant's, to those who wait for it.
    fn leave(self, slot: Slot<'_>, state: State, waiters: &Waiters) {
        if self.check_in_flight(slot).is_ok() {
            slot.header.state.store(state.word(), Release);
            // A store would do; but loom does not know that what a waiter exchanges meanwhile comes before a store.
            self.view().control.first.given_up.swap(1, Release);
            waiters.wake_another();
        }
    }
}
