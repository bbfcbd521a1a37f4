//! Locks of others on the bytes that participants lock, descriptors that stand for another file, and how slots are
//! chosen.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use rawipc::error::{Limit, Operation};
use rawipc::fd::AsFd;
use rawipc::{Errno, ErrorKind, MessageQueue, Priority, RobustMutex, SharedMemory};

use crate::harness::exists;
use crate::harness::kernel::in_child;
use crate::harness::queues::{FreeName, assert_error};
use crate::shared_queue::support::small;
use crate::shm::support::{content, file_of, memory, name_of};
use crate::sync::support::{Arena, BOUND, holder};

crate::tests!(
    robust_mutex_notices_death_behind_read_locks,
    robust_mutex_notices_death_behind_foreign_locks,
    robust_mutex_counts_an_exact_ofd_lock_as_alive,
    robust_mutex_names_a_read_lock_in_its_way,
    shared_queue_names_a_read_lock_in_its_way,
    robust_mutex_slots_wear_evenly,
    ;
    alone:
    robust_mutex_names_a_whole_file_lock_in_its_way,
    robust_mutex_child_names_a_lock_in_its_way,
    robust_mutex_takes_no_other_file_for_a_death,
    robust_mutex_child_refuses_another_file,
    shared_queue_takes_no_other_file_for_a_death,
    message_queue_keeps_its_name_beside_another_file,
);

/// Where the lock bytes of a mutex at the start of an object begin, and of a queue.
const LOCKS: i64 = 1 << 62;

#[cfg(target_pointer_width = "64")]
use libc::{fcntl as control, flock as FileLock};
#[cfg(target_pointer_width = "32")]
use libc::{fcntl64 as control, flock64 as FileLock};

/// Places a lock; whether that was possible.
fn lock(file: &File, command: libc::c_int, kind: libc::c_int, start: i64, length: i64) -> bool {
    // SAFETY: zeros are such a structure.
    let mut lock: FileLock = unsafe { std::mem::zeroed() };
    (lock.l_type, lock.l_start, lock.l_len) = (kind as _, start as _, length as _);
    // SAFETY: the lock is whole, and only read.
    unsafe { control(file.as_raw_fd(), command, &raw const lock) == 0 }
}

fn open(memory: &SharedMemory, write: bool) -> File {
    File::options().read(true).write(write).open(file_of(name_of(memory))).unwrap()
}

/// The slot of the mutex's owner.
fn owners_slot(arena: &Arena) -> i64 {
    let owner = arena.mapping.get::<AtomicU32>(4).unwrap().load(Relaxed);
    i64::from(owner & 0xff) - 1
}

/// A mutex whose owner has been killed, and its slot.
fn left_by_the_dead() -> (Arena, i64) {
    let arena = Arena::new();
    let peer = holder(&arena, "return");
    let slot = owners_slot(&arena);
    drop(peer.kill_now());
    (arena, slot)
}

/// Who may only read the object cannot make a dead owner seem alive.
fn robust_mutex_notices_death_behind_read_locks() {
    for (start, length) in [(0, 1), (0, 0), (-1, 2)] {
        let (arena, slot) = left_by_the_dead();
        // Those who take part hold bytes of their own.
        let first = if start < 0 && slot == 1 { 0 } else { start };
        let reader = open(&arena.memory, false);
        assert!(lock(&reader, libc::F_OFD_SETLK, libc::F_RDLCK, LOCKS + slot + first, length - (first - start)));
        let guard = arena.mutex.lock_timeout(BOUND).unwrap();
        assert!(guard.owner_died());
    }
}

/// Nor do locks that no participant makes: of a process, or of more than one byte.
fn robust_mutex_notices_death_behind_foreign_locks() {
    for (command, length) in
        [(libc::F_OFD_SETLK, 0), (libc::F_OFD_SETLK, 2), (libc::F_SETLK, 0), (libc::F_SETLK, 1), (libc::F_SETLK, 7)]
    {
        let (arena, slot) = left_by_the_dead();
        let foreign = open(&arena.memory, true);
        assert!(lock(&foreign, command, libc::F_WRLCK, LOCKS + slot, length));
        let guard = arena.mutex.lock_timeout(BOUND).unwrap();
        assert!(guard.owner_died(), "{command} {length}");
    }
}

