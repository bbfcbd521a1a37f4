//! The robust mutex: exclusion, its four ways to wait, what an owner's end means, and who takes part.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use rawipc::error::{Limit, Operation};
use rawipc::time::Time;
use rawipc::{Deadline, Errno, Error, ErrorKind, RobustMutex, SharedMemory, WaitTuning};

use crate::harness::kernel::in_child;
use crate::harness::random::Random;
use crate::harness::waiting::wait_until;
use crate::shm::support::{memory, page};
use crate::sync::support::{Arena, BOUND, go_on, holder};

crate::tests!(
    one_has_it_at_a_time,
    threads_and_handles_exclude_each_other,
    bounded_waits_end,
    a_dead_owner_is_noticed_in_every_way_to_wait,
    every_end_of_an_owner_gives_the_lock_up,
    a_child_does_not_keep_its_dead_parents_lock,
    an_inconsistent_state_stays_so_until_it_is_declared,
    whoever_dies_repairing_leaves_it_to_the_next,
    a_mutex_lies_anywhere_in_an_object,
    what_is_no_mutex_is_refused,
    any_words_are_survived,
    looking_again_gets_it_too,
    debug_shows_the_lock_and_its_owners_end,
    ;
    alone:
    no_more_take_part_than_there_are_slots,
    a_child_is_another_participant,
    a_childs_threads_are_one_participant,
);

#[track_caller]
fn assert_error(error: Error, kind: ErrorKind, errno: Errno, text: &str) {
    assert_eq!((error.kind(), error.errno(), error.operation()), (kind, errno, Operation::Lock));
    assert!(error.to_string().contains(text), "{error}");
}

fn assert_taken(mutex: &RobustMutex) {
    assert!(mutex.is_locked());
    let text = "locking the mutex: the lock is held (EAGAIN)";
    assert_error(mutex.try_lock().unwrap_err(), ErrorKind::WouldBlock, Errno::AGAIN, text);
}

fn one_has_it_at_a_time() {
    let arena = Arena::new();
    let other = arena.another();
    let guard = arena.mutex.lock().unwrap();
    assert!(!guard.owner_died());
    [&arena.mutex, &other].into_iter().for_each(assert_taken);
    drop(guard);
    assert!(!other.is_locked());
    let guard = other.try_lock().unwrap();
    assert_taken(&arena.mutex);
    drop(guard);
    arena.step(arena.mutex.lock_timeout(Duration::ZERO).unwrap());
    arena.step(arena.mutex.lock_deadline(Deadline::Realtime(Time::ZERO)).unwrap());
    assert!(!arena.mutex.is_locked());
}

fn threads_and_handles_exclude_each_other() {
    const TURNS: u64 = 20_000;
    let arena = Arena::new();
    let handles = [arena.another(), arena.another()];
    thread::scope(|scope| {
        for handle in handles.iter().chain(&handles) {
            scope.spawn(|| (0..TURNS).for_each(|_| assert!(!arena.step(handle.lock().unwrap()))));
        }
    });
    assert_eq!(arena.words().each_ref().map(|word| word.load(Relaxed)), [4 * TURNS; 2]);
}

fn bounded_waits_end() {
    let arena = Arena::new();
    let guard = arena.mutex.lock().unwrap();
    let short = Duration::from_millis(20);
    let soon = |deadline: Deadline| arena.mutex.lock_deadline(deadline).unwrap_err();
    let waits: [(Duration, &dyn Fn() -> Error); 5] = [
        (Duration::ZERO, &|| arena.mutex.lock_timeout(Duration::ZERO).unwrap_err()),
        (Duration::ZERO, &|| soon(Deadline::Realtime(Time::ZERO))),
        (short, &|| arena.mutex.lock_timeout(short).unwrap_err()),
        (short, &|| soon(Deadline::after(short))),
        // Longer than a single sleep.
        (Duration::from_millis(120), &|| soon(Deadline::realtime_after(Duration::from_millis(120)))),
    ];
    for (time, wait) in waits {
        let start = Instant::now();
        assert_error(wait(), ErrorKind::TimedOut, Errno::TIMEDOUT, "timed out (ETIMEDOUT)");
        assert!((time..time + BOUND).contains(&start.elapsed()), "{time:?}: {:?}", start.elapsed());
    }
    drop(guard);
    arena.step(arena.mutex.lock().unwrap());
}

fn a_dead_owner_is_noticed_in_every_way_to_wait() {
    for way in 0..4 {
        let arena = Arena::new();
        let peer = holder(&arena, "return");
        assert_taken(&arena.mutex);
        drop(peer.kill_now());
        let start = Instant::now();
        let guard = match way {
            0 => arena.mutex.try_lock(),
            1 => arena.mutex.lock(),
            2 => arena.mutex.lock_timeout(Duration::from_millis(1)),
            _ => arena.mutex.lock_deadline(Deadline::realtime_after(Duration::from_millis(200))),
        };
        assert!(arena.step(guard.unwrap()), "the owner's death is told");
        assert!(start.elapsed() < BOUND);
        assert!(!arena.step(arena.mutex.lock().unwrap()), "it is told once");
    }
}

