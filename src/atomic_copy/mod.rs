//! Copying bytes out of and into memory that others change at the same time.
//!
//! # Memory model
//! To the program, such a copy is what `pread` and `pwrite` on the object's descriptor are: something outside of the
//! program reads or writes the bytes at its request. Assembly does it (see [`access`] and [`lines`]). The compiler
//! assumes of assembly that it may read and write all memory that others can reach, and nothing more. So a copy's
//! accesses are no operations of Rust's memory model: they are not data races, and they have no size that could
//! disagree with the size of the atomics by which the program changes the same bytes.
//!
//! What a copy does to shared memory:
//! - It accesses each byte that was asked for, and no other byte; [`store_words`] also what its last word has more.
//! - A byte that is read has one of the values that it had during the copy. A byte that is written has the new value at
//!   the end; it may be written twice, and a value that another thread puts there in between is lost.
//! - The bytes are accessed in any order. If another thread or process changes a value of several bytes meanwhile, even
//!   by an atomic operation, then a copy may read some of its bytes old and some new, and a copy over it may leave such
//!   a mix. A race gives a mix of old and new bytes and nothing worse.
//! - A copy orders nothing by itself. It keeps its place among the atomic operations of its thread as an atomic access
//!   with `Relaxed` does: what is copied before a `Release` store is seen by a copy that follows the `Acquire` load
//!   that has read that store.
//!
//! Miri and loom run no assembly. There, a copy is a `Relaxed` operation of [`AtomicU8`] on each byte, which is the
//! nearest that Rust's model has.

#![allow(unsafe_code)]

#[cfg(not(any(miri, loom)))]
mod access;
#[cfg(any(miri, loom))]
#[path = "access/bytewise.rs"]
mod access;
mod lines;
#[cfg(all(test, not(loom)))]
mod tests;

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::AtomicU8;

use access::{load_byte, load_word, store_byte, store_word};
use lines::{LINE, copy_lines};

const WORD: usize = size_of::<usize>();

/// An aligned word of shared memory, which only copies access.
#[repr(transparent)]
pub(crate) struct Word(UnsafeCell<usize>);

impl Word {
    #[cfg(test)]
    #[allow(clippy::declare_interior_mutable_const, reason = "each use is a word of its own")]
    pub(crate) const ZERO: Self = Self(UnsafeCell::new(0));

    #[inline(always)]
    fn load(&self) -> [u8; WORD] {
        // SAFETY: a word that is borrowed is aligned and mapped.
        unsafe { load_word(self.0.get()) }.to_ne_bytes()
    }

    #[inline(always)]
    fn store(&self, bytes: [u8; WORD]) {
        // SAFETY: as above. All words are lent from memory that is mapped for writing.
        unsafe { store_word(self.0.get(), usize::from_ne_bytes(bytes)) };
    }
}

/// Memory as single bytes before and after a middle of whole words.
struct Parts<'memory> {
    start: &'memory [AtomicU8],
    middle: &'memory [Word],
    end: &'memory [AtomicU8],
}

impl<'memory> Parts<'memory> {
    #[inline]
    fn of(memory: &'memory [AtomicU8]) -> Self {
        // SAFETY: any bytes are words, and both types may change while they are borrowed.
        let (start, middle, end) = unsafe { memory.align_to() };
        Self { start, middle, end }
    }
}

/// Copies memory into a buffer, up to the shorter one's length; returns the part of the buffer that was written.
#[inline]
pub(crate) fn load<'buffer>(memory: &[AtomicU8], buffer: &'buffer mut [MaybeUninit<u8>]) -> &'buffer mut [u8] {
    let count = memory.len().min(buffer.len());
    let (memory, buffer) = (memory.get(..count).unwrap_or_default(), buffer.get_mut(..count).unwrap_or_default());
    let parts = Parts::of(memory);
    let (start, rest) = buffer.split_at_mut(parts.start.len());
    let (middle, end) = rest.split_at_mut(parts.middle.len() * WORD);
    load_bytes(parts.start, start);
    load_words(parts.middle, middle, middle.len());
    load_bytes(parts.end, end);
    // SAFETY: each byte has just been written, and both types have one layout.
    unsafe { &mut *(core::ptr::from_mut(buffer) as *mut [u8]) }
}

