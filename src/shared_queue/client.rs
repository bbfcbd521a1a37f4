//! Sending and receiving, as one participant does it.

use rustix::io::Result;

use super::format::Record;
use super::locked::{Found, Locked, ToWake};
use super::state::State;
use super::view::{Damaged, View};
use super::wait::{For, Limit, Wait};
use crate::Priority;
use crate::futex::Tuning;
use crate::futex::primitive::Ordering::{Relaxed, Release};
use crate::robust::{Others, Owner, Taken};

/// The longest message that is copied under the lock: up to here the copy takes less time than locking once more.
const SHORT: usize = 1024;

/// A participant and the queue.
pub(super) struct Client<'view, 'memory, O> {
    pub(super) view: &'view View<'memory>,
    pub(super) me: Owner,
    pub(super) others: O,
}

impl<'view, 'memory, O: Others> Client<'view, 'memory, O> {
    /// Locks the queue. If somebody has died with the lock, the queue is put right first.
    #[inline]
    pub(super) fn lock(&self, wait: &mut Wait<'_>) -> Result<Locked<'view, 'memory>> {
        if !self.view.control.lock.take_free(self.me) {
            self.lock_slowly(wait)?;
        }
        Ok(Locked::new(self.view, ToWake::default()))
    }

    #[cold]
    fn lock_slowly(&self, wait: &mut Wait<'_>) -> Result<()> {
        let lock = &self.view.control.lock;
        if lock.spin(self.me, wait.looks_at_lock()) {
            return Ok(());
        }
        match lock.take(self.me, &self.others, &wait.for_lock()) {
            Ok(Taken::Clean) => Ok(()),
            Ok(Taken::OwnerDied) => {
                let rebuilt = self.view.rebuild(&self.others);
                lock.mark_consistent();
                Ok(rebuilt.inspect_err(|_| lock.give_back())?)
            }
            // Nobody gives up what can be made anew.
            Err(rustix::io::Errno::NOTRECOVERABLE) => Err(Damaged.into()),
            Err(errno) => Err(errno),
        }
    }

    /// Sends a message of this length, which `fill` copies into the block. Whether the doorbell is to be rung.
    #[inline]
    pub(super) fn send(
        &self,
        length: usize,
        priority: Priority,
        wait: &mut Wait<'_>,
        fill: impl FnOnce(usize) -> Result<()>,
    ) -> Result<bool> {
        let mut locked = self.lock_with(For::Room, wait)?;
        let (block, record) = locked.pop_free()?;
        let held = if length <= SHORT {
            Some(locked)
        } else {
            self.reserve_in(locked, record);
            None
        };
        fill(block)?;
        let mut locked = match held {
            Some(locked) => locked,
            None => {
                self.lock_reserved(record, wait).inspect_err(|_| abandon(record))?;
                Locked::new(self.view, ToWake::default())
            }
        };
        Ok(locked.publish(block, record, length, priority)?)
    }

    /// Takes a block in hand, to write a message into it.
    pub(super) fn reserve(&self, wait: &mut Wait<'_>) -> Result<usize> {
        let mut locked = self.lock_with(For::Room, wait)?;
        let (block, record) = locked.pop_free()?;
        self.reserve_in(locked, record);
        Ok(block)
    }

    /// Gives the lock back, with a block in hand.
    fn reserve_in(&self, _locked: Locked<'view, 'memory>, record: &Record) {
        record.state.store(State::Reserved(self.me).word(), Relaxed);
    }

    /// Makes what lies in a block that this participant has reserved a message. If the lock cannot be had, it has the
    /// block in hand still.
    pub(super) fn publish(&self, block: usize, length: usize, priority: Priority, wait: &mut Wait<'_>) -> Result<bool> {
        let record = self.view.record(block)?;
        self.lock_reserved(record, wait)?;
        Ok(Locked::new(self.view, ToWake::default()).publish(block, record, length, priority)?)
    }

