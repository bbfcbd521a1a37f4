//! Mutexes in shared memory that survive their holders.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rawipc::{ErrorKind, Mapping, RobustMutex, Semaphore, SharedMemory};

use super::support::{LONG, SHORT, kind, timed};
use crate::harness::{Peer, tests, wait_until};

tests![
    exclude_other_processes,
    are_refused_where_something_else_lies,
    end_waits_with_their_time,
    tell_that_their_holder_was_killed,
    are_lost_if_nobody_puts_things_right,
];

/// Memory with a mutex, a counter, and semaphores at the end.
pub(super) fn memory() -> (SharedMemory, Mapping) {
    let memory = SharedMemory::anonymous(4096).create().unwrap();
    let mapping = memory.map().unwrap();
    (memory, mapping)
}

/// Where there are no mutexes, the test ends here, and no process waits for one that has failed.
fn need_mutexes(memory: &SharedMemory) {
    drop(RobustMutex::in_memory(memory, PLACE).unwrap());
}

/// Where the mutex lies: not at the start, so that the kernel's locks are on bytes of another place.
pub(super) const PLACE: usize = 1024;

fn exclude_other_processes() {
    const TURNS: u64 = 200;
    let (memory, mapping) = memory();
    let counter: &AtomicU64 = mapping.get(0).unwrap();
    let peers = [(); 3].map(|()| {
        Peer::start(|| {
            let mutex = RobustMutex::in_memory(&memory, PLACE).unwrap();
            for _ in 0..TURNS {
                let guard = mutex.lock_timeout(LONG).unwrap();
                assert!(!guard.owner_died());
                // Not one operation: only right with the lock.
                let count = counter.load(Relaxed);
                core::hint::spin_loop();
                counter.store(count + 1, Relaxed);
            }
        })
    });
    peers.into_iter().for_each(Peer::join);
    assert_eq!(counter.load(Relaxed), 3 * TURNS);
    assert!(!RobustMutex::in_memory(&memory, PLACE).unwrap().is_locked());
}

fn are_refused_where_something_else_lies() {
    let (memory, mapping) = memory();
    mapping.write_at(PLACE, b"else").unwrap();
    assert_eq!(kind(RobustMutex::in_memory(&memory, PLACE)), ErrorKind::Malformed);
    assert_eq!(kind(RobustMutex::in_memory(&memory, 1)), ErrorKind::InvalidInput);
    assert_eq!(kind(RobustMutex::in_memory(&memory, 4000)), ErrorKind::InvalidInput);
}

fn end_waits_with_their_time() {
    let (memory, mapping) = memory();
    need_mutexes(&memory);
    let [locked, done]: [&Semaphore; 2] = [64, 128].map(|at| mapping.get(at).unwrap());
    let peer = Peer::start(|| {
        let mutex = RobustMutex::in_memory(&memory, PLACE).unwrap();
        let _guard = mutex.lock().unwrap();
        locked.post().unwrap();
        done.wait_timeout(LONG).unwrap();
    });
    locked.wait_timeout(LONG).unwrap();
    let mutex = RobustMutex::in_memory(&memory, PLACE).unwrap();
    assert_eq!(kind(mutex.try_lock()), ErrorKind::WouldBlock);
    let (result, time) = timed(|| kind(mutex.lock_timeout(SHORT)));
    assert!(result == ErrorKind::TimedOut && (SHORT..LONG).contains(&time), "{result:?} after {time:?}");
    done.post().unwrap();
    peer.join();
    assert!(!mutex.try_lock().unwrap().owner_died(), "it was unlocked");
}

/// A peer that has the lock until it is killed.
pub(super) fn holder(memory: &SharedMemory, mapping: &Mapping) -> Peer {
    need_mutexes(memory);
    let [locked, never]: [&Semaphore; 2] = [64, 128].map(|at| mapping.get(at).unwrap());
    let peer = Peer::start(|| {
        let mutex = RobustMutex::in_memory(memory, PLACE).unwrap();
        let _guard = mutex.lock().unwrap();
        locked.post().unwrap();
        // Nobody posts: it is killed here.
        assert!(never.wait().is_err());
    });
    locked.wait_timeout(LONG).unwrap();
    peer
}

/// Kills a peer that has the lock, while another one waits for it.
fn kill_holder(memory: &SharedMemory, mapping: &Mapping) {
    let peer = holder(memory, mapping);
    let waiter = Peer::start_waiting(|| {
        let mutex = RobustMutex::in_memory(memory, PLACE).unwrap();
        let guard = mutex.lock().unwrap();
        assert!(guard.owner_died());
        drop(guard.mark_consistent());
    });
    peer.kill();
    waiter.join();
}

fn tell_that_their_holder_was_killed() {
    let (memory, mapping) = memory();
    kill_holder(&memory, &mapping);
    let mutex = RobustMutex::in_memory(&memory, PLACE).unwrap();
    assert!(!mutex.try_lock().unwrap().owner_died(), "it was put right");
}

fn are_lost_if_nobody_puts_things_right() {
    let (memory, _mapping) = memory();
    let mutex = RobustMutex::in_memory(&memory, PLACE).unwrap();
    Peer::start(|| {
        let guard = RobustMutex::in_memory(&memory, PLACE).unwrap();
        core::mem::forget(guard.lock().unwrap());
    })
    .join();
    wait_until("the lock is had", || match mutex.try_lock() {
        Ok(guard) => guard.owner_died(),
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    });
    assert_eq!(kind(mutex.lock()), ErrorKind::NotRecoverable);
}
