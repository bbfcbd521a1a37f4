//! One value in one object: who initializes it, what is refused, what happens to who fails.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use rawipc::error::Operation;
use rawipc::shm::SharedOptions;
use rawipc::{Errno, ErrorKind, Shared, SharedMemory, shareable};
use rustix::fs::{FlockOperation, flock};

use crate::harness::queues::{assert_bounds, assert_error};
use crate::harness::waiting::PATIENCE;
use crate::shm::support::{FreeName, Snapshot, content, sized};

crate::tests!(
    the_first_user_initializes_and_all_find_the_value,
    fresh_memory_is_zero_and_the_format_is_as_written_down,
    an_alignment_beyond_the_header_moves_the_value,
    options_are_those_of_the_object,
    what_is_not_there_is_not_found,
    another_type_is_refused,
    another_version_is_refused,
    what_is_no_value_is_refused_and_stays,
    what_a_dead_initializer_leaves_is_taken_over,
    who_waits_longer_than_the_patience_times_out,
    a_waiter_finds_the_value_when_it_is_whole,
    a_panic_leaves_the_work_to_the_next,
    only_the_creator_removes_the_name,
    threads_initialize_once,
);

shareable! {
    pub struct Pair {
        pub number: AtomicU64,
        pub square: AtomicU64,
    }
}

impl Pair {
    fn set(&self, number: u64) {
        self.number.store(number, Relaxed);
        self.square.store(number * number, Relaxed);
    }

    fn get(&self) -> (u64, u64) {
        (self.number.load(Relaxed), self.square.load(Relaxed))
    }
}

fn options() -> SharedOptions<Pair> {
    Shared::<Pair>::options().unlink_on_drop(true).patience(PATIENCE)
}

/// Where the state lies, and the value.
const STATE: u64 = 12;
const VALUE: u64 = 64;
const TOTAL: usize = 80;

fn the_first_user_initializes_and_all_find_the_value() {
    let free = FreeName::new();
    let first = options().open(&free, |fresh| fresh.set(7)).unwrap();
    let others: Vec<_> = (0..3).map(|_| options().open(&free, |_| panic!("it is there")).unwrap()).collect();
    let existing = options().open_existing(&free).unwrap();
    for value in others.iter().chain([&existing]) {
        assert_eq!((value.get(), value.name()), ((7, 49), Some(&*free)));
    }
    existing.set(9);
    assert_eq!(first.get(), (9, 81));
    assert!(format!("{first:?}").contains(&free.as_str()[1..]));
}

fn fresh_memory_is_zero_and_the_format_is_as_written_down() {
    let free = FreeName::new();
    let value = options().version(0x1234).open(&free, |fresh| {
        assert_eq!(fresh.get(), (0, 0));
        fresh.set(3);
    });
    let bytes = content(&SharedMemory::options().read(true).open(&free).unwrap());
    let words: Vec<u32> =
        bytes.chunks(4).map(|word| u32::from_ne_bytes(word.try_into().expect("four bytes"))).collect();
    assert_eq!(&bytes[..8], b"rawipc/S");
    let (size, alignment) = (size_of::<Pair>() as u32, align_of::<Pair>() as u32);
    assert_eq!(words[2..7], [1, 1, size, alignment, 0x1234]);
    assert_eq!(words[7..16], [0; 9]);
    assert_eq!((bytes.len(), &bytes[64..72]), (TOTAL, &3_u64.to_ne_bytes()[..]));
    assert_eq!(value.unwrap().get(), (3, 9));
}

fn an_alignment_beyond_the_header_moves_the_value() {
    #[repr(C, align(256))]
    struct Wide(AtomicU32);
    // SAFETY: an atomic integer, and padding that nobody looks at.
    unsafe impl rawipc::Shareable for Wide {}

    let free = FreeName::new();
    let value = Shared::<Wide>::options().open(&free, |fresh| fresh.0.store(1, Relaxed)).unwrap();
    assert_eq!((&raw const *value).addr() % 256, 0);
    let memory = SharedMemory::options().read(true).open(&free).unwrap();
    assert_eq!(memory.size().unwrap(), 512);
    assert_eq!(content(&memory)[256..260], 1_u32.to_ne_bytes());
}

fn options_are_those_of_the_object() {
    let free = FreeName::new();
    let value = options().exact_mode(0o644).open(&free, |_| ()).unwrap();
    assert_eq!(SharedMemory::options().read(true).open(&free).unwrap().mode().unwrap(), 0o644);
    drop(value);
    assert!(!free.is_taken());
    let error = options().mode(0o7777).open(&free, |_| ()).unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::InvalidInput, Operation::CreateMemory));
    assert!(!free.is_taken());
}

