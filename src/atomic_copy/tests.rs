//! Copies at every place and of every length, and beside other accesses to the same bytes. Miri can run them.

use core::mem::MaybeUninit;
use core::sync::atomic::{
    AtomicBool, AtomicU8,
    Ordering::{Acquire, Relaxed, Release},
};
use std::thread;
use std::vec::Vec;

use super::access::{load_byte, load_word, store_byte, store_word};
use super::{WORD, Word, load, load_words, store, store_words};

/// What stands for assembly under Miri and loom.
#[path = "access/bytewise.rs"]
mod bytewise;

/// How much is copied: Miri takes its time.
const MOST: usize = if cfg!(miri) { 3 * WORD } else { 200 };

fn memory(length: usize) -> Vec<AtomicU8> {
    (0..length).map(|_| AtomicU8::new(0xee)).collect()
}

fn content(memory: &[AtomicU8]) -> Vec<u8> {
    memory.iter().map(|byte| byte.load(Relaxed)).collect()
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|number| (number % 251) as u8).collect()
}

#[test]
fn atomic_copy_stores_every_place_and_length() {
    for (start, length) in (0..=WORD).flat_map(|start| (0..=MOST).map(move |length| (start, length))) {
        let memory = memory(MOST + 2 * WORD);
        store(&memory[start..start + length], &pattern(length));
        let content = content(&memory);
        assert_eq!(content[start..start + length], pattern(length), "{length} bytes at {start}");
        assert!(content[..start].iter().chain(&content[start + length..]).all(|byte| *byte == 0xee));
    }
}

#[test]
fn atomic_copy_loads_every_place_and_length() {
    let memory = memory(MOST + 2 * WORD);
    let bytes = pattern(memory.len());
    memory.iter().zip(&bytes).for_each(|(to, from)| to.store(*from, Relaxed));
    for (start, length) in (0..=WORD).flat_map(|start| (0..=MOST).map(move |length| (start, length))) {
        let mut buffer = std::vec![MaybeUninit::new(0xee); length + 1];
        let loaded = load(&memory[start..start + length], &mut buffer);
        assert_eq!(loaded, &bytes[start..start + length], "{length} bytes at {start}");
        // SAFETY: it was initialized.
        assert_eq!(unsafe { buffer[length].assume_init() }, 0xee);
    }
}

#[test]
fn atomic_copy_of_words_ends_with_zeros() {
    for length in 0..=MOST {
        let words: Vec<Word> = (0..MOST / WORD + 2).map(|_| Word(usize::MAX.into())).collect();
        store_words(&words, &pattern(length));
        let mut buffer = std::vec![MaybeUninit::new(0); words.len() * WORD];
        assert_eq!(load_words(&words, &mut buffer, usize::MAX), buffer.len());
        // SAFETY: all of it was initialized.
        let content: Vec<u8> = buffer.iter().map(|byte| unsafe { byte.assume_init() }).collect();
        let (copied, rest) = content.split_at(length);
        let (zeros, rest) = rest.split_at(length.next_multiple_of(WORD) - length);
        assert_eq!(copied, pattern(length));
        assert!(zeros.iter().all(|byte| *byte == 0) && rest.iter().all(|byte| *byte == 0xff), "{length} bytes");
    }
}

#[test]
fn atomic_copy_bytewise_agrees_with_assembly() {
    let mut word = 0_usize;
    let place = &raw mut word;
    for value in [0, 1, usize::MAX, usize::from_ne_bytes(core::array::from_fn(|index| index as u8 + 1))] {
        // SAFETY: the word is there, and nothing else accesses it; so below.
        unsafe { bytewise::store_word(place, value) };
        // SAFETY: as above.
        assert_eq!(unsafe { load_word(place) }, value);
        // SAFETY: as above.
        unsafe { store_word(place, !value) };
        // SAFETY: as above.
        assert_eq!(unsafe { bytewise::load_word(place) }, !value);
        let byte = place.cast::<u8>().wrapping_add(WORD - 1);
        // SAFETY: as above.
        unsafe { bytewise::store_byte(byte, value as u8) };
        // SAFETY: as above.
        assert_eq!(unsafe { load_byte(byte) }, value as u8);
        // SAFETY: as above.
        unsafe { store_byte(byte, !value as u8) };
        // SAFETY: as above.
        assert_eq!(unsafe { bytewise::load_byte(byte) }, !value as u8);
    }
}

/// Accesses of another size than a byte would be undefined here, as Miri says.
#[test]
fn atomic_copy_may_race_with_atomic_bytes() {
    const SIZE: usize = 4 * WORD;
    let (memory, done) = (memory(SIZE), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Relaxed) {
                for byte in &memory {
                    byte.store(0x11, Relaxed);
                    thread::yield_now();
                }
            }
        });
        for _ in 0..if cfg!(miri) { 10 } else { 1000 } {
            store(&memory, &[0x22; SIZE]);
            let mut buffer = [MaybeUninit::uninit(); SIZE];
            assert!(load(&memory, &mut buffer).iter().all(|byte| [0x11, 0x22].contains(byte)));
        }
        done.store(true, Relaxed);
    });
}

#[test]
fn atomic_copy_is_ordered_by_release_and_acquire() {
    for round in 0..if cfg!(miri) { 5 } else { 200 } {
        let (memory, ready) = (memory(MOST), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                store(&memory, &std::vec![round; MOST]);
                ready.store(true, Release);
            });
            while !ready.load(Acquire) {
                thread::yield_now();
            }
            let mut buffer = std::vec![MaybeUninit::uninit(); MOST];
            assert!(load(&memory, &mut buffer).iter().all(|byte| *byte == round));
        });
    }
}