/// Who may write can: as it can write the mutex itself.
fn robust_mutex_counts_an_exact_ofd_lock_as_alive() {
    let (arena, slot) = left_by_the_dead();
    let foreign = open(&arena.memory, true);
    assert!(lock(&foreign, libc::F_OFD_SETLK, libc::F_WRLCK, LOCKS + slot, 1));
    let late = arena.mutex.lock_timeout(Duration::from_millis(60)).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::TimedOut);
    drop(foreign);
    assert!(arena.mutex.lock_timeout(BOUND).unwrap().owner_died());
}

const IN_THE_WAY: &str = "holds a lock on the bytes that participants lock: a read lock, or one on the whole file \
                          (lockf, fcntl); release it (EBUSY)";

#[track_caller]
fn assert_in_the_way(error: rawipc::Error, operation: Operation, holder: &str) {
    let part = format!("{holder} {IN_THE_WAY}");
    assert_error(error, ErrorKind::Busy, Errno::BUSY, operation, &part);
}

/// The handles that are open already go on.
fn robust_mutex_names_a_read_lock_in_its_way() {
    let arena = Arena::new();
    let other = arena.another();
    let reader = open(&arena.memory, false);
    assert!(lock(&reader, libc::F_OFD_SETLK, libc::F_RDLCK, LOCKS + 2, 126));
    let before = content(&arena.memory);
    let error = RobustMutex::in_memory(&arena.memory, 0).unwrap_err();
    assert_in_the_way(error, Operation::OpenMutex, "another process");
    assert_eq!(content(&arena.memory), before);
    let guard = other.lock().unwrap();
    assert_eq!(arena.mutex.try_lock().unwrap_err().kind(), ErrorKind::WouldBlock);
    drop(guard);
    // One byte that nobody holds is enough.
    assert!(lock(&reader, libc::F_OFD_SETLK, libc::F_UNLCK, LOCKS + 77, 1));
    let last = arena.another();
    assert_in_the_way(RobustMutex::in_memory(&arena.memory, 0).unwrap_err(), Operation::OpenMutex, "another process");
    drop((reader, last));
    drop(arena.another());
}

fn shared_queue_names_a_read_lock_in_its_way() {
    let queue = small().create_unique(rawipc::name!("/rawipc-test-")).unwrap();
    let reader = File::open(crate::shared_queue::support::file_of(queue.name().unwrap())).unwrap();
    assert!(lock(&reader, libc::F_OFD_SETLK, libc::F_RDLCK, LOCKS + 1, 127));
    let error = small().open(queue.name().unwrap()).unwrap_err();
    assert_in_the_way(error, Operation::OpenQueue, "another process");
    assert_in_the_way(queue.try_clone().unwrap_err(), Operation::CloneQueue, "another process");
    queue.try_send(b"all the same", Priority::MIN).unwrap();
    drop(reader);
    assert_eq!(queue.try_clone().unwrap().try_receive(&mut [0; 64]).unwrap().payload(), b"all the same");
}

/// Of a process, by `lockf`; the error names it.
fn robust_mutex_names_a_whole_file_lock_in_its_way() {
    let memory = memory(4096);
    let foreign = open(&memory, true);
    // SAFETY: takes numbers only.
    assert_eq!(unsafe { libc::lockf(foreign.as_raw_fd(), libc::F_LOCK, 0) }, 0);
    let error = RobustMutex::in_memory(&memory, 0).unwrap_err();
    assert_in_the_way(error, Operation::OpenMutex, &format!("process {}", std::process::id()));
    drop(foreign);
    let mutex = RobustMutex::in_memory(&memory, 0).unwrap();
    // And the other way round: as long as one takes part, nobody locks the whole file.
    let foreign = open(&memory, true);
    // SAFETY: takes numbers only.
    assert_eq!(unsafe { libc::lockf(foreign.as_raw_fd(), libc::F_TLOCK, 0) }, -1);
    drop(mutex);
}

fn robust_mutex_child_names_a_lock_in_its_way() {
    let arena = Arena::new();
    let reader = open(&arena.memory, false);
    assert!(lock(&reader, libc::F_OFD_SETLK, libc::F_RDLCK, LOCKS + 1, 127));
    in_child(|| {
        assert_in_the_way(arena.mutex.lock().unwrap_err(), Operation::Lock, "another process");
        assert!(!arena.mutex.is_locked());
        drop(reader);
    });
}