fn what_is_not_there_is_not_found() {
    let free = FreeName::new();
    let error = options().open_existing(&free).unwrap_err();
    assert_error(error, ErrorKind::NotFound, Errno::NOENT, Operation::OpenMemory, "no object has this name");
    assert!(!free.is_taken());
}

/// Neither way of opening takes what is there, and both leave it as it is.
#[track_caller]
fn assert_malformed<T: rawipc::Shareable>(options: SharedOptions<T>, name: &FreeName, part: &str) {
    let before = Snapshot::of(name);
    let error = options.open(name, |_| panic!("it is not ours to initialize")).unwrap_err();
    assert_error(error, ErrorKind::Malformed, Errno::INVAL, Operation::OpenShared, part);
    let error = options.open_existing(name).unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Malformed, Operation::OpenShared), "{error}");
    assert_eq!(Snapshot::of(name), before);
}

fn another_type_is_refused() {
    let free = FreeName::new();
    let value = options().open(&free, |fresh| fresh.set(5)).unwrap();
    let part = "opening the shared value: the object has 80 bytes, but the value needs ";
    assert_malformed(Shared::<AtomicU64>::options(), &free, part);
    assert_malformed(Shared::<[AtomicU8; 17]>::options(), &free, part);
    assert_bounds(Shared::<AtomicU64>::options().open_existing(&free).unwrap_err(), 72, 80);
    // As long, but aligned otherwise.
    let part = "the value there has another size or alignment than the type";
    assert_malformed(Shared::<[AtomicU8; 16]>::options(), &free, part);
    assert_malformed(Shared::<[AtomicU16; 8]>::options(), &free, part);
    assert_eq!(value.get(), (5, 25));
}

fn another_version_is_refused() {
    let free = FreeName::new();
    let value = options().version(3).open(&free, |fresh| fresh.set(5)).unwrap();
    for version in [0, 2, 4, u32::MAX] {
        assert_malformed(options().version(version), &free, "the value there is of another version (EINVAL)");
    }
    assert_eq!(options().version(3).open_existing(&free).unwrap().get(), value.get());
}

fn what_is_no_value_is_refused_and_stays() {
    let no_header = "opening the shared value: the object of this name is not a shared value (EINVAL)";
    let filled = |at: usize, bytes: &[u8]| {
        let mut content = vec![0; TOTAL];
        content[at..at + bytes.len()].copy_from_slice(bytes);
        content
    };
    for (bytes, part) in [
        (vec![1; 7], "the object has 7 bytes, but the value needs 80"),
        (vec![0; TOTAL + 1], "the object has 81 bytes"),
        (vec![0xff; TOTAL], no_header),
        // Somebody's numbers, the first of which is 0; the last byte alone; a state that nobody writes.
        (filled(8, &[1, 2, 3]), no_header),
        (filled(TOTAL - 1, &[1]), no_header),
        (filled(0, b"rawipc/S\x01\0\0\0\x02\0\0\0"), no_header),
        (filled(0, b"rawipc/S\x02\0\0\0"), no_header),
        (filled(0, b"rawipc/T"), no_header),
        (filled(0, b"rawipc\0\0\x01"), no_header),
        // Ready, but nothing else.
        (filled(STATE as usize, &1_u32.to_ne_bytes()), no_header),
    ] {
        let free = FreeName::new();
        let memory = sized(bytes.len()).create_new(true).open(&free).unwrap();
        memory.write_at(0, &bytes).unwrap();
        assert_malformed(options(), &free, part);
        assert_eq!(content(&memory), bytes);
    }
}

/// Whatever an initializer has done before it was killed, the next one begins anew and sees zeros.
fn what_a_dead_initializer_leaves_is_taken_over() {
    let free = FreeName::new();
    let whole = options().version(1).open(&free, |fresh| fresh.set(6)).unwrap();
    let mut left = content(&SharedMemory::options().read(true).open(&free).unwrap());
    drop(whole);
    left[STATE as usize..][..4].fill(0);
    let mut all: Vec<Vec<u8>> = vec![vec![], vec![0; TOTAL], left.clone()];
    // Killed within the magic number, after it, and after each further number.
    for length in [1, 5, 7, 8, 12, 20, 24, 28, 64, 70] {
        let mut begun = left.clone();
        begun[length..].fill(0);
        all.push(begun);
    }
    for bytes in all {
        let memory = sized(bytes.len()).create_new(true).open(&free).unwrap();
        memory.write_at(0, &bytes).unwrap();
        let error = options().version(1).open_existing(&free).unwrap_err();
        let part = "the value there has not been initialized (EINVAL)";
        assert_error(error, ErrorKind::Malformed, Errno::INVAL, Operation::OpenShared, part);
        let value = options().version(1).open(&free, |fresh| {
            assert_eq!(fresh.get(), (0, 0), "nothing of what the dead one did is left");
            fresh.set(8);
        });
        assert_eq!(value.unwrap().get(), (8, 64));
        assert_eq!(options().version(1).open_existing(&free).unwrap().get(), (8, 64));
    }
}

