//! Sending and receiving, as one participant does it.

use core::time::Duration;

use rustix::io::{Errno, Result};

use super::arming::Arming;
use super::guard::{Found, Locked, ToWake};
use super::layout::Record;
use super::slot_state::State;
use super::view::{Block, Damaged, View};
use super::wait::{For, Wait};
use crate::futex::primitive::Ordering::{Relaxed, Release};
use crate::priority::Priority;
use crate::sync::{Others, Owner, Taken};

/// The longest message that is copied under the lock: up to here the copy takes less time than locking once more.
pub(in crate::shared_queue) const SHORT: usize = 1024;

/// A queue, and who takes part in it.
pub(in crate::shared_queue) trait Place: Others {
    fn view(&self) -> &View<'_>;
    /// How long a call waits for the lock beyond its limit.
    fn lock_grace(&self) -> Duration;
    /// The block at which the next look for the dead begins: this process's own note.
    fn next_look(&self) -> &core::sync::atomic::AtomicU32;
}

/// A participant and the queue: small enough to need no memory.
pub(in crate::shared_queue) struct Client<'place, P> {
    pub(in crate::shared_queue) place: &'place P,
    pub(in crate::shared_queue) me: Owner,
}

impl<P> Clone for Client<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Client<'_, P> {}

impl<'place, P: Place> Client<'place, P> {
    #[inline]
    pub(in crate::shared_queue) fn view(self) -> &'place View<'place> {
        self.place.view()
    }