    /// Locks the queue, and keeps it so, if this participant has still reserved the block.
    #[inline(never)]
    fn lock_reserved(&self, record: &Record, wait: &mut Wait<'_>) -> Result<()> {
        let locked = self.lock(wait)?;
        if State::of_word(record.state.load(Relaxed)) != State::Reserved(self.me) {
            return Err(Damaged.into());
        }
        locked.keep();
        Ok(())
    }

    /// Receives a message, which `take` copies out of the block. If `take` fails, the message stays.
    #[inline]
    pub(super) fn receive(&self, wait: &mut Wait<'_>, take: impl FnOnce(Found) -> Result<()>) -> Result<()> {
        let locked = self.lock_with(For::Message, wait)?;
        let (found, record) = locked.first()?;
        let held = if found.length <= SHORT {
            Some(locked)
        } else {
            self.take_in_hand(locked, record)?;
            None
        };
        take(found)?;
        match held {
            Some(mut locked) => {
                locked.remove_first()?;
                Ok(locked.push_free(found.block, record)?)
            }
            None => self.release(found.block),
        }
    }

    /// Takes the first message in hand, to read it where it lies.
    pub(super) fn borrow(&self, wait: &mut Wait<'_>) -> Result<Found> {
        let locked = self.lock_with(For::Message, wait)?;
        let (found, record) = locked.first()?;
        self.take_in_hand(locked, record)?;
        Ok(found)
    }

    /// Gives the lock back, with the first message in hand.
    #[inline(never)]
    fn take_in_hand(&self, mut locked: Locked<'view, 'memory>, record: &Record) -> Result<()> {
        record.state.store(State::Taken(self.me).word(), Relaxed);
        Ok(locked.remove_first()?)
    }

    /// Makes a message in hand one of the queue's again.
    pub(super) fn put_back(&self, block: usize, wait: &mut Wait<'_>) -> Result<()> {
        let mut locked = self.lock(wait)?;
        Ok(locked.put_back(block, self.view.record(block)?)?)
    }

    /// Frees a block that this participant has in hand.
    pub(super) fn release(&self, block: usize) -> Result<()> {
        let record = self.view.record(block)?;
        match self.lock(&mut Wait::new(Limit::Now, &Tuning::WATCHFUL)) {
            // What is damaged will be seen by the next one.
            Ok(mut locked) => _ = locked.push_free(block, record),
            Err(_) => abandon(record),
        }
        Ok(())
    }

    /// Locks the queue when it has what is waited for.
    #[inline]
    fn lock_with(&self, what: For, wait: &mut Wait<'_>) -> Result<Locked<'view, 'memory>> {
        let mut locked = self.lock(wait)?;
        if !locked.has(what)? {
            // The lock stays taken, however little of it passes through memory.
            locked = Locked::new(self.view, self.await_it(locked, what, wait)?);
        }
        Ok(locked)
    }

    /// Arms the doorbell, unless there is a message already: whether there is.
    pub(super) fn arm(&self) -> Result<bool> {
        let locked = self.lock(&mut Wait::new(Limit::None, &Tuning::WATCHFUL))?;
        let ready = locked.view.messages()? > 0;
        locked.view.control.armed.store(u32::from(!ready), Relaxed);
        Ok(ready)
    }

    /// Takes back what the dead have in hand.
    pub(super) fn reclaim(&self) -> Result<bool> {
        Ok(self.lock(&mut Wait::new(Limit::Now, &Tuning::WATCHFUL))?.reclaim(&self.others)?)
    }

    /// Makes everything anew from the records.
    #[cold]
    pub(super) fn repair(&self) -> Result<()> {
        let locked = self.lock(&mut Wait::new(Limit::Now, &Tuning::WATCHFUL))?;
        Ok(locked.view.rebuild(&self.others)?)
    }
}

/// Leaves a block in hand to whoever looks for such: it is nobody's, and thereby free.
fn abandon(record: &Record) {
    record.state.store(State::Reserved(Owner::NOBODY).word(), Release);
}