fn who_waits_longer_than_the_patience_times_out() {
    let free = FreeName::new();
    for size in [0, TOTAL] {
        let memory = sized(size).create_new(true).open(&free).unwrap();
        let holder = SharedMemory::options().write(true).open(&free).unwrap();
        flock(&holder, FlockOperation::LockExclusive).unwrap();
        for patience in [Duration::ZERO, Duration::from_millis(30)] {
            let start = Instant::now();
            let error = options().patience(patience).open(&free, |_| panic!("another one has the lock")).unwrap_err();
            let part = "opening the shared value: timed out (ETIMEDOUT)";
            assert_error(error, ErrorKind::TimedOut, Errno::TIMEDOUT, Operation::OpenShared, part);
            assert!((patience..patience + PATIENCE).contains(&start.elapsed()));
        }
        assert_eq!(content(&memory), vec![0; size], "nothing has changed");
        // Not by closing: a child that another test has just forked may have the descriptor still.
        flock(&holder, FlockOperation::Unlock).unwrap();
        assert_eq!(options().patience(Duration::ZERO).open(&free, |fresh| fresh.set(2)).unwrap().get(), (2, 4));
    }
}

fn a_waiter_finds_the_value_when_it_is_whole() {
    let (free, inside) = (FreeName::new(), AtomicBool::new(false));
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            while !inside.load(Relaxed) {
                thread::yield_now();
            }
            options().open(&free, |_| panic!("another one is at it")).unwrap().get()
        });
        let value = options().open(&free, |fresh| {
            fresh.number.store(11, Relaxed);
            inside.store(true, Relaxed);
            // The waiter opens it now; it must not come back before all is done.
            for _ in 0..1000 {
                assert!(!waiter.is_finished());
                thread::yield_now();
            }
            fresh.set(11);
        });
        // Not before it is found: dropping it removes the name.
        assert_eq!(waiter.join().unwrap(), (11, 121));
        drop(value.unwrap());
    });
}

fn a_panic_leaves_the_work_to_the_next() {
    for unlink in [false, true] {
        let free = FreeName::new();
        let broken = catch_unwind(AssertUnwindSafe(|| {
            let options = options().unlink_on_drop(unlink);
            options.open(&free, |fresh| {
                fresh.set(1);
                std::panic::resume_unwind(Box::new("the initializer gives up"));
            })
        }));
        assert_eq!(*broken.unwrap_err().downcast::<&str>().unwrap(), "the initializer gives up");
        assert_eq!(free.is_taken(), !unlink);
        let value = options().open(&free, |fresh| {
            assert_eq!(fresh.get(), (0, 0));
            fresh.set(4);
        });
        assert_eq!(value.unwrap().get(), (4, 16));
    }
}

fn only_the_creator_removes_the_name() {
    let free = FreeName::new();
    let first = options().open(&free, |fresh| fresh.set(5)).unwrap();
    drop(options().open(&free, |_| ()).unwrap());
    drop(options().open_existing(&free).unwrap());
    assert!(free.is_taken());
    let kept = options().open_existing(&free).unwrap();
    drop(first);
    assert!(!free.is_taken());
    assert_eq!(kept.get(), (5, 25), "who has it goes on using it");
    drop(options().unlink_on_drop(false).open(&free, |fresh| fresh.set(6)).unwrap());
    assert_eq!(options().open_existing(&free).unwrap().get(), (6, 36));
    assert!(free.is_taken());
}

fn threads_initialize_once() {
    for _ in 0..50 {
        let (free, count) = (FreeName::new(), AtomicU32::new(0));
        thread::scope(|scope| {
            let open = || {
                let value = Shared::<Pair>::options().patience(PATIENCE).open(&free, |fresh| {
                    count.fetch_add(1, Relaxed);
                    fresh.set(13);
                });
                assert_eq!(value.unwrap().get(), (13, 169));
            };
            (0..4).for_each(|_| _ = scope.spawn(open));
        });
        assert_eq!(count.load(Relaxed), 1);
    }
    assert_eq!(VALUE as usize + size_of::<Pair>(), TOTAL);
}