    /// For a call that waits for the lock and for nothing else.
    pub(in crate::shared_queue) fn wait_for_lock(self) -> Wait<'static> {
        Wait::for_lock_alone(self.place.lock_grace())
    }

    /// Locks the queue. If its last holder died with the lock, the queue is repaired first.
    #[inline]
    pub(in crate::shared_queue) fn lock(self, wait: &mut Wait<'_>) -> Result<Locked<'place>> {
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
        let mut policy = wait.for_lock();
        let taken = loop {
            match lock.take(self.me, self.place, &mut policy) {
                // A queue can be rebuilt, so its lock is never given up. If a peer wrote that it is, one participant
                // takes it back, and the others wait for that one.
                Err(Errno::NOTRECOVERABLE) if lock.take_back(self.me) => break Ok(Taken::OwnerDied),
                Err(Errno::NOTRECOVERABLE) if policy.check().is_ok() => {}
                Err(Errno::NOTRECOVERABLE) => break Err(Errno::TIMEDOUT),
                taken => break taken,
            }
        };
        match taken {
            Ok(Taken::Clean) => Ok(()),
            Ok(Taken::OwnerDied) => {
                let rebuilt = self.view().rebuild(self.place);
                lock.mark_consistent();
                Ok(rebuilt.inspect_err(|_| lock.give_back())?)
            }
            Err(errno) => Err(wait.lock_error(errno)),
        }
    }

    /// Sends a short message of this length, which `fill` copies into the block. Whether the doorbell is to be rung.
    #[inline]
    pub(in crate::shared_queue) fn send<'handle>(
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
    pub(in crate::shared_queue) fn send_long(
        self,
        length: usize,
        priority: Priority,
        wait: &mut Wait<'_>,
        fill: impl FnOnce(Block<'_>),
    ) -> Result<bool> {
        let block = self.reserve(wait)?;
        fill(block);
        wait.restart_grace();
        self.publish(block, length, priority, wait).inspect_err(|_| self.abandon(block))
    }

    /// Takes a block in hand, to write a message into it.
    pub(in crate::shared_queue) fn reserve(self, wait: &mut Wait<'_>) -> Result<Block<'place>> {
        let (mut locked, free) = self.lock_for(For::Room, || wait)?;
        let block = locked.pop_free(free)?;
        block.record.state.store(State::Reserved(self.me).word(), Relaxed);
        Ok(block)
    }

    /// Makes what lies in a block that this participant has reserved a message. If the lock cannot be had, it has the
    /// block in hand still.
    pub(in crate::shared_queue) fn publish(
        self,
        block: Block<'_>,
        length: usize,
        priority: Priority,
        wait: &mut Wait<'_>,
    ) -> Result<bool> {
        let mut locked = self.lock(wait)?;
        self.check_hand(block)?;
        Ok(locked.publish(block, length, priority)?)
    }

    /// Receives a message, which `take` copies out of the block.
    #[inline]
    pub(in crate::shared_queue) fn receive<'handle>(
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
    pub(in crate::shared_queue) fn receive_in_place(self, wait: &mut Wait<'_>) -> Result<Found<'place>> {
        let (locked, messages) = self.lock_for(For::Message, || wait)?;
        let found = locked.first()?;
        self.take_in_hand(locked, messages, found.block.record)?;
        Ok(found)
    }

    /// Gives the lock back, with the first message in hand.
    #[inline(never)]
    fn take_in_hand(self, mut locked: Locked<'place>, messages: usize, record: &Record) -> Result<()> {
        locked.remove_first(messages)?;
        record.state.store(State::Taken(self.me).word(), Relaxed);
        Ok(())
    }

    /// Makes a message in hand one of the queue's again.
    pub(in crate::shared_queue) fn put_back(self, block: Block<'_>, wait: &mut Wait<'_>) -> Result<()> {
        let mut locked = self.lock(wait)?;
        self.check_hand(block)?;
        Ok(locked.put_back(block)?)
    }

    /// Frees a block that this participant has in hand, waiting for the grace at most, whatever signal handlers run
    /// meanwhile.
    pub(in crate::shared_queue) fn release(self, block: Block<'_>) {
        let mut wait = Wait::for_lock_within(self.place.lock_grace());
        let locked = loop {
            match self.lock(&mut wait) {
                Err(Errno::INTR) => {}
                locked => break locked,
            }
        };
        let freed = locked.and_then(|mut locked| {
            self.check_hand(block)?;
            Ok(locked.push_free(block)?)
        });
        // What is damaged will be seen by the next one.
        if freed.is_err() {
            self.abandon(block);
        }
    }

    /// Arms the doorbell in this place, whose bell has this number, unless there is a message already.
    pub(in crate::shared_queue) fn arm(self, place: usize, number: u32, wait: &mut Wait<'_>) -> Result<Arming> {
        let mut locked = self.lock(wait)?;
        let mut arming = Arming::Armed;
        if locked.view.messages()? == 0 {
            // No sender rings for what the dead had in hand.
            let found;
            (locked, found) = self.reclaim_all(locked, wait)?;
            arming = if found { Arming::Reclaimed } else { arming };
        }
        let bells = locked.view.bells();
        if locked.view.messages()? == 0 {
            bells.arm(place, number);
            return Ok(Arming::Armed);
        }
        bells.disarm(place);
        Ok(if arming == Arming::Reclaimed { arming } else { Arming::Ready })
    }

    /// Makes everything anew from the records.
    #[cold]
    pub(in crate::shared_queue) fn repair(self) -> Result<()> {
        let locked = self.lock(&mut self.wait_for_lock())?;
        Ok(locked.view.rebuild(self.place)?)
    }

    /// Makes sure that a block is still in this participant's hand: a peer may have made others believe it is not.
    fn check_hand(self, block: Block<'_>) -> Result<()> {
        match State::of_word(block.record.state.load(Relaxed)) {
            State::Reserved(owner) | State::Taken(owner) if owner == self.me => Ok(()),
            _ => Err(Damaged.into()),
        }
    }

    /// Gives a block up without the lock: it belongs to no participant, and is free. A sender that waits for room looks
    /// for it.
    pub(in crate::shared_queue) fn abandon(self, block: Block<'_>) {
        if self.check_hand(block).is_ok() {
            block.record.state.store(State::Reserved(Owner::NOBODY).word(), Release);
            // A store would do; but loom does not know that what a sender exchanges meanwhile comes before a store.
            self.view().control.first.rest.swap(1, Release);
            self.view().control.senders.wake_another();
        }
    }
}
