//! Shared memory: sizes, contents, mappings, seals.

mod model;
mod object;
mod operation;
mod system;

pub use model::MemoryModel;
pub use system::MemorySystem;

use std::hash::{DefaultHasher, Hash, Hasher};

/// How many names there are.
pub const NAMES: usize = 2;

/// How many handles a process may have.
pub const HANDLES: usize = 4;

/// What can be seen of an object through a handle.
#[derive(Debug, PartialEq)]
pub struct View {
    pub size: u64,
    pub is_sealed: bool,
    pub content: Digest,
    /// How many bytes are mapped, and whether they can be written there.
    pub mapping: Option<(usize, bool)>,
}

/// Stands for bytes that are too many to be shown.
#[derive(Debug, PartialEq)]
pub struct Digest(u64);

impl Digest {
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// What an operation answers if it succeeds.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Done,
    Bytes(Vec<u8>),
}
