//! Repairing what the dead have left.

use core::cell::Cell;
use core::sync::atomic::Ordering::Relaxed;

use super::guard::QueueGuard;
use super::layout::SlotHeader;
use super::priority_order::Key;
use super::session::{QueueMemory, Session};
use super::slot_state::State;
use super::view::{Damaged, Result, View};
use super::wait_limit::Wait;
use crate::futex::primitive::Ordering::Acquire;
use crate::sync::{Liveness, PeerId};

/// How many slots one look for the dead goes through with the lock held. Each may cost a question to the kernel.
const LOOK: usize = 256;

impl QueueGuard<'_> {
    /// Takes back slots that dead processes had in flight: half-written messages are gone, half-read ones are there
    /// again, in their old order. Returns `true` if there were any.
    ///
    /// Nothing is looked for unless some slot is in flight. A queue of many slots is gone through in several looks;
    /// each begins where the last one of this handle ended.
    pub(in crate::shared_queue) fn reclaim(&mut self, memory: &impl QueueMemory) -> Result<bool> {
        let capacity = self.view.capacity();
        let idle = self.view.messages()? + self.free()?;
        let mut in_flight = capacity.checked_sub(idle).ok_or(Damaged)?;
        let (start, mut seen, mut found) = (memory.next_look().load(Relaxed) as usize, 0, false);
        let living = Living { memory, last: Cell::new(PeerId::NONE) };
        while in_flight > 0 && seen < capacity.min(LOOK) {
            let slot = self.view.slot((start + seen) % capacity)?;
            seen += 1;
            match look(slot.header, &living) {
                (State::Free | State::Published, _) => continue,
                (State::Reserved(_), true) | (State::Unknown, _) => self.push_free(slot)?,
                (State::InFlight(_), true) => self.put_back(slot)?,
                (State::Reserved(_) | State::InFlight(_), false) => {
                    in_flight -= 1;
                    continue;
                }
            }
            in_flight -= 1;
            found = true;
        }
        memory.next_look().store(((start + seen) % capacity) as u32, Relaxed);
        // If all were seen, some are neither in flight nor counted.
        if in_flight > 0 && seen == capacity { Err(Damaged) } else { Ok(found) }
    }
}

/// Remembers who was found alive last: a consumer often has many slots in flight, and the kernel is asked once.
struct Living<'queue, P> {
    memory: &'queue P,
    last: Cell<PeerId>,
}

impl<P: Liveness> Liveness for Living<'_, P> {
    fn is_dead(&self, owner: PeerId) -> rustix::io::Result<bool> {
        if self.last.get() == owner && owner != PeerId::NONE {
            return Ok(false);
        }
        let dead = self.memory.is_dead(owner)?;
        if !dead {
            self.last.set(owner);
        }
        Ok(dead)
    }
}

impl<'queue, P: QueueMemory> Session<'queue, P> {
    /// Takes back what the dead have in flight, wherever it is: as many looks as the queue needs, between which others
    /// get the lock. Returns `true` if there was any.
    pub(in crate::shared_queue) fn reclaim(self) -> rustix::io::Result<bool> {
        let mut wait = self.wait_for_lock();
        let guard = self.lock(&mut wait)?;
        self.reclaim_all(guard, &mut wait).map(|(_, found)| found)
    }

    /// The same for a call that has the lock, and goes on with it.
    pub(in crate::shared_queue) fn reclaim_all(
        self,
        mut guard: QueueGuard<'queue>,
        wait: &mut Wait<'_>,
    ) -> rustix::io::Result<(QueueGuard<'queue>, bool)> {
        for _ in 1..self.view().capacity().div_ceil(LOOK) {
            if guard.reclaim(self.memory)? {
                return Ok((guard, true));
            }
            drop(guard);
            guard = self.lock(wait)?;
        }
        let found = guard.reclaim(self.memory)?;
        Ok((guard, found))
    }
}

impl View<'_> {
    /// Puts all slots of new memory on the stack.
    pub(in crate::shared_queue) fn clear(&self) {
        for (place, slot) in self.free.iter().rev().zip(0..) {
            place.store(slot, Relaxed);
        }
        self.control.free.store(self.capacity() as u32, Relaxed);
        self.control.wake_threshold.store(1, Relaxed);
    }

    /// Rebuilds everything from the slot headers, whatever it was. The caller has the lock. All sleepers look again.
    #[cold]
    pub(in crate::shared_queue) fn rebuild(&self, others: &impl Liveness) -> Result<()> {
        let control = self.control;
        self.forget_messages();
        control.free.store(0, Relaxed);
        let (mut free, mut next) = (0, control.next.load());
        for index in (0..self.capacity()).rev() {
            let header = self.slot(index)?.header;
            let (old, dead) = look(header, others);
            let fits = header.length.load(Relaxed) as usize <= self.sizes.max_message_size;
            let state = match old {
                State::InFlight(_) if dead && fits => State::Published,
                State::Reserved(_) | State::InFlight(_) if dead => State::Free,
                State::Published if !fits => State::Free,
                State::Unknown => State::Free,
                state => state,
            };
            if state != old {
                header.state.store(state.word(), Relaxed);
            }
            let key = Key(header.key.load());
            match (state, self.free.get(free)) {
                (State::Free, Some(place)) => {
                    place.store(index as u32, Relaxed);
                    free += 1;
                }
                (State::Published, _) => self.push(key, index)?,
                _ => {}
            }
            if state != State::Free {
                next = next.max(key.number() + 1);
            }
        }
        control.free.store(free as u32, Relaxed);
        control.next.store(next);
        control.wake_threshold.store(1, Relaxed);
        control.first.given_up.store(0, Relaxed);
        control.receivers.wake_all();
        control.senders.wake_all();
        Ok(())
    }
}

/// Returns the state of a slot, and whether the peer that has it in flight is dead.
///
/// The state is the last one: until its death a receiver may have given the slot up without the lock (`abandon`), and
/// what was read before says that its message is still to be delivered.
fn look(header: &SlotHeader, others: &impl Liveness) -> (State, bool) {
    let state = || State::of_word(header.state.load(Acquire));
    match state() {
        State::Reserved(owner) | State::InFlight(owner) if is_dead(others, owner) => (state(), true),
        state => (state, false),
    }
}

/// If the kernel does not say, it counts as alive.
fn is_dead(others: &impl Liveness, owner: PeerId) -> bool {
    others.is_dead(owner).unwrap_or(false)
}
