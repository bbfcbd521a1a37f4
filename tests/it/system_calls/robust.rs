//! Robust mutexes.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use rawipc::{Deadline, RobustMutex, SharedMemory};

use super::{Play, play};

const LATE: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_millis(5);

fn memory() -> SharedMemory {
    SharedMemory::anonymous(4096).create().unwrap()
}

/// One that this process has used before.
fn mutex() -> RobustMutex {
    RobustMutex::in_memory(&memory(), 0).unwrap()
}

/// One that another handle has.
fn held() -> (RobustMutex, RobustMutex) {
    let memory = memory();
    let [mutex, other] = [0; 2].map(|offset| RobustMutex::in_memory(&memory, offset).unwrap());
    std::mem::forget(other.lock().unwrap());
    (mutex, other)
}

/// One whose owner is dead: nobody holds the byte of its slot.
fn left() -> RobustMutex {
    let memory = memory();
    let mutex = RobustMutex::in_memory(&memory, 0).unwrap();
    let mapping = memory.map().unwrap();
    let words: &[AtomicU32; 144] = mapping.get(0).unwrap();
    words[1].store(1 << 8 | 78, Relaxed);
    words[16 + 77].store(1, Relaxed);
    mutex
}

pub fn plays() -> Vec<Play> {
    vec![
        play("`RobustMutex::in_memory`", memory, |memory| RobustMutex::in_memory(memory, 0).unwrap()),
        play("`RobustMutex` dropped", || Some(mutex()), |mutex| mutex.take().map(drop)),
        play("`RobustMutex::lock`", mutex, |mutex| drop(mutex.lock().unwrap())),
        play("`RobustMutex::try_lock`", mutex, |mutex| drop(mutex.try_lock().unwrap())),
        play("`RobustMutex::lock_timeout`", mutex, |mutex| drop(mutex.lock_timeout(LATE).unwrap())),
        play("`RobustMutex::lock_deadline`", mutex, |mutex| {
            drop(mutex.lock_deadline(Deadline::after(LATE)).unwrap());
        }),
        play("`RobustMutex::is_locked`", mutex, |mutex| mutex.is_locked()),
        play("`InconsistentGuard::mark_consistent`", mutex, |mutex| drop(mutex.lock().unwrap().mark_consistent())),
        play("`RobustMutex::try_lock`, held", held, |(mutex, _)| mutex.try_lock().unwrap_err()),
        play("`RobustMutex::lock_timeout`, held until the end", held, |(mutex, _)| {
            mutex.lock_timeout(SOON).unwrap_err()
        }),
        play("`RobustMutex::try_lock`, its owner dead", left, |mutex| std::mem::forget(mutex.try_lock().unwrap())),
        play("`RobustMutex::lock`, its owner dead", left, |mutex| std::mem::forget(mutex.lock().unwrap())),
    ]
}
