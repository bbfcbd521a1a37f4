//! Repairing what the dead have left.

use core::cell::Cell;
use core::sync::atomic::Ordering::Relaxed;

use super::guard::Locked;
use super::layout::Record;
use super::priority_order::Key;
use super::session::{Client, Place};
use super::slot_state::State;
use super::view::{Damaged, Result, View};
use super::wait::Wait;
use crate::futex::primitive::Ordering::Acquire;
use crate::sync::{Others, Owner};

/// How many blocks one look for the dead goes through with the lock held. Each may cost a question to the kernel.
const LOOK: usize = 256;

impl Locked<'_> {
    /// Takes back blocks that dead processes had in hand: half-written messages are gone, half-read ones are there
    /// again, in their old order. Returns `true` if there were any.
    ///
    /// Nothing is looked for unless some block is in hand. A queue of many blocks is gone through in several looks;
    /// each begins where the last one of this handle ended.
    pub(in crate::shared_queue) fn reclaim(&mut self, place: &impl Place) -> Result<bool> {
        let capacity = self.view.capacity();
        let idle = self.view.messages()? + self.free()?;
        let mut in_hand = capacity.checked_sub(idle).ok_or(Damaged)?;
        let (start, mut seen, mut found) = (place.next_look().load(Relaxed) as usize, 0, false);
        let living = Living { place, last: Cell::new(Owner::NOBODY) };
        while in_hand > 0 && seen < capacity.min(LOOK) {
            let block = self.view.block((start + seen) % capacity)?;
            seen += 1;
            match look(block.record, &living) {
                (State::Free | State::Published, _) => continue,
                (State::Reserved(_), true) | (State::Unknown, _) => self.push_free(block)?,
                (State::Taken(_), true) => self.put_back(block)?,
                (State::Reserved(_) | State::Taken(_), false) => {
                    in_hand -= 1;
                    continue;
                }
            }
            in_hand -= 1;
            found = true;
        }
        place.next_look().store(((start + seen) % capacity) as u32, Relaxed);
        // If all were seen, some are neither in hand nor counted.
        if in_hand > 0 && seen == capacity { Err(Damaged) } else { Ok(found) }
    }
}

/// Remembers who was found alive last: a consumer often has many blocks in hand, and the kernel is asked once.
struct Living<'place, P> {
    place: &'place P,
    last: Cell<Owner>,
}

impl<P: Others> Others for Living<'_, P> {
    fn is_dead(&self, owner: Owner) -> rustix::io::Result<bool> {
        if self.last.get() == owner && owner != Owner::NOBODY {
            return Ok(false);
        }
        let dead = self.place.is_dead(owner)?;
        if !dead {
            self.last.set(owner);
        }
        Ok(dead)
    }
}

impl<'place, P: Place> Client<'place, P> {
    /// Takes back what the dead have in hand, wherever it is: as many looks as the queue needs, between which others
    /// get the lock. Returns `true` if there was any.
    pub(in crate::shared_queue) fn reclaim(self) -> rustix::io::Result<bool> {
        let mut wait = self.wait_for_lock();
        let locked = self.lock(&mut wait)?;
        self.reclaim_all(locked, &mut wait).map(|(_, found)| found)
    }

    /// The same for a call that has the lock, and goes on with it.
    pub(in crate::shared_queue) fn reclaim_all(
        self,
        mut locked: Locked<'place>,
        wait: &mut Wait<'_>,
    ) -> rustix::io::Result<(Locked<'place>, bool)> {
        for _ in 1..self.view().capacity().div_ceil(LOOK) {
            if locked.reclaim(self.place)? {
                return Ok((locked, true));
            }
            drop(locked);
            locked = self.lock(wait)?;
        }
        let found = locked.reclaim(self.place)?;
        Ok((locked, found))
    }
}

impl View<'_> {
    /// Puts all blocks of new memory on the stack.
    pub(in crate::shared_queue) fn clear(&self) {
        for (place, block) in self.free.iter().rev().zip(0..) {
            place.store(block, Relaxed);
        }
        self.control.free.store(self.capacity() as u32, Relaxed);
        self.control.enough.store(1, Relaxed);
    }

    /// Makes everything anew from the records, whatever it was: for whoever has the lock. Everybody who sleeps looks
    /// again.
    #[cold]
    pub(in crate::shared_queue) fn rebuild(&self, others: &impl Others) -> Result<()> {
        let control = self.control;
        self.forget_messages();
        control.free.store(0, Relaxed);
        let (mut free, mut next) = (0, control.next.load());
        for index in (0..self.capacity()).rev() {
            let record = self.block(index)?.record;
            let (old, dead) = look(record, others);
            let fits = record.length.load(Relaxed) as usize <= self.sizes.max_message_size;
            let state = match old {
                State::Taken(_) if dead && fits => State::Published,
                State::Reserved(_) | State::Taken(_) if dead => State::Free,
                State::Published if !fits => State::Free,
                State::Unknown => State::Free,
                state => state,
            };
            if state != old {
                record.state.store(state.word(), Relaxed);
            }
            let key = Key(record.key.load());
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
        control.enough.store(1, Relaxed);
        control.first.rest.store(0, Relaxed);
        control.receivers.rouse();
        control.senders.rouse();
        Ok(())
    }
}

/// The state of a block, and whether whoever has it in hand is dead.
///
/// The state is the last one: until its death a receiver may have given the block up without the lock (`abandon`), and
/// what was read before says that its message is still to be delivered.
fn look(record: &Record, others: &impl Others) -> (State, bool) {
    let state = || State::of_word(record.state.load(Acquire));
    match state() {
        State::Reserved(owner) | State::Taken(owner) if is_dead(others, owner) => (state(), true),
        state => (state, false),
    }
}

/// If the kernel does not say, it counts as alive.
fn is_dead(others: &impl Others, owner: Owner) -> bool {
    others.is_dead(owner).unwrap_or(false)
}
