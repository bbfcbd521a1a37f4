//! Anything at all in the object of a shared value: an error or a value, but no crash, no hang, nothing out of bounds.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rawipc::shm::SharedOptions;
use rawipc::{ErrorKind, Shared, SharedMemory, shareable};
use rustix::fs::{FlockOperation, flock};

use crate::harness::random::Random;
use crate::harness::waiting::PATIENCE;
use crate::shm::support::{FreeName, content, sized};

crate::tests!(
    random_objects_are_refused_or_whole,
    mutated_headers_are_refused_or_whole,
    every_bit_of_the_header_matters_or_not_and_nothing_else_happens,
    a_header_that_changes_meanwhile_is_survived,
);

shareable! {
    struct Value {
        first: AtomicU64,
        rest: [AtomicU32; 30],
    }
}

const TOTAL: usize = 64 + size_of::<Value>();

fn options() -> SharedOptions<Value> {
    Shared::<Value>::options().version(7).patience(Duration::ZERO)
}

/// The bytes of a good object.
fn good() -> Vec<u8> {
    let free = FreeName::new();
    options().open(&free, |fresh| fresh.first.store(99, Relaxed)).unwrap();
    content(&SharedMemory::options().read(true).open(&free).unwrap())
}

/// Opens an object of these bytes in both ways. What is opened is whole; what is refused is left alone.
#[track_caller]
fn assert_survived(bytes: &[u8]) {
    let free = FreeName::new();
    let memory = sized(bytes.len()).create_new(true).open(&free).unwrap();
    memory.write_at(0, bytes).unwrap();
    let existing = options().open_existing(&free);
    assert_eq!(content(&memory), bytes, "looking changes nothing");
    match existing {
        Ok(value) => touch(&value),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Malformed, "{bytes:?}"),
    }
    let bytes = &content(&memory)[..];
    match options().open(&free, |fresh| assert!(is_zero(fresh), "an initializer gets zeros")) {
        Ok(value) => touch(&value),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Malformed, "{bytes:?}");
            assert_eq!(content(&memory), bytes, "what is refused is not touched");
        }
    }
    // Nobody holds the lock any more.
    flock(&memory, FlockOperation::NonBlockingLockExclusive).unwrap();
}

fn is_zero(value: &Value) -> bool {
    value.first.load(Relaxed) == 0 && value.rest.iter().all(|word| word.load(Relaxed) == 0)
}

fn touch(value: &Value) {
    value.first.fetch_add(1, Relaxed);
    value.rest.iter().for_each(|word| word.store(1, Relaxed));
}

fn random_objects_are_refused_or_whole() {
    let mut random = Random::new();
    for round in 0..1500 {
        let length = if round % 2 == 0 { TOTAL } else { random.below(3 * TOTAL) };
        let mut bytes = random.bytes(length);
        // Half of them get further than the magic number.
        if round % 4 == 0 {
            bytes[..8].copy_from_slice(b"rawipc/S");
            bytes[12..16].copy_from_slice(&(random.below(3) as u32).to_ne_bytes());
        }
        assert_survived(&bytes);
    }
}

fn mutated_headers_are_refused_or_whole() {
    let (mut random, good) = (Random::new(), good());
    for _ in 0..1500 {
        let mut bytes = good.clone();
        for _ in 0..=random.below(3) {
            let at = 4 * random.below(16);
            match random.below(4) {
                0 => bytes[at + random.below(4)] ^= 1 << random.below(8),
                1 => bytes[at..at + 4].fill(0),
                2 => bytes[at..at + 4].fill(0xff),
                _ => bytes[at..at + 4].copy_from_slice(&(random.below(300) as u32).to_ne_bytes()),
            }
        }
        if random.below(8) == 0 {
            bytes.resize(random.below(2 * TOTAL), 0);
        }
        assert_survived(&bytes);
    }
}

fn every_bit_of_the_header_matters_or_not_and_nothing_else_happens() {
    let good = good();
    for bit in 0..8 * 64 {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_survived(&bytes);
        let free = FreeName::new();
        let memory = sized(TOTAL).create_new(true).open(&free).unwrap();
        memory.write_at(0, &bytes).unwrap();
        // What lies behind the version is not looked at.
        assert_eq!(options().open_existing(&free).is_ok(), bit >= 8 * 28, "bit {bit}");
    }
}

/// A peer that scribbles into the header, holds the lock and lets it go, while others open.
fn a_header_that_changes_meanwhile_is_survived() {
    let (free, good, start) = (FreeName::new(), good(), Instant::now());
    let memory = sized(TOTAL).create_new(true).open(&free).unwrap();
    memory.write_at(0, &good).unwrap();
    std::thread::scope(|scope| {
        let scribbler = scope.spawn(|| {
            let mut random = Random::new();
            let hostile = SharedMemory::options().write(true).open(&free).unwrap();
            let mapping = hostile.map().unwrap();
            for _ in 0..2000 {
                let word = mapping.get::<AtomicU32>(4 * random.below(16)).unwrap();
                let before = word.swap(random.below(3) as u32, Relaxed);
                if random.below(4) == 0 {
                    flock(&hostile, FlockOperation::NonBlockingLockExclusive).ok();
                }
                word.store(before, Relaxed);
                flock(&hostile, FlockOperation::Unlock).unwrap();
            }
        });
        while !scribbler.is_finished() {
            let patience = Duration::from_millis(1);
            match options().patience(patience).open(&free, |fresh| fresh.first.store(99, Relaxed)) {
                Ok(value) => touch(&value),
                Err(error) => assert!([ErrorKind::Malformed, ErrorKind::TimedOut].contains(&error.kind()), "{error}"),
            }
        }
    });
    assert!(start.elapsed() < PATIENCE);
    assert_eq!(memory.size().unwrap(), TOTAL as u64);
}
