//! Arming doorbells, and finding out which of them to ring.
//!
//! Each doorbell has a record in the queue's memory. Bit 31 of its word `armed` says that it is to be rung; the bits
//! below count its armings. `Control::armed` sums up all records in the same way. Senders look at this sum alone while
//! they have the lock, and at the records only if it says that one may be armed.
//!
//! A doorbell is armed under the queue's lock, and disarmed without it: its word is exchanged only if it is exactly the
//! one that was rung for, so an arming that comes in between stands. What a sender cannot reach stays armed for other
//! senders, in its record and in the sum. A process that is killed between two steps leaves a record or the sum armed
//! for too long, never for too short: the next sender rings once more, or finds that the owner is dead.

use core::sync::atomic;

use super::layout::{ARMED, Bell};
use crate::futex::primitive::AtomicU32;
use crate::futex::primitive::Ordering::{Acquire, Relaxed, Release};
use crate::sync::{Liveness, PeerId};

/// What arming a doorbell has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::shared_queue) enum Arming {
    /// The next message rings it.
    Armed,
    /// There is a message already.
    Ready,
    /// There is one that dead processes had in flight: other doorbells may be armed, and no sender rings them for it.
    Reclaimed,
}

/// How ringing a bell went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::shared_queue) enum Rung {
    /// It rings, or its owner is dead.
    Done,
    /// This process cannot reach it, and trying again would change nothing.
    Unreachable,
    /// This process lacks a descriptor or memory for the moment.
    Later,
}

/// Rings single bells.
pub(in crate::shared_queue) trait Ringer {
    /// What ends a sender half-way. Only models have such.
    type Death;

    /// Rings the bell of the record in this place.
    fn ring(&self, place: usize, record: &Bell) -> Result<Rung, Self::Death>;
}

/// A queue's doorbells.
#[derive(Clone, Copy)]
pub(in crate::shared_queue) struct Bells<'memory> {
    /// Bit 31: a record may be armed; below: how often one has been.
    pub(in crate::shared_queue) sum: &'memory AtomicU32,
    pub(in crate::shared_queue) records: &'memory [Bell],
}

impl Bells<'_> {
    /// Returns `true` if a message is to ring.
    pub(in crate::shared_queue) fn may_be_armed(self) -> bool {
        self.sum.load(Relaxed) & ARMED != 0
    }

    /// Takes a record for a new doorbell: a free one, else that of a dead process. Returns its place, `None` if all
    /// belong to the living.
    pub(in crate::shared_queue) fn claim(self, me: PeerId, others: &impl Liveness) -> Option<usize> {
        let is_dead = |owner| others.is_dead(PeerId::of_word(owner)).unwrap_or(false);
        for also_of_the_dead in [false, true] {
            for (place, record) in self.records.iter().enumerate() {
                let owner = record.owner.load(Relaxed);
                if owner != 0 && !(also_of_the_dead && is_dead(owner)) {
                    continue;
                }
                // Ordering: after all that the last owner has done with the record; no model has a stale one here.
                if record.owner.compare_exchange(owner, me.bits(), Acquire, Relaxed).is_ok() {
                    self.disarm(place);
                    return Some(place);
                }
            }
        }
        None
    }

    /// Gives a record back.
    pub(in crate::shared_queue) fn release(self, place: usize, me: PeerId) {
        self.disarm(place);
        if let Some(record) = self.records.get(place) {
            // If it is another's by now, a peer does not keep to the rules.
            // Ordering: pairs with `claim`, which disarms the record by an exchange that sees the last value anyway.
            let _ = record.owner.compare_exchange(me.bits(), 0, Release, Relaxed);
        }
    }

    /// Arms the caller's own doorbell, whose bell has this number. The caller has the queue's lock.
    pub(in crate::shared_queue) fn arm(self, place: usize, number: u32) {
        self.arm_record(place, number);
        // A sender that reads the sum finds the record armed.
        count_arming(self.sum);
    }

    /// The first half of arming.
    pub(in crate::shared_queue) fn arm_record(self, place: usize, number: u32) {
        if let Some(record) = self.records.get(place) {
            record.number.store(number, Relaxed);
            // A sender that finds it armed finds that number.
            count_arming(&record.armed);
        }
    }

    /// Disarms the caller's own doorbell. The sum stays: it is also that of others.
    pub(in crate::shared_queue) fn disarm(self, place: usize) {
        if let Some(record) = self.records.get(place) {
            // Its owner alone arms it, so there is nothing to be ordered.
            record.armed.fetch_and(!ARMED, Relaxed);
        }
    }

    /// Returns the sum that is to be rung for. `missed` is what [`ring`](Self::ring) has left there.
    pub(in crate::shared_queue) fn to_ring(self, missed: &atomic::AtomicU32) -> Option<u32> {
        // Ordering: a record that was armed before the sum is seen armed; the sender has read the sum under the lock,
        // too.
        let sum = self.sum.load(Acquire);
        (sum & ARMED != 0 && sum != missed.load(atomic::Ordering::Relaxed)).then_some(sum)
    }

    /// Rings all armed doorbells, for a message that others can see already. If some could not be reached, `missed`
    /// becomes this sum, so that this handle does not try again before something is armed.
    pub(in crate::shared_queue) fn ring<R: Ringer>(
        self,
        sum: u32,
        missed: &atomic::AtomicU32,
        ringer: &R,
    ) -> Result<(), R::Death> {
        match self.ring_records(ringer)? {
            Rung::Done => disarm(self.sum, sum),
            Rung::Unreachable => missed.store(sum, atomic::Ordering::Relaxed),
            Rung::Later => {}
        }
        Ok(())
    }

    /// The first half of ringing: how it went with the worst of them.
    pub(in crate::shared_queue) fn ring_records<R: Ringer>(self, ringer: &R) -> Result<Rung, R::Death> {
        let mut worst = Rung::Done;
        for (place, record) in self.records.iter().enumerate() {
            // Ordering: the bell's number is the one that was armed. An older one is not of this mark, and stays armed.
            let armed = record.armed.load(Acquire);
            if armed & ARMED == 0 {
                continue;
            }
            let rung = ringer.ring(place, record)?;
            if rung == Rung::Done {
                disarm(&record.armed, armed);
            }
            worst = worst.max(rung);
        }
        Ok(worst)
    }
}

/// Arms, and counts it, so that a sender that rings for an earlier arming does not undo this one. Only one process at a
/// time arms a word, so a store would do; but loom does not know that what another thread exchanges meanwhile comes
/// before a store.
fn count_arming(word: &AtomicU32) {
    // Ordering: pairs with the loads in `to_ring` and `ring_records`.
    word.swap((word.load(Relaxed) & !ARMED).wrapping_add(1) | ARMED, Release);
}

/// Disarms, unless it was armed again since it had this value. Nothing is read that this would have to be ordered with:
/// the ring is with the kernel already.
fn disarm(word: &AtomicU32, armed: u32) {
    let _ = word.compare_exchange(armed, armed & !ARMED, Relaxed, Relaxed);
}
