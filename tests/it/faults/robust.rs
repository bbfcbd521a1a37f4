//! The operations of robust mutexes.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use rawipc::error::Operation;
use rawipc::sync::Locked;
use rawipc::{Deadline, Errno, ErrorKind, Mapping, Name, RobustMutex, SharedMemory, WaitTuning, name};

use super::case::Left::{Before, Done};
use super::case::Told::{As, Kind, Nothing, Usually};
use super::case::{ALL, Case, Prepared, Unusual, case, on};
use crate::harness::injector::Call;
use Operation::{CloneMemory, Lock, MapMemory, MemoryStatus, OpenMutex};

pub fn cases() -> Vec<Case> {
    [opening(), waiting(), dead_owners(), unlocking()].concat()
}

const NAME: &Name = name!("/rawipc-test-robust");
const SOON: Duration = Duration::from_millis(10);

/// Where the mutex has its lock and its participants, see `src/sync/mutex.rs`.
const WORD: usize = 4;
const TABLE: usize = 64;
const WAITED_FOR: u32 = 1 << 31;

/// A mutex in memory, another one's handle of it, and what locking it has told.
struct Arena {
    mapping: Mapping,
    memory: SharedMemory,
    other: RobustMutex,
    mutex: Option<RobustMutex>,
    died: Vec<bool>,
}

impl Arena {
    fn new(memory: SharedMemory) -> Self {
        let mapping = memory.map().unwrap();
        let other = RobustMutex::in_memory(&memory, 0).unwrap();
        Self { mapping, memory, other, mutex: None, died: Vec::new() }
    }

    /// With a handle that does not sleep for long.
    fn opened() -> Self {
        let arena = Self::new(memory());
        let mut mutex = RobustMutex::in_memory(&arena.memory, 0).unwrap();
        mutex.set_tuning(WaitTuning { recheck_interval: Some(Duration::from_millis(5)), ..mutex.tuning() });
        Self { mutex: Some(mutex), ..arena }
    }

    /// One that somebody has who lives.
    fn held() -> Self {
        let arena = Self::opened();
        std::mem::forget(arena.other.lock().unwrap());
        arena
    }

    /// One that somebody has whose byte nobody holds any more.
    fn left() -> Self {
        let arena = Self::opened();
        arena.word().store(owner_of_slot(77), Relaxed);
        arena.mapping.get::<AtomicU32>(TABLE + 4 * 77).unwrap().store(1, Relaxed);
        arena
    }

    fn word(&self) -> &AtomicU32 {
        self.mapping.get(WORD).unwrap()
    }

    /// Locks it and leaves it locked.
    fn lock<'a>(&'a mut self, lock: impl FnOnce(&'a RobustMutex) -> rawipc::Result<Locked<'a>>) -> rawipc::Result<()> {
        let guard = lock(self.mutex.as_ref().expect("it is open"))?;
        self.died.push(guard.owner_died());
        std::mem::forget(guard);
        Ok(())
    }
}

/// An owner of a slot's first generation.
pub const fn owner_of_slot(slot: u32) -> u32 {
    1 << 8 | (slot + 1)
}

fn memory() -> SharedMemory {
    SharedMemory::anonymous(4096).create().unwrap()
}

/// How many slots of a table are taken. The locks of those who have them live as long as descriptors and mappings do,
/// which are in each snapshot.
pub fn taken(mapping: &Mapping, table: usize) -> usize {
    let slots: &[AtomicU32; 128] = mapping.get(table).unwrap();
    slots.iter().filter(|generation| generation.load(Relaxed) % 2 == 1).count()
}

/// All but whether somebody may sleep: that bit stays until the next one unlocks.
fn look(arena: &Arena) -> String {
    let word = arena.word().load(Relaxed) & !WAITED_FOR;
    format!("owner {word:x}, {} take part, died: {:?}", taken(&arena.mapping, TABLE), arena.died)
}

/// What begins to take part.
fn on_unopened(arena: Arena) -> Prepared {
    on(arena, look, |arena| {
        arena.mutex = Some(RobustMutex::in_memory(&arena.memory, 0)?);
        Ok(())
    })
}

/// Taking part, after the object has been mapped.
pub const TAKING_PART: &[Unusual] = &[
    // The kernel, or who runs the program, does not know how to wipe a page, or to lock for a description.
    ("mmap 1", &[Errno::INVAL], Kind(ErrorKind::Unsupported), Before),
    ("madvise 0", &[Errno::INVAL], Kind(ErrorKind::Unsupported), Before),
    ("fcntl", &[Errno::INVAL], Kind(ErrorKind::Unsupported), Before),
    // Another one has that slot. (Where the lock is asked for, the errno means nothing; those rows come before.)
    ("fcntl", &[Errno::AGAIN], Nothing, Done),
    // Nobody sleeps who would have to be woken.
    ("futex", ALL, Nothing, Done),
    ("close", ALL, Nothing, Done),
];

/// Without `/proc`: only what is opened by name may be no link.
fn no_proc(call: &Call) -> Option<Errno> {
    let flags = match call.number {
        libc::SYS_openat => call.arguments[2],
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open => call.arguments[1],
        _ => return None,
    };
    (flags & libc::O_NOFOLLOW as u64 == 0).then_some(Errno::NOENT)
}

