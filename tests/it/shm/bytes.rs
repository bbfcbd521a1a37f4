//! Copying bytes out of and into mapped memory, whatever their place and length, while others write.

use std::sync::atomic::{
    AtomicBool, AtomicU16, AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::thread;

use rawipc::error::Operation;
use rawipc::{Errno, ErrorKind, Mapping};

use crate::harness::queues::{assert_bounds, assert_error};
use crate::harness::random::Random;
use crate::shm::support::{content, memory, pattern};

crate::tests!(
    every_place_and_length_is_copied,
    random_copies_agree_with_a_model,
    copies_beyond_the_end_are_refused_whole,
    a_race_makes_mixes_of_old_and_new_bytes_only,
    mapping_copies_race_with_wider_atomics,
    mapping_copies_are_ordered_by_atomics,
);

#[track_caller]
fn bytes(mapping: &Mapping, offset: usize, length: usize) -> Vec<u8> {
    let mut bytes = vec![0xee; length];
    mapping.read_at(offset, &mut bytes).unwrap();
    bytes
}

/// Each start relative to a word, each length around one and several words.
fn every_place_and_length_is_copied() {
    const SIZE: usize = 80;
    let memory = memory(SIZE);
    let mapping = memory.map().unwrap();
    for offset in 0..=SIZE {
        for length in 0..=(SIZE - offset) {
            mapping.write_at(0, &[0xaa; SIZE]).unwrap();
            mapping.write_at(offset, &pattern(length)).unwrap();
            let mut expected = vec![0xaa; SIZE];
            expected[offset..offset + length].copy_from_slice(&pattern(length));
            assert_eq!(content(&memory), expected, "{length} bytes at {offset}");
            assert_eq!(bytes(&mapping, offset, length), pattern(length));
        }
    }
}

fn random_copies_agree_with_a_model() {
    const SIZE: usize = 10_007;
    let (mut random, memory) = (Random::new(), memory(SIZE));
    let (mapping, mut model) = (memory.map().unwrap(), vec![0; SIZE]);
    for _ in 0..3000 {
        let offset = random.below(SIZE);
        let length = random.below(SIZE - offset + 1).min(500);
        if random.below(2) == 0 {
            let bytes = random.bytes(length);
            mapping.write_at(offset, &bytes).unwrap();
            model[offset..offset + length].copy_from_slice(&bytes);
        } else {
            assert_eq!(bytes(&mapping, offset, length), model[offset..offset + length]);
        }
    }
    assert_eq!(content(&memory), model);
}

fn copies_beyond_the_end_are_refused_whole() {
    let memory = memory(100);
    let mapping = memory.map().unwrap();
    mapping.write_at(0, &pattern(100)).unwrap();
    for (offset, length, end) in [
        (0, 101, 101),
        (99, 2, 101),
        (100, 1, 101),
        (101, 0, 101),
        (usize::MAX, 1, u32::MAX),
        (usize::MAX - 1, 2, u32::MAX),
    ] {
        let mut untouched = vec![0xee; length];
        let read = mapping.read_at(offset, &mut untouched).unwrap_err();
        let write = mapping.write_at(offset, &untouched).unwrap_err();
        for error in [read, write] {
            let part = ", but the object has 100 bytes";
            assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, Operation::AccessMemory, part);
            assert_bounds(error, end.into(), 100);
        }
        assert!(untouched.iter().all(|byte| *byte == 0xee), "nothing is copied");
    }
    mapping.read_at(100, &mut []).unwrap();
    mapping.write_at(100, &[]).unwrap();
    assert_eq!(content(&memory), pattern(100));
}

fn a_race_makes_mixes_of_old_and_new_bytes_only() {
    const SIZE: usize = 1003;
    let memory = memory(2000);
    let (mapping, reader) = (memory.map().unwrap(), memory.map_options().map_read_only().unwrap());
    let (old, new) = ([0x55; SIZE], [0xcc; SIZE]);
    mapping.write_at(5, &old).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for bytes in [&old, &new] {
            scope.spawn(|| {
                while !done.load(Relaxed) {
                    mapping.write_at(5, bytes).unwrap();
                }
            });
        }
        // Ends the writers also if an assertion fails here.
        let _stop = OnDrop(&done);
        for round in 0..5000 {
            let mut seen = vec![0; SIZE];
            if round % 2 == 0 {
                mapping.read_at(5, &mut seen).unwrap()
            } else {
                reader.read_at(5, &mut seen).unwrap()
            }
            assert!(seen.iter().all(|byte| [0x55, 0xcc].contains(byte)), "a byte that nobody wrote");
        }
    });
    let bytes = content(&memory);
    assert!(bytes[..5] == [0; 5] && bytes[5 + SIZE..].iter().all(|byte| *byte == 0), "nothing beside it is touched");
}

/// Copies at odd places beside atomics of several sizes, each on bytes of its own. A byte that nobody wrote would show.
fn mapping_copies_race_with_wider_atomics() {
    let memory = memory(200);
    let mapping = memory.map().unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let stop = OnDrop(&done);
        scope.spawn(|| {
            let (wide, middle) = (mapping.get::<AtomicU64>(64).unwrap(), mapping.get::<AtomicU32>(72).unwrap());
            let narrow = mapping.get::<AtomicU16>(76).unwrap();
            while !done.load(Relaxed) {
                wide.store(0x1111_1111_1111_1111, Relaxed);
                middle.store(0x1111_1111, Relaxed);
                narrow.swap(0x1111, Relaxed);
            }
        });
        for round in 0..5000 {
            let (start, end) = (round % 64, 79 + round % 100);
            mapping.write_at(start, &vec![0x22; end - start]).unwrap();
            let seen = bytes(&mapping, 64, 14);
            assert!(seen.iter().all(|byte| [0x11, 0x22].contains(byte)), "{seen:x?}");
        }
        drop(stop);
    });
}

/// A copy is complete for whoever sees what was stored after it.
fn mapping_copies_are_ordered_by_atomics() {
    let memory = memory(2000);
    let mapping = memory.map().unwrap();
    let number = mapping.get::<AtomicU32>(0).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=1000 {
                mapping.write_at(7, &[round as u8; 1500]).unwrap();
                number.store(2 * round, Release);
                while number.load(Acquire) != 2 * round + 1 {
                    thread::yield_now();
                }
            }
        });
        // An assertion in between would leave the writer waiting.
        let mut torn = Vec::new();
        for round in 1..=1000 {
            while number.load(Acquire) != 2 * round {
                thread::yield_now();
            }
            let seen = bytes(&mapping, 7, 1500);
            number.store(2 * round + 1, Release);
            torn.extend(seen.iter().any(|byte| *byte != round as u8).then_some(round));
        }
        assert_eq!(torn, [], "rounds whose copy was not whole");
    });
}

struct OnDrop<'flag>(&'flag AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
