//! Sending and receiving, as one participant does it.

use rustix::io::Result;

use super::format::Record;
use super::locked::{Found, Locked, ToWake};
use super::state::State;
use super::view::{Block, Damaged, View};
use super::wait::{For, Limit, Wait};
use crate::Priority;
use crate::futex::Tuning;
use crate::futex::primitive::Ordering::{Relaxed, Release};
use crate::robust::{Others, Owner, Taken};

/// The longest message that is copied under the lock: up to here the copy takes less time than locking once more.
pub(super) const SHORT: usize = 1024;

/// A queue, and who takes part in it.
pub(super) trait Place: Others {
    fn view(&self) -> &View<'_>;
}

/// A participant and the queue: small enough to need no memory.
pub(super) struct Client<'place, P> {
    pub(super) place: &'place P,
    pub(super) me: Owner,
}

impl<P> Clone for Client<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Client<'_, P> {}

impl<'place, P: Place> Client<'place, P> {
    #[inline]
    pub(super) fn view(self) -> &'place View<'place> {
        self.place.view()
    }

    /// Locks the queue. If somebody has died with the lock, the queue is put right first.
    #[inline]
    pub(super) fn lock(self, wait: &mut Wait<'_>) -> Result<Locked<'place>> {
        if !self.view().control.lock.take_free(self.me) {
            self.lock_slowly(wait)?;
        }
        Ok(Locked::new(self.view(), ToWake::default()))
    }

    #[cold]
    fn lock_slowly(self, wait: &mut Wait<'_>) -> Result<()> {
        let lock = &self.view().control.lock;
        if lock.spin(self.me, wait.pauses_for_lock()) {
            return Ok(());
        }
        match lock.take(self.me, self.place, &wait.for_lock()) {
            Ok(Taken::Clean) => Ok(()),
            Ok(Taken::OwnerDied) => {
                let rebuilt = self.view().rebuild(self.place);
                lock.mark_consistent();
                Ok(rebuilt.inspect_err(|_| lock.give_back())?)
            }
            // Nobody gives up what can be made anew.
            Err(rustix::io::Errno::NOTRECOVERABLE) => Err(Damaged.into()),
            Err(errno) => Err(errno),
        }
    }

    /// Sends a short message of this length, which `fill` copies into the block. Whether the doorbell is to be rung.
    #[inline]
    pub(super) fn send<'handle>(
        self,
        length: usize,
        priority: Priority,
        wait: impl FnOnce() -> Wait<'handle>,
        fill: impl FnOnce(Block<'_>),
    ) -> Result<bool> {
        let (mut locked, free) = self.lock_for(For::Room, wait)?;
        let block = locked.pop_free(free)?;
        fill(block);
        Ok(locked.publish(block, length, priority)?)
    }

    /// Sends a message that is copied while others go on.
    #[inline(never)]
    pub(super) fn send_long(
        self,
        length: usize,
        priority: Priority,
        wait: &mut Wait<'_>,
        fill: impl FnOnce(Block<'_>),
    ) -> Result<bool> {
        let block = self.reserve(wait)?;
        fill(block);
        self.publish(block, length, priority, wait).inspect_err(|_| abandon(block.record))
    }

    /// Takes a block in hand, to write a message into it.
    pub(super) fn reserve(self, wait: &mut Wait<'_>) -> Result<Block<'place>> {
        let (mut locked, free) = self.lock_for(For::Room, || wait)?;
        let block = locked.pop_free(free)?;
        block.record.state.store(State::Reserved(self.me).word(), Relaxed);
        Ok(block)
    }

    /// Makes what lies in a block that this participant has reserved a message. If the lock cannot be had, it has the
    /// block in hand still.
    pub(super) fn publish(
        self,
        block: Block<'_>,
        length: usize,
        priority: Priority,
        wait: &mut Wait<'_>,
    ) -> Result<bool> {
        let mut locked = self.lock(wait)?;
        if State::of_word(block.record.state.load(Relaxed)) != State::Reserved(self.me) {
            return Err(Damaged.into());
        }
        Ok(locked.publish(block, length, priority)?)
    }

    /// Receives a message, which `take` copies out of the block.
    #[inline]
    pub(super) fn receive<'handle>(
        self,
        wait: impl FnOnce() -> Wait<'handle>,
        take: impl FnOnce(Found<'_>),
    ) -> Result<()> {
        let (locked, messages) = self.lock_for(For::Message, wait)?;
        let found = locked.first()?;
        let held = if found.length <= SHORT {
            Some(locked)
        } else {
            // Others go on while it is copied.
            self.take_in_hand(locked, messages, found.block.record)?;
            None
        };
        take(found);
        match held {
            Some(mut locked) => {
                locked.remove_first(messages)?;
                locked.push_free(found.block)?;
            }
            None => self.release(found.block),
        }
        Ok(())
    }

    /// Takes the first message in hand, to read it where it lies.
    pub(super) fn borrow(self, wait: &mut Wait<'_>) -> Result<Found<'place>> {
        let (locked, messages) = self.lock_for(For::Message, || wait)?;
        let found = locked.first()?;
        self.take_in_hand(locked, messages, found.block.record)?;
        Ok(found)
    }

    /// Gives the lock back, with the first message in hand.
    #[inline(never)]
    fn take_in_hand(self, mut locked: Locked<'place>, messages: usize, record: &Record) -> Result<()> {
        record.state.store(State::Taken(self.me).word(), Relaxed);
        Ok(locked.remove_first(messages)?)
    }

    /// Makes a message in hand one of the queue's again.
    pub(super) fn put_back(self, block: Block<'_>, wait: &mut Wait<'_>) -> Result<()> {
        Ok(self.lock(wait)?.put_back(block)?)
    }

    /// Frees a block that this participant has in hand.
    pub(super) fn release(self, block: Block<'_>) {
        match self.lock(&mut Wait::new(Limit::Now, &Tuning::WATCHFUL)) {
            // What is damaged will be seen by the next one.
            Ok(mut locked) => _ = locked.push_free(block),
            Err(_) => abandon(block.record),
        }
    }

    /// Arms the doorbell, unless there is a message already: whether there is.
    pub(super) fn arm(self) -> Result<bool> {
        let locked = self.lock(&mut Wait::new(Limit::None, &Tuning::WATCHFUL))?;
        let ready = locked.view.messages()? > 0;
        locked.view.control.armed.store(u32::from(!ready), Relaxed);
        Ok(ready)
    }

    /// Takes back what the dead have in hand.
    pub(super) fn reclaim(self) -> Result<bool> {
        Ok(self.lock(&mut Wait::new(Limit::Now, &Tuning::WATCHFUL))?.reclaim(self.place)?)
    }

    /// Makes everything anew from the records.
    #[cold]
    pub(super) fn repair(self) -> Result<()> {
        let locked = self.lock(&mut Wait::new(Limit::Now, &Tuning::WATCHFUL))?;
        Ok(locked.view.rebuild(self.place)?)
    }
}

/// Leaves a block in hand to whoever looks for such: it is nobody's, and thereby free.
fn abandon(record: &Record) {
    record.state.store(State::Reserved(Owner::NOBODY).word(), Release);
}