fn opening() -> Vec<Case> {
    const OBJECT: &[Unusual] = &[
        ("stat 0", ALL, As(MemoryStatus), Before),
        ("mmap 0", ALL, As(MapMemory), Before),
        ("fcntl 0", ALL, As(CloneMemory), Before),
    ];
    let named = || {
        let options = SharedMemory::options().write(true).size(4096).unlink_on_drop(true);
        on_unopened(Arena::new(options.create_new(true).open(NAME).unwrap()))
    };
    vec![
        case("RobustMutex::in_memory", OpenMutex, || on_unopened(Arena::new(memory())))
            .unless(OBJECT)
            .unless(&[("open", &[Errno::NOENT, Errno::NOTDIR], Kind(ErrorKind::Unsupported), Before)])
            .unless(&[("fcntl 2", &[Errno::AGAIN], Usually, Before)])
            .unless(TAKING_PART),
        case("RobustMutex::in_memory, without /proc", OpenMutex, named)
            .where_calls_fail(no_proc)
            .only(&["open", "stat"])
            .unless(OBJECT)
            // What bears the name is another object.
            .unless(&[
                ("open", &[Errno::NOENT, Errno::LOOP, Errno::ISDIR, Errno::NXIO], Kind(ErrorKind::Unsupported), Before),
                ("stat 2", &[Errno::NOENT], Kind(ErrorKind::Unsupported), Before),
            ]),
    ]
}

/// It looks again.
const AGAIN: Unusual = ("futex", &[Errno::AGAIN, Errno::TIMEDOUT], Nothing, Done);

/// A handler runs, and the dead owner is found all the same.
const FOUND: Unusual = ("futex 0", &[Errno::INTR], Nothing, Done);

/// The kernel does not say whether the owner lives, so it counts as alive, and nobody is told of its death.
const UNKNOWN: Unusual = ("fcntl", &[Errno::INVAL], Kind(ErrorKind::Unsupported), Before);

fn waiting() -> Vec<Case> {
    vec![
        case("RobustMutex::lock_timeout, held", Lock, || {
            on(Arena::held(), look, |arena| arena.lock(|mutex| mutex.lock_timeout(SOON)))
        })
        .unless(&[AGAIN, UNKNOWN]),
        case("RobustMutex::lock_deadline, held", Lock, || {
            on(Arena::held(), look, |arena| arena.lock(|mutex| mutex.lock_deadline(Deadline::realtime_after(SOON))))
        })
        .unless(&[AGAIN, UNKNOWN]),
        case("RobustMutex::lock_timeout of zero, held", Lock, || {
            on(Arena::held(), look, |arena| arena.lock(|mutex| mutex.lock_timeout(Duration::ZERO)))
        })
        .unless(&[UNKNOWN, ("fcntl", &[Errno::AGAIN], Kind(ErrorKind::TimedOut), Before)]),
        case("RobustMutex::try_lock, held", Lock, || {
            on(Arena::held(), look, |arena| arena.lock(RobustMutex::try_lock))
        })
        .unless(&[UNKNOWN]),
    ]
}

fn dead_owners() -> Vec<Case> {
    vec![
        case("RobustMutex::lock, its owner dead", Lock, || {
            on(Arena::left(), look, |arena| arena.lock(RobustMutex::lock))
        })
        .unless(&[AGAIN, FOUND, UNKNOWN]),
        case("RobustMutex::lock_timeout, its owner dead", Lock, || {
            on(Arena::left(), look, |arena| arena.lock(|mutex| mutex.lock_timeout(Duration::from_secs(60))))
        })
        .unless(&[AGAIN, FOUND, UNKNOWN]),
        case("RobustMutex::try_lock, its owner dead", Lock, || {
            on(Arena::left(), look, |arena| arena.lock(RobustMutex::try_lock))
        })
        .unless(&[UNKNOWN]),
    ]
}

fn unlocking() -> Vec<Case> {
    fn unlock(arena: &mut Arena, waited_for: u32) -> rawipc::Result<()> {
        let guard = arena.mutex.as_ref().expect("it is open").try_lock()?;
        arena.word().fetch_or(waited_for, Relaxed);
        drop(guard);
        Ok(())
    }
    vec![
        // Whom it should have woken looks again after a while.
        case("RobustMutexGuard dropped, waited for", Lock, || {
            on(Arena::opened(), look, |arena| unlock(arena, WAITED_FOR))
        })
        .unless(&[("futex", ALL, Nothing, Done)]),
        case("RobustMutexGuard dropped, inconsistent", Lock, || on(Arena::left(), look, |arena| unlock(arena, 0)))
            .unless(&[UNKNOWN, ("futex", ALL, Nothing, Done)]),
        case("RobustMutex dropped", OpenMutex, || {
            on(Arena::opened(), look, |arena| {
                drop(arena.mutex.take());
                Ok(())
            })
        })
        .unless(&[("close", ALL, Nothing, Done)]),
    ]
}
