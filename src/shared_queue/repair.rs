//! Putting right what the dead have left.

use super::format::Record;
use super::locked::Locked;
use super::order::Key;
use super::state::State;
use super::view::{Result, View};
use crate::futex::primitive::Ordering::{Acquire, Relaxed};
use crate::robust::{Others, Owner};

impl Locked<'_> {
    /// Takes back the blocks that dead processes had in hand: half-written messages are gone, half-read ones are there
    /// again, in their old order. Whether there were any.
    ///
    /// Nothing is looked for unless some block is in somebody's hand.
    pub(super) fn reclaim(&mut self, others: &impl Others) -> Result<bool> {
        let idle = self.view.messages()? + self.free()?;
        let mut in_hand = self.view.capacity().saturating_sub(idle);
        let mut found = false;
        for index in 0..self.view.capacity() {
            if in_hand == 0 {
                break;
            }
            let block = self.view.block(index)?;
            match look(block.record, others) {
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
        Ok(found)
    }
}

impl View<'_> {
    /// Puts all blocks of new memory on the stack.
    pub(super) fn clear(&self) {
        for (place, block) in self.free.iter().rev().zip(0..) {
            place.store(block, Relaxed);
        }
        self.control.free.store(self.capacity() as u32, Relaxed);
        self.control.enough.store(1, Relaxed);
    }

    /// Makes everything anew from the records, whatever it was: for whoever has the lock. Everybody who sleeps looks
    /// again.
    #[cold]
    pub(super) fn rebuild(&self, others: &impl Others) -> Result<()> {
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
