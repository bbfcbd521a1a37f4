//! What programs do with named semaphores, and the four bytes that stand for it.

use rawipc::semaphore::abi::Abi;

use super::{MOST, NAMES};
use crate::model;

/// An operation and the handle that it is done by.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// The process, where there are several.
    pub process: usize,
    /// The handle; counted on beyond those that the process has.
    pub handle: usize,
    pub action: Action,
}

#[derive(Clone, Copy, Debug)]
pub enum Action {
    Open {
        name: usize,
        abi: Option<Abi>,
        create: bool,
        create_new: bool,
        value: u32,
        unlink_on_drop: bool,
    },
    Post,
    PostMany(u32),
    Wait(Wait),
    /// Takes a token and gives it back.
    Borrow,
    /// Takes a token for good, by a permit.
    Keep,
    Close,
    Unlink {
        name: usize,
        abi: Abi,
    },
    /// Forgets those that were killed while they waited.
    ResetWaiters,
    /// The process is killed, and a new one takes its place.
    Die,
}

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wait {
    Forever,
    Try,
    /// A timeout of zero.
    Zero,
    /// Until a moment that is over.
    PassedMonotonic,
    PassedRealtime,
    /// For a moment.
    Short,
    ShortRealtime,
}

const ABIS: [Abi; 3] = [Abi::Gnu64, Abi::Gnu32, Abi::Musl];

impl model::Operation for Operation {
    fn of(_number: u8, [kind, who, first, second]: [u8; 4]) -> Self {
        let name = usize::from(first) % NAMES;
        let action = match kind % 16 {
            0..=2 => Action::Open {
                name,
                abi: [None, Some(ABIS[0]), Some(ABIS[1]), Some(ABIS[2])][usize::from(first >> 1 & 3)],
                create: first & 8 == 0,
                create_new: first & 48 == 48,
                value: [0, 1, 2, 0, MOST - 1, MOST, MOST / 2, MOST + 1][usize::from(second & 7)],
                unlink_on_drop: first >= 192,
            },
            3..=5 => Action::Post,
            6 => Action::PostMany([0, 1, 2, 3, MOST - 1, MOST, MOST / 2, u32::MAX][usize::from(first & 7)]),
            7..=10 => Action::Wait(Wait::of(first)),
            11 => Action::Borrow,
            12 => Action::Keep,
            13 => Action::Close,
            14 => Action::Unlink { name, abi: ABIS[usize::from(second % 3)] },
            _ => {
                if first.is_multiple_of(2) {
                    Action::Die
                } else {
                    Action::ResetWaiters
                }
            }
        };
        Self { process: usize::from(who >> 3), handle: usize::from(who & 7), action }
    }

    fn process(&self) -> usize {
        self.process
    }

    fn kills(&self) -> bool {
        matches!(self.action, Action::Die)
    }
}

impl Wait {
    fn of(byte: u8) -> Self {
        let waits = [
            Self::Forever,
            Self::Forever,
            Self::Try,
            Self::Zero,
            Self::PassedMonotonic,
            Self::PassedRealtime,
            Self::Short,
            Self::ShortRealtime,
        ];
        waits[usize::from(byte & 7)]
    }
}
