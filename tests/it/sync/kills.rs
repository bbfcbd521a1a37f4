//! The robust mutex and processes that are killed: at any instruction, and at random under load.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Instant;

use rawipc::{RobustMutex, SharedMemory};

use crate::harness::random::Random;
use crate::harness::stepper::step_through;
use crate::harness::tracer::be_traced;
use crate::harness::{Ending, Peer, Role, role};
use crate::sync::support::{Arena, BOUND};

crate::tests!(a_kill_at_any_instruction_of_locking_and_unlocking, random_kills_leave_a_lock_that_works,);

pub const ROLES: &[Role] = &[("robust_victim", lock_once), ("robust_worker", lock_for_ever)];

/// Where a victim notes how far it is.
const PROGRESS: usize = 2048;

fn progress(arena: &Arena) -> &AtomicU32 {
    arena.mapping.get(PROGRESS).expect("the memory has room")
}

fn lock_once(arguments: &[String]) {
    let arena = Arena::open(&arguments[0]);
    be_traced();
    arena.step(arena.mutex.lock().expect("it is free"));
    progress(&arena).store(1, SeqCst);
    loop {
        std::hint::spin_loop();
    }
}

/// Each copy of the memory is what a kill at that moment leaves behind: its slot's lock is held by nobody.
fn a_kill_at_any_instruction_of_locking_and_unlocking() -> Ending {
    let arena = Arena::new();
    let (mut copies, mut copy) = (Vec::new(), vec![0; 2048]);
    step_through(&mut role("robust_victim", &[arena.name()]), || {
        arena.mapping.read_at(0, &mut copy).unwrap();
        if copies.last() != Some(&copy) {
            copies.push(copy.clone());
        }
        progress(&arena).load(SeqCst) == 0
    })?;
    let mut died = 0;
    for copy in &copies {
        let memory = SharedMemory::anonymous(4096).create().unwrap();
        memory.write_at(0, copy).unwrap();
        let (mapping, mutex) = (memory.map().unwrap(), RobustMutex::in_memory(&memory, 0).unwrap());
        let guard = mutex.try_lock().expect("nobody who lives has it");
        let [first, second]: &[std::sync::atomic::AtomicU64; 2] = mapping.get(1024).unwrap();
        assert!(guard.owner_died() || first.load(Relaxed) == second.load(Relaxed), "it is told");
        died += usize::from(guard.owner_died());
        drop(guard.mark_consistent());
        assert!(!mutex.lock().unwrap().owner_died());
    }
    // Locked, one word changed, the other one changed.
    assert_eq!((copies.len(), died), (5, 3));
    Ok(())
}

fn lock_for_ever(arguments: &[String]) {
    let arena = Arena::open(&arguments[0]);
    loop {
        arena.step(arena.mutex.lock().expect("it can be repaired"));
    }
}

fn random_kills_leave_a_lock_that_works() {
    let (arena, mut random) = (Arena::new(), Random::new());
    let start = || Peer::start(&mut role("robust_worker", &[arena.name()]));
    let mut workers: Vec<Peer> = (0..4).map(|_| start()).collect();
    for _ in 0..60 {
        let moment = Instant::now();
        while moment.elapsed().as_micros() < random.below(3000) as u128 {
            std::hint::spin_loop();
        }
        let victim = random.below(workers.len());
        drop(std::mem::replace(&mut workers[victim], start()).kill_now());
        let (before, begin) = (arena.words()[0].load(Relaxed), Instant::now());
        while arena.words()[0].load(Relaxed) == before {
            assert!(begin.elapsed() < BOUND, "nobody gets the lock any more");
            std::thread::yield_now();
        }
    }
    workers.into_iter().for_each(|worker| drop(worker.kill_now()));
    let begin = Instant::now();
    arena.step(arena.mutex.lock().unwrap());
    assert!(begin.elapsed() < BOUND && !arena.mutex.lock().unwrap().owner_died());
}