fn every_end_of_an_owner_gives_the_lock_up() {
    for (way, dies) in [("return", false), ("panic", false), ("exit", true), ("exec", true)] {
        let arena = Arena::new();
        let mut peer = holder(&arena, way);
        thread::scope(|scope| {
            let waiter = scope.spawn(|| arena.mutex.lock().unwrap().owner_died());
            go_on(&mut peer);
            assert_eq!(waiter.join().unwrap(), dies, "{way}");
        });
        drop(peer.kill_now());
    }
}

fn a_child_does_not_keep_its_dead_parents_lock() {
    let arena = Arena::new();
    let mut peer = holder(&arena, "leave a child");
    let child_listens = peer.stdin.take();
    drop(peer.kill_now());
    let start = Instant::now();
    assert!(arena.step(arena.mutex.lock().unwrap()));
    assert!(start.elapsed() < BOUND);
    drop(child_listens);
}

fn an_inconsistent_state_stays_so_until_it_is_declared() {
    let arena = Arena::new();
    drop(holder(&arena, "return").kill_now());
    let guard = arena.mutex.lock().unwrap();
    assert!(guard.owner_died());
    thread::scope(|scope| {
        let waiters = [(); 2].map(|()| scope.spawn(|| arena.mutex.lock().unwrap_err()));
        let other = arena.another();
        assert_taken(&other);
        drop(guard);
        let text = "an owner died, and what the lock guards was not made consistent (ENOTRECOVERABLE)";
        for waiter in waiters {
            assert_error(waiter.join().unwrap(), ErrorKind::NotRecoverable, Errno::NOTRECOVERABLE, text);
        }
        for error in [other.lock().unwrap_err(), other.try_lock().unwrap_err()] {
            assert_error(error, ErrorKind::NotRecoverable, Errno::NOTRECOVERABLE, text);
        }
    });
    let late = arena.another().lock_timeout(BOUND).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::NotRecoverable);
}

fn whoever_dies_repairing_leaves_it_to_the_next() {
    let arena = Arena::new();
    for _ in 0..3 {
        // The second and the third get the lock from a dead one, and die before they say that all is well.
        drop(holder(&arena, "return").kill_now());
    }
    assert!(arena.step(arena.mutex.lock().unwrap()));
    assert!(!arena.mutex.lock().unwrap().owner_died());
}

fn a_mutex_lies_anywhere_in_an_object() {
    let memory = memory(3 * page());
    let last = 3 * page() - RobustMutex::SIZE;
    let offsets = [0, RobustMutex::SIZE, page() - 100, 2 * page(), last];
    let mutexes = offsets.map(|offset| RobustMutex::in_memory(&memory, offset).unwrap());
    for (index, mutex) in mutexes.iter().enumerate() {
        let guard = mutex.lock().unwrap();
        for (other, mutex) in mutexes.iter().enumerate() {
            assert_eq!(mutex.is_locked(), other == index);
        }
        drop(guard);
    }
    for offset in [last + 4, 3 * page(), usize::MAX - 3] {
        let error = RobustMutex::in_memory(&memory, offset).unwrap_err();
        assert_eq!((error.kind(), error.bounds().is_some()), (ErrorKind::InvalidInput, true), "{error}");
    }
    let error = RobustMutex::in_memory(&memory, 2).unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::InvalidInput, Operation::OpenMutex));

    let anonymous = SharedMemory::anonymous(RobustMutex::SIZE as u64).create().unwrap();
    anonymous.seal_size().unwrap();
    let passed_on = SharedMemory::try_from(rawipc::fd::OwnedFd::from(anonymous.try_clone().unwrap())).unwrap();
    let mutexes = [&anonymous, &passed_on].map(|memory| RobustMutex::in_memory(memory, 0).unwrap());
    drop((anonymous, passed_on));
    let guard = mutexes[0].lock().unwrap();
    assert_taken(&mutexes[1]);
    drop(guard);
}

fn what_is_no_mutex_is_refused() {
    for (offset, bytes) in [(0, &b"text"[..]), (4, &[1]), (7, &[0x40]), (60, &[1]), (64 + 4 * 127, &[1])] {
        let memory = memory(1000);
        memory.write_at(offset, bytes).unwrap();
        let before = crate::shm::support::content(&memory);
        let error = RobustMutex::in_memory(&memory, 0).unwrap_err();
        assert_eq!((error.kind(), error.operation()), (ErrorKind::Malformed, Operation::OpenMutex));
        let text = "opening the robust mutex: what lies there is not a robust mutex (EINVAL)";
        assert_eq!(error.to_string(), text);
        assert_eq!(crate::shm::support::content(&memory), before);
    }
}