/// Overwrites memory with bytes, up to the shorter one's length. The memory is mapped for writing.
#[inline]
pub(crate) fn store(memory: &[AtomicU8], bytes: &[u8]) {
    let count = memory.len().min(bytes.len());
    let (memory, bytes) = (memory.get(..count).unwrap_or_default(), bytes.get(..count).unwrap_or_default());
    let parts = Parts::of(memory);
    let (start, rest) = bytes.split_at(parts.start.len());
    let (middle, end) = rest.split_at(parts.middle.len() * WORD);
    store_bytes(parts.start, start);
    store_words(parts.middle, middle);
    store_bytes(parts.end, end);
}

/// Copies up to `count` bytes that lie in words into a buffer, or as many as both have; returns how many were written.
#[inline]
pub(crate) fn load_words(memory: &[Word], buffer: &mut [MaybeUninit<u8>], count: usize) -> usize {
    let count = count.min(buffer.len()).min(memory.len() * WORD);
    // SAFETY: both have that many lines, and what is borrowed mutably is nowhere else.
    let lines = unsafe { copy_lines(memory.as_ptr().cast(), buffer.as_mut_ptr().cast(), count / LINE) };
    if lines * LINE < count {
        let memory = memory.get(lines * (LINE / WORD)..).unwrap_or_default();
        load_last_words(memory, buffer.get_mut(lines * LINE..count).unwrap_or_default());
    }
    count
}

#[inline]
fn load_last_words(memory: &[Word], buffer: &mut [MaybeUninit<u8>]) {
    let load = |from: &Word| from.load().map(MaybeUninit::new);
    let words = buffer.len() / WORD;
    let (whole, part) = buffer.split_at_mut(words * WORD);
    for (to, from) in whole.chunks_exact_mut(WORD).zip(memory) {
        to.copy_from_slice(&load(from));
    }
    if let (false, Some(from)) = (part.is_empty(), memory.get(words)) {
        part.iter_mut().zip(load(from)).for_each(|(to, from)| *to = from);
    }
}

/// Overwrites whole words of memory with bytes, as many as both have. The rest of the last word becomes zeros. The
/// memory is mapped for writing.
#[inline]
pub(crate) fn store_words(memory: &[Word], bytes: &[u8]) {
    let count = bytes.len().min(memory.len() * WORD);
    // SAFETY: both have that many lines, and bytes that are borrowed are not shared memory.
    let lines = unsafe { copy_lines(bytes.as_ptr(), memory.as_ptr().cast_mut().cast(), count / LINE) };
    if lines * LINE < count {
        let memory = memory.get(lines * (LINE / WORD)..).unwrap_or_default();
        store_last_words(memory, bytes.get(lines * LINE..count).unwrap_or_default());
    }
}

#[inline]
fn store_last_words(memory: &[Word], bytes: &[u8]) {
    let store = |to: &Word, from: &[u8]| {
        let mut word = [0; WORD];
        word.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        to.store(word);
    };
    let whole = bytes.chunks_exact(WORD);
    let (part, last) = (whole.remainder(), memory.get(whole.len()));
    memory.iter().zip(whole).for_each(|(to, from)| store(to, from));
    if let (false, Some(to)) = (part.is_empty(), last) {
        store(to, part);
    }
}

/// Bytes that are to be overwritten.
pub(crate) fn as_uninit(bytes: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    // SAFETY: both types have one layout, and `load` writes only initialized bytes.
    unsafe { &mut *(core::ptr::from_mut(bytes) as *mut [MaybeUninit<u8>]) }
}

#[inline]
fn load_bytes(memory: &[AtomicU8], buffer: &mut [MaybeUninit<u8>]) {
    for (to, from) in buffer.iter_mut().zip(memory) {
        // SAFETY: a byte that is borrowed is mapped.
        to.write(unsafe { load_byte(from.as_ptr()) });
    }
}

#[inline]
fn store_bytes(memory: &[AtomicU8], bytes: &[u8]) {
    for (to, from) in memory.iter().zip(bytes) {
        // SAFETY: a byte that is borrowed is mapped, and this one for writing.
        unsafe { store_byte(to.as_ptr(), *from) };
    }
}
