//! What programs do with shared memory, and the four bytes that stand for it.

use super::NAMES;
use crate::model;

/// An operation and the handle that it is done by.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// What is written.
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
    Anonymous {
        size: u64,
        sparse: bool,
    },
    Close,
    Unlink {
        name: usize,
    },
    Duplicate,
    Resize(u64),
    Seal,
    Read {
        offset: u64,
        length: usize,
    },
    Write {
        offset: u64,
        length: usize,
    },
    /// In place of the handle's mapping, if it has one.
    Map {
        offset: u64,
        length: Option<usize>,
        read_only: bool,
    },
    Remap(usize),
    Unmap,
    ReadMapping {
        offset: usize,
        length: usize,
    },
    WriteMapping {
        offset: usize,
        length: usize,
    },
    /// Adds to a number in the mapping, by a borrowed atomic.
    Add {
        offset: usize,
    },
    /// The process is killed, and a new one takes its place.
    Die,
}

/// How to open an object.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    pub read: bool,
    pub write: bool,
    pub create: bool,
    pub create_new: bool,
    pub truncate: bool,
    pub sparse: bool,
    pub unlink_on_drop: bool,
    pub size: u64,
}

const SIZES: [u64; 8] = [0, 1, 64, 4095, 4096, 4097, 9000, 8192];
const LENGTHS: [usize; 8] = [0, 1, 7, 8, 33, 64, 3, 16];

impl model::Operation for Operation {
    fn of(number: u8, [kind, who, first, second]: [u8; 4]) -> Self {
        let (offset, length) = (offset(second), LENGTHS[usize::from(first & 7)]);
        let size = SIZES[usize::from(second & 7)];
        let in_mapping = usize::try_from(offset).unwrap_or(usize::MAX);
        let action = match kind % 32 {
            0..=4 => Action::Open { name: usize::from(first >> 7) % NAMES, opening: Opening::of(first, second) },
            5 => Action::Anonymous { size, sparse: first & 1 == 1 },
            6 => Action::Close,
            7 => Action::Unlink { name: usize::from(first) % NAMES },
            8 => Action::Duplicate,
            9..=10 => Action::Resize(if first > 250 { 1 << 63 } else { size }),
            11 => Action::Seal,
            12..=14 => Action::Read { offset, length },
            15..=17 => Action::Write { offset, length },
            18..=21 => Action::Map {
                offset: if first & 8 == 0 { 0 } else { (offset & !4095) + u64::from(first >> 6) / 3 },
                length: (first & 16 != 0).then_some(size as usize),
                read_only: first & 32 != 0,
            },
            22 => Action::Remap(size as usize),
            23 => Action::Unmap,
            24..=26 => Action::ReadMapping { offset: in_mapping, length },
            27..=29 => Action::WriteMapping { offset: in_mapping, length },
            30 => Action::Add { offset: in_mapping },
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

/// Near the start, near the borders of pages, and beyond everything.
fn offset(byte: u8) -> u64 {
    match byte >> 4 {
        0..=9 => u64::from(byte % 80),
        10..=11 => 4080 + u64::from(byte % 32),
        12..=13 => 8180 + u64::from(byte % 32),
        14 => u64::MAX - u64::from(byte % 8),
        _ => (1 << 63) - 1 - u64::from(byte % 8),
    }
}

impl Opening {
    fn of(flags: u8, second: u8) -> Self {
        let (create, create_new) =
            [(true, false), (true, false), (false, false), (false, true)][usize::from(flags & 3)];
        Self {
            read: second & 32 == 0,
            write: flags & 12 != 12,
            create,
            create_new,
            truncate: second >> 6 == 3,
            sparse: flags & 16 != 0,
            unlink_on_drop: flags & 96 == 96,
            size: if second == 31 { 1 << 63 } else { SIZES[usize::from(second & 7)] },
        }
    }
}