/// Alone: a child that another test forks while a handle is made keeps that one's slot for a moment.
fn no_more_take_part_than_there_are_slots() {
    let arena = Arena::new();
    let mut others: Vec<_> = (1..128).map(|_| arena.another()).collect();
    let error = RobustMutex::in_memory(&arena.memory, 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded(Limit::Participants));
    let text = "opening the robust mutex: all 128 participant slots are in use; close a handle (EUSERS)";
    assert_eq!(error.to_string(), text);
    others.swap_remove(50);
    others.push(arena.another());
    assert!(RobustMutex::in_memory(&arena.memory, 0).is_err());
    drop(others);
    arena.step(arena.another().lock().unwrap());
}

/// Whatever a peer writes: a lock, or an error, within a bound.
fn any_words_are_survived() {
    let (arena, mut random) = (Arena::new(), Random::new());
    let mut other = arena.another();
    other.set_tuning(WaitTuning { spin: 1, recheck_interval: Some(Duration::from_millis(1)) });
    let word: &AtomicU32 = arena.mapping.get(4).unwrap();
    let generations: &[AtomicU32; 128] = arena.mapping.get(64).unwrap();
    for _ in 0..1000 {
        let before: Vec<u32> = generations.iter().map(|generation| generation.load(Relaxed)).collect();
        let scribble = match random.below(4) {
            0 => random.below(1 << 31) as u32,
            1 => 1 << (24 + random.below(8)),
            2 => (random.below(4) as u32) << 30 | (random.below(8) as u32) << 8 | random.below(4) as u32,
            _ => u32::MAX,
        };
        word.store(scribble, Relaxed);
        if random.below(2) == 0 {
            generations[random.below(3)].store(random.below(1 << 31) as u32, Relaxed);
        }
        let start = Instant::now();
        match other.lock_timeout(Duration::from_millis(2)) {
            Ok(guard) => drop(guard.mark_consistent()),
            Err(error) => assert!(
                [ErrorKind::TimedOut, ErrorKind::NotRecoverable].contains(&error.kind()),
                "{scribble:#x}: {error}"
            ),
        }
        assert!(start.elapsed() < BOUND);
        generations.iter().zip(before).for_each(|(generation, before)| generation.store(before, Relaxed));
    }
    word.store(0, Relaxed);
    arena.step(other.lock().unwrap());
}

fn a_child_is_another_participant() {
    let arena = Arena::new();
    let mut guard = Some(arena.mutex.lock().unwrap());
    in_child(|| {
        // It has not the lock that its parent has, and cannot give it up.
        assert_taken(&arena.mutex);
        drop(guard.take());
        assert_taken(&arena.mutex);
        assert_taken(&arena.another());
        in_child(|| assert_taken(&arena.mutex));
    });
    assert!(arena.another().is_locked());
    // SAFETY: the process has one thread, so the child is as whole as its parent.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let died = arena.mutex.lock_timeout(BOUND).is_ok_and(|guard| !guard.owner_died());
        // With the lock of its own handle, in its own right.
        let again = arena.mutex.lock().unwrap();
        std::mem::forget(again);
        // SAFETY: ends the child without running what its parent has registered.
        unsafe { libc::_exit(i32::from(!died)) };
    }
    wait_until("the child waits", || is_asleep(child));
    drop(guard);
    let mut status = 0;
    // SAFETY: `status` is a place for the result.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0, "it got the lock when its parent gave it back");
    assert!(arena.step(arena.mutex.lock().unwrap()), "it died with the lock");
}

/// Those that come first at the same moment too.
fn a_childs_threads_are_one_participant() {
    let arena = Arena::new();
    let generations: &[AtomicU32; 128] = arena.mapping.get(64).unwrap();
    let taken = || generations.iter().filter(|generation| generation.load(Relaxed) % 2 == 1).count();
    for before in 1..=20 {
        assert_eq!(taken(), before, "this process, and the children that are gone");
        in_child(|| {
            let start = Barrier::new(8);
            let lock = || {
                start.wait();
                arena.mutex.lock().map(drop)
            };
            thread::scope(|scope| {
                let threads = [(); 8].map(|()| scope.spawn(lock));
                threads.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
            });
            assert_eq!(taken(), before + 1);
        });
    }
}

/// Who has it lets the other one run, which looks again and again.
fn looking_again_gets_it_too() {
    const TURNS: u64 = 50;
    let mut arena = Arena::new();
    let mut other = arena.another();
    [&mut arena.mutex, &mut other]
        .into_iter()
        .for_each(|mutex| mutex.set_tuning(WaitTuning { spin: u32::MAX, ..mutex.tuning() }));
    thread::scope(|scope| {
        for mutex in [&arena.mutex, &other] {
            let arena = &arena;
            scope.spawn(move || {
                (0..TURNS).for_each(|_| _ = arena.change(mutex.lock().unwrap(), thread::yield_now));
            });
        }
    });
    assert_eq!(arena.words()[0].load(Relaxed), 2 * TURNS);
}

fn debug_shows_the_lock_and_its_owners_end() {
    let arena = Arena::new();
    assert_eq!(format!("{:?}", arena.mutex), "RobustMutex { locked: false, .. }");
    assert_eq!(format!("{:?}", arena.mutex.lock().unwrap()), "Consistent(RobustMutexGuard { .. })");
}

fn is_asleep(pid: i32) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'))
}
