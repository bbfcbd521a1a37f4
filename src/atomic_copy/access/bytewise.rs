//! Where no assembly is run, by Miri and in loom's models: atomic operations on single bytes.
//!
//! They are what the assembly stands for. A word is its bytes, one after the other.

use core::array;
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// Reads a byte.
///
/// # Safety
/// The byte is mapped for reading.
pub(in crate::atomic_copy) unsafe fn load_byte(place: *const u8) -> u8 {
    // SAFETY: the caller vouches for the byte, and all that change it change it by atomic operations.
    unsafe { AtomicU8::from_ptr(place.cast_mut()) }.load(Relaxed)
}

/// Writes a byte.
///
/// # Safety
/// The byte is mapped for writing.
pub(in crate::atomic_copy) unsafe fn store_byte(place: *mut u8, value: u8) {
    // SAFETY: as above.
    unsafe { AtomicU8::from_ptr(place) }.store(value, Relaxed);
}

/// Reads a word.
///
/// # Safety
/// The word is mapped for reading.
pub(in crate::atomic_copy) unsafe fn load_word(place: *const usize) -> usize {
    let byte = place.cast::<u8>();
    // SAFETY: each is a byte of the word that the caller vouches for.
    usize::from_ne_bytes(array::from_fn(|index| unsafe { load_byte(byte.wrapping_add(index)) }))
}

/// Writes a word.
///
/// # Safety
/// The word is mapped for writing.
pub(in crate::atomic_copy) unsafe fn store_word(place: *mut usize, value: usize) {
    let byte = place.cast::<u8>();
    for (index, value) in value.to_ne_bytes().into_iter().enumerate() {
        // SAFETY: each is a byte of the word that the caller vouches for.
        unsafe { store_byte(byte.wrapping_add(index), value) };
    }
}
