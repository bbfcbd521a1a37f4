//! What a slot's state says.

use crate::sync::PeerId;

const KIND: u32 = !PeerId::MASK;
const RESERVED: u32 = 1 << 30;
const PUBLISHED: u32 = 2 << 30;
const TAKEN: u32 = 3 << 30;

/// The state of a slot. The owner of one that is reserved or taken may be dead, or no peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::shared_queue) enum State {
    /// On the stack of free slots.
    Free,
    /// A peer writes a message into it. If that peer is dead, or none, the slot is free and not yet on the stack.
    Reserved(PeerId),
    /// It holds a message that is in the order of delivery.
    Published,
    /// A peer reads its message. If that peer is dead, or none, the message is still to be delivered.
    InFlight(PeerId),
    /// What no participant ever writes.
    Unknown,
}

impl State {
    #[inline]
    pub(in crate::shared_queue) const fn of_word(word: u32) -> Self {
        match word & KIND {
            RESERVED => Self::Reserved(PeerId::of_word(word)),
            TAKEN => Self::InFlight(PeerId::of_word(word)),
            _ if word == 0 => Self::Free,
            _ if word == PUBLISHED => Self::Published,
            _ => Self::Unknown,
        }
    }

    #[inline]
    pub(in crate::shared_queue) const fn word(self) -> u32 {
        match self {
            Self::Free | Self::Unknown => 0,
            Self::Reserved(owner) => RESERVED | owner.bits(),
            Self::Published => PUBLISHED,
            Self::InFlight(owner) => TAKEN | owner.bits(),
        }
    }
}
