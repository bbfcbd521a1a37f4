//! What programs do with queues, and the four bytes that stand for it.

use rawipc::Priority;

use super::NAMES;
use crate::model;

/// An operation and the handle that it is done by.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// Tells the messages of a sequence apart.
    pub number: u8,
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
        opening: Opening,
    },
    Send {
        length: usize,
        priority: Priority,
        wait: Wait,
    },
    /// With a buffer of so many bytes.
    Receive {
        room: usize,
        wait: Wait,
    },
    Close,
    Unlink {
        name: usize,
    },
    Duplicate,
    SetNonblocking(bool),
    /// Registers for a signal, or just takes the slot.
    Register {
        signal: bool,
    },
    Cancel,
    /// Arms the handle's socket, which is made when it is needed first.
    Arm,
    News,
    DropSocket,
    /// The process is killed, and a new one takes its place.
    Die,
}

/// How to open a queue.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    pub read: bool,
    pub write: bool,
    pub create: bool,
    pub create_new: bool,
    pub nonblocking: bool,
    pub unlink_on_drop: bool,
    pub max_messages: usize,
    pub max_message_size: usize,
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

impl model::Operation for Operation {
    fn of(number: u8, [kind, who, first, second]: [u8; 4]) -> Self {
        let action = match kind % 32 {
            0..=3 => Action::Open { name: usize::from(second >> 6) % NAMES, opening: Opening::of(first, second) },
            4..=12 => Action::Send {
                length: if first == 255 { 300 } else { usize::from(first) % 12 },
                priority: Priority::new([0, 0, 1, 1, 2, 7, 300, 32_767][usize::from(second >> 3 & 7)]).unwrap(),
                wait: Wait::of(second),
            },
            13..=21 => Action::Receive { room: usize::from(first), wait: Wait::of(second) },
            22 => Action::Close,
            23 => Action::Unlink { name: usize::from(first) % NAMES },
            24 => Action::Duplicate,
            25 => Action::SetNonblocking(first.is_multiple_of(2)),
            26 => Action::Register { signal: first.is_multiple_of(2) },
            27 => Action::Cancel,
            28 => Action::Arm,
            29 => Action::News,
            30 => {
                if first.is_multiple_of(2) {
                    Action::News
                } else {
                    Action::DropSocket
                }
            }
            _ => Action::Die,
        };
        Self { number, process: usize::from(who >> 3), handle: usize::from(who & 7), action }
    }

    fn process(&self) -> usize {
        self.process
    }

    fn kills(&self) -> bool {
        matches!(self.action, Action::Die)
    }
}

impl Opening {
    fn of(flags: u8, sizes: u8) -> Self {
        let (read, write) = [
            (true, true),
            (true, true),
            (true, true),
            (true, false),
            (false, true),
            (true, true),
            (true, true),
            (false, false),
        ][usize::from(flags & 7)];
        let (create, create_new) =
            [(true, false), (true, false), (false, false), (false, true)][usize::from(flags >> 3 & 3)];
        Self {
            read,
            write,
            create,
            create_new,
            nonblocking: flags & 32 != 0,
            unlink_on_drop: flags >= 192,
            max_messages: [1, 2, 3, 1, 2, 3, 0, 65_537][usize::from(sizes & 7)],
            max_message_size: [8, 1, 4, 8, 4, 200, 0, (16 << 20) + 1][usize::from(sizes >> 3 & 7)],
        }
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
