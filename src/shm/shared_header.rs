//! What lies before a shared value in its file: `shared.rs` has the layout and who writes it when.

use core::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};

use super::Mapping;
use super::progress::Progress;
use crate::error::Result;
use crate::shm::shareable;

pub(super) const MAGIC: [u8; 8] = *b"rawipc/S";
pub(super) const FORMAT: u32 = 1;

shareable! {
    pub(super) struct Header {
        pub(super) magic: [AtomicU8; 8],
        pub(super) format: AtomicU32,
        pub(super) state: Progress,
        pub(super) size: AtomicU32,
        pub(super) alignment: AtomicU32,
        pub(super) version: AtomicU32,
        rest: [AtomicU32; 9],
    }
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Header>() == 64);

pub(super) fn is_ready(mapping: &Mapping) -> bool {
    mapping.get::<Header>(0).is_ok_and(|header| header.state.is_complete())
}

pub(super) fn has_magic(header: &Header) -> bool {
    header.magic.iter().zip(MAGIC).all(|(there, expected)| there.load(Relaxed) == expected)
}

/// Returns `true` if an initializer that died can have left this.
pub(super) fn is_abandoned(mapping: &Mapping) -> Result<bool> {
    let header: &Header = mapping.get(0)?;
    if has_magic(header) {
        return Ok(matches!(header.format.load(Relaxed), 0 | FORMAT));
    }
    let begun = header.magic.iter().zip(MAGIC).all(|(there, expected)| [0, expected].contains(&there.load(Relaxed)));
    Ok(begun && is_clear(mapping, MAGIC.len())?)
}

/// Returns `true` if all is zero from an offset on.
fn is_clear(mapping: &Mapping, offset: usize) -> Result<bool> {
    let mut bytes = [0; 256];
    let mut at = offset;
    while at < mapping.len() {
        let count = bytes.len().min(mapping.len() - at);
        let part = bytes.get_mut(..count).unwrap_or_default();
        mapping.read_at(at, part)?;
        if part.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        at += count;
    }
    Ok(true)
}

/// Makes all zero from an offset on: a dead initializer may have left something.
pub(super) fn clear(mapping: &Mapping, offset: usize) -> Result<()> {
    const ZEROS: [u8; 256] = [0; 256];
    let mut at = offset;
    while at < mapping.len() {
        let count = ZEROS.len().min(mapping.len() - at);
        mapping.write_at(at, ZEROS.get(..count).unwrap_or_default())?;
        at += count;
    }
    Ok(())
}