/// Makes each descriptor of this process that is open for an object stand for another file.
fn replace_descriptors(object: impl AsFd) {
    let identity = |number: i32| {
        fs::metadata(format!("/proc/self/fd/{number}")).map(|status| {
            use std::os::unix::fs::MetadataExt;
            (status.dev(), status.ino())
        })
    };
    let wanted = identity(object.as_fd().as_raw_fd()).unwrap();
    let numbers = fs::read_dir("/proc/self/fd").unwrap();
    let numbers: Vec<i32> =
        numbers.filter_map(|entry| entry.unwrap().file_name().into_string().unwrap().parse().ok()).collect();
    let other = SharedMemory::anonymous(4096).create().unwrap();
    let mut replaced = 0;
    for number in numbers {
        if identity(number).is_ok_and(|identity| identity == wanted) {
            // SAFETY: the number stays open, for another file, which its owner closes.
            assert_eq!(unsafe { libc::dup3(other.as_raw_fd(), number, libc::O_CLOEXEC) }, number);
            replaced += 1;
        }
    }
    assert!(replaced > 0);
}

const OTHER_FILE: &str = "the object's descriptor was closed, or its number stands for another file now";

fn robust_mutex_takes_no_other_file_for_a_death() {
    let arena = Arena::new();
    let other = arena.another();
    let guard = other.lock().unwrap();
    replace_descriptors(&arena.memory);
    let ways: [fn(&RobustMutex) -> rawipc::Result<()>; 3] = [
        |mutex| mutex.try_lock().map(drop),
        |mutex| mutex.lock_timeout(BOUND).map(drop),
        |mutex| mutex.lock().map(drop),
    ];
    for lock in ways {
        let error = lock(&arena.mutex).unwrap_err();
        assert_error(error, ErrorKind::BadDescriptor, Errno::BADF, Operation::Lock, OTHER_FILE);
    }
    drop(guard);
    // What concludes no death goes on.
    assert!(!arena.mutex.lock().unwrap().owner_died());
}

/// It would lock a byte of the other file, and count as dead.
fn robust_mutex_child_refuses_another_file() {
    let arena = Arena::new();
    in_child(|| {
        replace_descriptors(&arena.memory);
        let error = arena.mutex.lock().unwrap_err();
        assert_error(error, ErrorKind::BadDescriptor, Errno::BADF, Operation::Lock, OTHER_FILE);
    });
    let slots = &content(&arena.memory)[64..RobustMutex::SIZE];
    assert_eq!(slots.iter().map(|byte| u32::from(*byte)).sum::<u32>(), 1, "the parent's alone");
}

fn shared_queue_takes_no_other_file_for_a_death() {
    let queue = small().create_unique(rawipc::name!("/rawipc-test-")).unwrap();
    let other = queue.try_clone().unwrap();
    queue.send(b"in hand", Priority::MIN).unwrap();
    let message = other.receive_in_place().unwrap();
    replace_descriptors(&queue);
    let error = queue.receive_timeout(&mut [0; 64], Duration::from_millis(100)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    message.put_back().unwrap();
    assert_eq!(queue.try_receive(&mut [0; 64]).unwrap().payload(), b"in hand");
}

fn message_queue_keeps_its_name_beside_another_file() {
    let free = FreeName::new();
    let queue = crate::harness::small().create_new(true).open(&free).unwrap();
    replace_descriptors(&queue);
    let error = queue.close().unwrap_err();
    assert_error(error, ErrorKind::BadDescriptor, Errno::BADF, Operation::UnlinkQueue, OTHER_FILE);
    assert!(exists(&free));
    MessageQueue::unlink(&free).unwrap();
}

/// So that a generation comes again as late as can be.
fn robust_mutex_slots_wear_evenly() {
    let memory = memory(4096);
    let mapping = memory.map().unwrap();
    let generations: &[AtomicU32; 128] = mapping.get(64).unwrap();
    RobustMutex::in_memory(&memory, 0).map(drop).unwrap();
    // Also across the end of numbers.
    for start in [0, u32::MAX - 3] {
        generations.iter().for_each(|generation| generation.store(start, Relaxed));
        for round in 1..=4 {
            (0..128).for_each(|_| drop(RobustMutex::in_memory(&memory, 0).unwrap()));
            let even = start.wrapping_add(2 * round);
            assert!(generations.iter().all(|generation| generation.load(Relaxed) == even), "{generations:?}");
        }
    }
    // All of them can be had at a time.
    let all: Vec<_> = (0..128).map(|_| RobustMutex::in_memory(&memory, 0).unwrap()).collect();
    let error = RobustMutex::in_memory(&memory, 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded(Limit::Participants));
    drop(all);
}
