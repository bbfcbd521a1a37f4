//! The owner of something in shared memory: a peer, in 30 bits.

use core::cmp::Ordering;

/// The maximum number of handles that can be attached to one object at a time.
pub(crate) const MAX_PEERS: usize = 128;

const SLOT_BITS: u32 = 8;

/// A participant's slot and the slot's generation when it was taken, so that a later user of the slot is another one.
///
/// A generation has 22 bits here and each user of a slot takes two of its values: after 2²¹ users of one slot (another
/// multiple of that) a new peer is taken for a dead owner of long ago whose death no process has noticed in all that
/// time. Slots are taken in turns, so that is 128 × 2²¹, 268 million, openings of the object, less where slots are held
/// for long.
///
/// Zero is no peer. A word from shared memory may hold anything, and then be no peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PeerId(u32);

impl PeerId {
    /// The bits that an owner takes.
    pub(crate) const MASK: u32 = (1 << 30) - 1;
    /// No peer. It counts as dead.
    pub(crate) const NONE: Self = Self(0);
    /// The bits that a generation takes. It is odd while the slot is taken.
    const GENERATION_MASK: u32 = Self::MASK >> SLOT_BITS;

    pub(crate) const fn new(slot: usize, generation: u32) -> Self {
        Self((generation & Self::GENERATION_MASK) << SLOT_BITS | (slot as u32 + 1))
    }

    /// Out of the low bits of a word, whose others say something else.
    #[inline]
    pub(crate) const fn of_word(word: u32) -> Self {
        Self(word & Self::MASK)
    }

    #[inline]
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// Returns its slot; `None` if no peer can have it.
    pub(in crate::sync) fn slot(self) -> Option<usize> {
        (self.0 as usize % (1 << SLOT_BITS)).checked_sub(1).filter(|slot| *slot < MAX_PEERS)
    }

    /// The slot's generation when it was taken, as stored in the word.
    pub(in crate::sync) const fn generation(self) -> u32 {
        self.0 >> SLOT_BITS
    }

    /// Returns `true` if the slot, whose generation is now this, is still its.
    pub(in crate::sync) const fn is_of(self, generation: u32) -> bool {
        self.generation() == generation & Self::GENERATION_MASK && is_taken(generation)
    }
}

/// Returns `true` if a slot of this generation is taken, by what its last user has written.
pub(in crate::sync) const fn is_taken(generation: u32) -> bool {
    generation % 2 == 1
}

/// Which of two slots has been used less, by their generations, which may have begun again at 0.
pub(in crate::sync) const fn by_use(generation: u32, other: u32) -> Ordering {
    let ahead = generation.wrapping_sub(other).cast_signed();
    if ahead < 0 {
        Ordering::Less
    } else if ahead == 0 {
        Ordering::Equal
    } else {
        Ordering::Greater
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_told_apart() {
        for slot in [0, 1, 77, MAX_PEERS - 1] {
            for generation in [1, 3, 0x3f_ffff, u32::MAX] {
                let owner = PeerId::new(slot, generation);
                assert_eq!((PeerId::of_word(owner.bits() | 3 << 30), owner.slot()), (owner, Some(slot)));
                assert!(owner.is_of(generation) && !owner.is_of(generation.wrapping_add(2)));
                assert!(!owner.is_of(generation.wrapping_add(1)), "one who has left");
            }
        }
    }

    #[test]
    fn slots_wear_evenly_past_the_end_of_numbers() {
        let mut generations = [u32::MAX - 5; 5];
        for _ in 0..1000 {
            let (lowest, highest) = (*generations.iter().min_by(|a, b| by_use(**a, **b)).unwrap(), generations[0]);
            assert!(highest.wrapping_sub(lowest) <= 2);
            let slot = generations.iter().position(|generation| *generation == lowest).unwrap();
            generations[slot] = (lowest.wrapping_add(1) | 1).wrapping_add(1);
        }
    }

    #[test]
    fn what_nobody_wrote_is_nobodys() {
        for word in [0, MAX_PEERS as u32 + 1, 255, 0x1234_5600] {
            assert_eq!(PeerId::of_word(word).slot(), None);
        }
    }
}
