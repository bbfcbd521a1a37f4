//! The table of an object's slots: which peers are attached, as the peers read it.

use rustix::io::Result;

use super::id::{MAX_PEERS, PeerId, by_use, is_taken};
use crate::futex::primitive::AtomicU32;
use crate::futex::primitive::Ordering::{Acquire, Relaxed, Release};

/// A generation for each slot.
pub(crate) type PeerTable = [AtomicU32; MAX_PEERS];

/// A bit for each slot.
type Slots = u128;

const _: () = assert!(Slots::BITS as usize == MAX_PEERS);

/// A slot whose byte is locked.
pub(in crate::sync) struct Slot<'table> {
    pub(in crate::sync) number: usize,
    generation: &'table AtomicU32,
    before: u32,
    now: u32,
}

/// Locks a slot's byte by `lock`: first of the slots that were given up, then of any; of those the one that has been
/// used least, so that generations last. `None` if none can be locked.
pub(in crate::sync) fn take_slot(
    table: &[AtomicU32],
    lock: impl Fn(usize) -> Result<bool>,
) -> Result<Option<Slot<'_>>> {
    // A slot may be given up between the looks.
    for also_of_the_dead in [false, true, false] {
        let mut tried: Slots = 0;
        while let Some((number, generation)) = least_used(table, tried, also_of_the_dead) {
            tried |= 1 << number;
            if lock(number)? {
                // Only who has the byte changes it.
                let before = generation.load(Relaxed);
                return Ok(Some(Slot { number, generation, before, now: before.wrapping_add(1) | 1 }));
            }
        }
    }
    Ok(None)
}

/// The slot that has been used least of those that have not been tried and that are taken, or not, by what their last
/// users have said.
fn least_used(table: &[AtomicU32], tried: Slots, taken: bool) -> Option<(usize, &AtomicU32)> {
    let slots = table.iter().enumerate().map(|(slot, generation)| (slot, generation, generation.load(Relaxed)));
    let fitting = slots.filter(|(slot, _, now)| tried >> slot & 1 == 0 && is_taken(*now) == taken);
    fitting.min_by(|(.., now), (.., other)| by_use(*now, *other)).map(|(slot, generation, _)| (slot, generation))
}

impl Slot<'_> {
    /// Publishes the owner of the slot. A peer that reads it learns that the last owner is dead.
    pub(in crate::sync) fn publish(&self) -> PeerId {
        self.generation.store(self.now, Release);
        PeerId::new(self.number, self.now)
    }

    /// Undoes what [`publish`](Self::publish) did.
    pub(in crate::sync) fn withdraw(&self) {
        // Where the lock was not kept, another one may have the slot by now.
        let _ = self.generation.compare_exchange(self.now, self.before, Relaxed, Relaxed);
    }
}

/// Makes sure that this owner counts as attached: a peer may have overwritten its slot's generation.
pub(in crate::sync) fn show(table: &[AtomicU32], me: PeerId) {
    if let Some(generation) = generation_of(table, me).filter(|generation| !me.is_of(generation.load(Relaxed))) {
        generation.store(me.generation(), Release);
    }
}

/// An owner's slot is given up, so that others need not ask the kernel about it.
pub(in crate::sync) fn leave(table: &[AtomicU32], me: PeerId) {
    if let Some(generation) = generation_of(table, me) {
        generation.fetch_add(1, Release);
    }
}

/// Returns `true` if no living peer is this owner. Asks the kernel by `is_held` if the table does not say so.
pub(in crate::sync) fn is_dead(
    table: &[AtomicU32],
    owner: PeerId,
    is_held: impl FnOnce(usize) -> Result<bool>,
) -> Result<bool> {
    let Some((slot, generation)) = owner.slot().zip(generation_of(table, owner)) else { return Ok(true) };
    if owner.is_of(generation.load(Acquire)) { Ok(!is_held(slot)?) } else { Ok(true) }
}

fn generation_of(table: &[AtomicU32], owner: PeerId) -> Option<&AtomicU32> {
    table.get(owner.slot()?)
}
