//! Copying bytes out of and into memory that others change meanwhile.
//!
//! Each byte is read and written by an atomic operation, or by an instruction of which the compiler knows nothing, so a
//! race gives a mix of old and new bytes and nothing worse.

#![allow(unsafe_code)]

mod lines;

use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed};

use lines::{LINE, copy_lines};

const WORD: usize = size_of::<usize>();

/// Memory as single bytes before and after a middle of whole words.
struct Parts<'memory> {
    start: &'memory [AtomicU8],
    middle: &'memory [AtomicUsize],
    end: &'memory [AtomicU8],
}

impl<'memory> Parts<'memory> {
    #[inline]
    fn of(memory: &'memory [AtomicU8]) -> Self {
        // SAFETY: any bytes are atomic words, and all access to them is atomic.
        let (start, middle, end) = unsafe { memory.align_to() };
        Self { start, middle, end }
    }
}

/// Copies memory into a buffer, as much as both have; the part of the buffer that was written.
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

/// Overwrites memory with bytes, as many as both have.
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

/// Copies so many bytes that lie in words into a buffer, or as many as both have: how many were written.
#[inline]
pub(crate) fn load_words(memory: &[AtomicUsize], buffer: &mut [MaybeUninit<u8>], count: usize) -> usize {
    let count = count.min(buffer.len()).min(memory.len() * WORD);
    // SAFETY: both have so many lines, and what is borrowed mutably is nowhere else.
    let lines = unsafe { copy_lines(memory.as_ptr().cast(), buffer.as_mut_ptr().cast(), count / LINE) };
    if lines * LINE < count {
        let memory = memory.get(lines * (LINE / WORD)..).unwrap_or_default();
        load_last_words(memory, buffer.get_mut(lines * LINE..count).unwrap_or_default());
    }
    count
}

#[inline]
fn load_last_words(memory: &[AtomicUsize], buffer: &mut [MaybeUninit<u8>]) {
    let load = |from: &AtomicUsize| from.load(Relaxed).to_ne_bytes().map(MaybeUninit::new);
    let words = buffer.len() / WORD;
    let (whole, part) = buffer.split_at_mut(words * WORD);
    for (to, from) in whole.chunks_exact_mut(WORD).zip(memory) {
        to.copy_from_slice(&load(from));
    }
    if let (false, Some(from)) = (part.is_empty(), memory.get(words)) {
        part.iter_mut().zip(load(from)).for_each(|(to, from)| *to = from);
    }
}

/// Overwrites whole words of memory with bytes, as many as both have; what the last one has more becomes zeros.
#[inline]
pub(crate) fn store_words(memory: &[AtomicUsize], bytes: &[u8]) {
    let count = bytes.len().min(memory.len() * WORD);
    // SAFETY: both have so many lines, and who has the bytes borrowed has them from elsewhere.
    let lines = unsafe { copy_lines(bytes.as_ptr(), memory.as_ptr().cast_mut().cast(), count / LINE) };
    if lines * LINE < count {
        let memory = memory.get(lines * (LINE / WORD)..).unwrap_or_default();
        store_last_words(memory, bytes.get(lines * LINE..count).unwrap_or_default());
    }
}

#[inline]
fn store_last_words(memory: &[AtomicUsize], bytes: &[u8]) {
    let store = |to: &AtomicUsize, from: &[u8]| {
        let mut word = [0; WORD];
        word.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        to.store(usize::from_ne_bytes(word), Relaxed);
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
    // SAFETY: both types have one layout, and `load` writes only initialised bytes.
    unsafe { &mut *(core::ptr::from_mut(bytes) as *mut [MaybeUninit<u8>]) }
}

#[inline]
fn load_bytes(memory: &[AtomicU8], buffer: &mut [MaybeUninit<u8>]) {
    for (to, from) in buffer.iter_mut().zip(memory) {
        to.write(from.load(Relaxed));
    }
}

#[inline]
fn store_bytes(memory: &[AtomicU8], bytes: &[u8]) {
    for (to, from) in memory.iter().zip(bytes) {
        to.store(*from, Relaxed);
    }
}
