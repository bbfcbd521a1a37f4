//! Copying bytes out of and into memory that others change meanwhile.
//!
//! Each byte is read and written by an atomic operation, so a race gives a mix of old and new bytes and nothing worse.

use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed};

const WORD: usize = size_of::<usize>();

/// Memory as single bytes before and after a middle of whole words.
pub(super) struct Parts<'memory> {
    pub(super) start: &'memory [AtomicU8],
    pub(super) middle: &'memory [AtomicUsize],
    pub(super) end: &'memory [AtomicU8],
}

impl Parts<'_> {
    /// Copies all of it; the buffer is as long.
    pub(super) fn load(&self, buffer: &mut [u8]) {
        let (start, rest) = buffer.split_at_mut(self.start.len());
        let (middle, end) = rest.split_at_mut(self.middle.len() * WORD);
        load_bytes(self.start, start);
        for (to, from) in middle.chunks_exact_mut(WORD).zip(self.middle) {
            to.copy_from_slice(&from.load(Relaxed).to_ne_bytes());
        }
        load_bytes(self.end, end);
    }

    /// Overwrites all of it; there are as many bytes.
    pub(super) fn store(&self, bytes: &[u8]) {
        let (start, rest) = bytes.split_at(self.start.len());
        let (middle, end) = rest.split_at(self.middle.len() * WORD);
        store_bytes(self.start, start);
        for (from, to) in middle.chunks_exact(WORD).zip(self.middle) {
            let mut word = [0; WORD];
            word.copy_from_slice(from);
            to.store(usize::from_ne_bytes(word), Relaxed);
        }
        store_bytes(self.end, end);
    }
}

fn load_bytes(memory: &[AtomicU8], buffer: &mut [u8]) {
    for (to, from) in buffer.iter_mut().zip(memory) {
        *to = from.load(Relaxed);
    }
}

fn store_bytes(memory: &[AtomicU8], bytes: &[u8]) {
    for (to, from) in memory.iter().zip(bytes) {
        to.store(*from, Relaxed);
    }
}
