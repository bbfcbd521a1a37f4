//! Whatever a peer has written into the word of a lock, a mutex's or a queue's: what happens then, and that it does
//! within a bound.
//!
//! A word that names nobody alive is taken over. One that names a participant who lives is that one's lock until its
//! handle is closed: nobody can tell who has written it.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use rawipc::fd::AsFd;
use rawipc::sync::Locked;
use rawipc::{ErrorKind, Mapping, Priority, RobustMutex, SharedMemory, SharedQueue, WaitTuning};

use crate::harness::random::Random;
use crate::shared_queue::support::small;
use crate::sync::support::{Arena, BOUND};

crate::tests!(
    a_queue_gets_over_every_word_that_names_nobody_alive,
    a_queue_whose_lock_names_the_living_bounds_every_wait_until_that_handle_is_closed,
    words_written_while_nobody_has_the_queues_lock_cost_no_message,
    a_mutex_tells_of_every_word_what_it_means,
    a_mutex_that_names_the_living_bounds_every_wait_until_that_handle_is_closed,
    words_written_while_nobody_has_the_mutex_let_nobody_else_in,
    who_was_made_to_look_dead_is_alive_again_once_it_is_told_or_asks,
);

const WAITED_FOR: u32 = 1 << 31;
const GIVEN_UP: u32 = 1 << 30;

/// Where a queue has its lock and its participants, and where a mutex has.
const QUEUE: [usize; 2] = [64, 128];
const MUTEX: [usize; 2] = [4, 64];

/// The owner of a slot's generation.
const fn owner(slot: u32, generation: u32) -> u32 {
    generation << 8 | (slot + 1)
}

/// A slot that is taken as far as its generation says, and whose byte nobody holds.
const LEFT: u32 = 77;

/// Words that name an owner who does not live, and what they are.
const DEAD: [(&str, u32); 9] = [
    ("a slot whose byte nobody holds", owner(LEFT, 1)),
    ("a slot that nobody has ever had", owner(78, 1)),
    ("an earlier generation of a slot that is held", owner(0, 3)),
    ("a generation of a slot that is not taken", owner(0, 2)),
    ("the first slot that there is not", owner(128, 1)),
    ("the last slot that there is not", owner(254, 1)),
    ("no slot, but a generation", 1 << 8),
    ("all bits of an owner", (1 << 30) - 1),
    ("one bit that no slot has", 1 << 29),
];

/// What may be added to an owner.
const MARKS: [u32; 4] = [0, WAITED_FOR, GIVEN_UP, WAITED_FOR | GIVEN_UP];

struct Words {
    mapping: Mapping,
    places: [usize; 2],
}

impl Words {
    fn of_queue(queue: &SharedQueue) -> Self {
        let memory = SharedMemory::try_from(queue.as_fd().try_clone_to_owned().unwrap()).unwrap();
        Self { mapping: memory.map().unwrap(), places: QUEUE }
    }

    fn of_mutex(arena: &Arena) -> Self {
        Self { mapping: arena.memory.map().unwrap(), places: MUTEX }
    }

    fn lock(&self) -> &AtomicU32 {
        self.mapping.get(self.places[0]).unwrap()
    }

    fn generation(&self, slot: u32) -> &AtomicU32 {
        self.mapping.get(self.places[1] + 4 * slot as usize).unwrap()
    }

    fn write(&self, word: u32) {
        self.generation(LEFT).store(1, Relaxed);
        self.lock().store(word, Relaxed);
    }
}

/// A queue of a message, and its words.
fn queue() -> (SharedQueue, Words) {
    let mut queue = small().create_anonymous().unwrap();
    queue.set_tuning(WaitTuning { recheck_interval: Some(Duration::from_millis(1)), ..queue.tuning() });
    queue.send(b"kept", Priority::MAX).unwrap();
    let words = Words::of_queue(&queue);
    (queue, words)
}

/// Nothing is lost, nothing is there twice, all room is free.
fn assert_has(queue: &SharedQueue, messages: &[&[u8]]) {
    for message in messages {
        assert_eq!(queue.try_receive(&mut [0; 64]).unwrap().payload(), *message);
    }
    assert_eq!(queue.try_receive(&mut [0; 64]).unwrap_err().kind(), ErrorKind::WouldBlock);
    (0..8).for_each(|_| queue.try_send(b"", Priority::MIN).unwrap());
    assert_eq!(queue.try_send(b"", Priority::MIN).unwrap_err().kind(), ErrorKind::WouldBlock);
    (0..8).for_each(|_| queue.try_receive_in_place().unwrap().complete());
}

fn a_queue_gets_over_every_word_that_names_nobody_alive() {
    let dead = DEAD.iter().flat_map(|(what, word)| MARKS.map(|mark| (*what, word | mark)));
    let unowned = MARKS.map(|mark| ("no owner", mark));
    for (what, word) in dead.chain(unowned) {
        for way in 0..4 {
            let (queue, words) = queue();
            words.write(word);
            let start = Instant::now();
            match way {
                0 => queue.try_send(b"new", Priority::MIN),
                1 => queue.send(b"new", Priority::MIN),
                2 => queue.send_timeout(b"new", Priority::MIN, BOUND),
                _ => queue.reserve().and_then(|mut reservation| {
                    words.write(word);
                    reservation.write_at(0, b"new")?;
                    Ok(reservation.publish(3, Priority::MIN)?)
                }),
            }
            .unwrap_or_else(|error| panic!("{what}, {word:#x}, way {way}: {error}"));
            assert!(start.elapsed() < BOUND, "{what}, {word:#x}, way {way}");
            assert_has(&queue, &[b"kept", b"new"]);
            assert_eq!(words.lock().load(Relaxed), 0);
        }
    }
}

/// Another's, or one's own: each call ends as it would if that one were stopped in the middle of a call.
fn a_queue_whose_lock_names_the_living_bounds_every_wait_until_that_handle_is_closed() {
    for named in [0, 1] {
        let (queue, words) = queue();
        let mut handles = vec![queue.try_clone().unwrap(), queue];
        words.write(owner(named, 1));
        for handle in &handles {
            let start = Instant::now();
            let [now, soon] = [None, Some(Duration::from_millis(1))].map(|timeout| match timeout {
                None => (handle.try_send(b"x", Priority::MIN), handle.try_receive(&mut [0; 64]).map(drop)),
                Some(time) => (
                    handle.send_timeout(b"x", Priority::MIN, time),
                    handle.receive_timeout(&mut [0; 64], time).map(drop),
                ),
            });
            let kinds = |(sent, received): (rawipc::Result<()>, rawipc::Result<()>)| {
                [sent, received].map(|result| result.unwrap_err().kind())
            };
            assert_eq!((kinds(now), kinds(soon)), ([ErrorKind::WouldBlock; 2], [ErrorKind::TimedOut; 2]));
            assert!(start.elapsed() < BOUND);
        }
        // The clone came second.
        drop(handles.swap_remove(usize::from(named == 0)));
        let start = Instant::now();
        assert_has(&handles[0], &[b"kept"]);
        assert!(start.elapsed() < BOUND);
    }
}

/// Puts words there again and again when nobody has the lock, until it is told to stop.
fn meddle(words: &Words, bad: &[u32], stop: &AtomicBool) {
    let mut random = Random::new();
    while !stop.load(Relaxed) {
        let word = bad[random.below(bad.len())];
        let _ = words.lock().compare_exchange(0, word, Relaxed, Relaxed);
        (0..random.below(3)).for_each(|_| thread::yield_now());
    }
}

fn words_written_while_nobody_has_the_queues_lock_cost_no_message() {
    const MESSAGES: usize = 1500;
    let (queue, words) = queue();
    queue.receive(&mut [0; 64]).unwrap();
    words.write(0);
    let bad = [GIVEN_UP, GIVEN_UP | WAITED_FOR, WAITED_FOR, owner(LEFT, 1), owner(200, 5), owner(0, 2) | GIVEN_UP];
    let (stop, received) = (AtomicBool::new(false), [(); 2 * MESSAGES].map(|()| AtomicU32::new(0)));
    thread::scope(|scope| {
        scope.spawn(|| meddle(&words, &bad, &stop));
        let (queue, received) = (&queue, &received);
        let workers: Vec<_> = (0..4)
            .map(|worker| {
                scope.spawn(move || {
                    let mut handle = queue.try_clone().unwrap();
                    handle.set_tuning(queue.tuning());
                    for turn in 0..MESSAGES {
                        if worker % 2 == 0 {
                            let number = (worker / 2 * MESSAGES + turn) as u32;
                            handle.send(&number.to_ne_bytes(), Priority::MIN).unwrap();
                        } else {
                            let mut buffer = [0; 64];
                            let message = handle.receive(&mut buffer).unwrap();
                            let number = u32::from_ne_bytes(message.payload().try_into().unwrap());
                            received[number as usize].fetch_add(1, Relaxed);
                        }
                    }
                })
            })
            .collect();
        let results: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        stop.store(true, Relaxed);
        results.into_iter().for_each(|result| result.unwrap());
    });
    assert!(received.iter().all(|count| count.load(Relaxed) == 1));
    words.write(0);
    assert_has(&queue, &[]);
}

/// A mutex and another handle of it, which does not sleep for long.
fn mutex() -> (Arena, RobustMutex, Words) {
    let arena = Arena::new();
    let (mut other, words) = (arena.another(), Words::of_mutex(&arena));
    other.set_tuning(WaitTuning { recheck_interval: Some(Duration::from_millis(1)), ..other.tuning() });
    (arena, other, words)
}

fn lock(mutex: &RobustMutex, way: usize) -> rawipc::Result<Locked<'_>> {
    match way {
        0 => mutex.try_lock(),
        1 => mutex.lock(),
        _ => mutex.lock_timeout(BOUND),
    }
}

fn a_mutex_tells_of_every_word_what_it_means() {
    let dead = DEAD.iter().flat_map(|(what, word)| MARKS.map(|mark| (*what, word | mark, Ok(true))));
    let unowned = [
        ("free", 0, Ok(false)),
        ("free, and waited for", WAITED_FOR, Ok(false)),
        ("given up", GIVEN_UP, Err(ErrorKind::NotRecoverable)),
        ("given up, and waited for", GIVEN_UP | WAITED_FOR, Err(ErrorKind::NotRecoverable)),
    ];
    for (what, word, expected) in dead.chain(unowned) {
        for way in 0..3 {
            let (_arena, mutex, words) = mutex();
            words.write(word);
            let start = Instant::now();
            let result = lock(&mutex, way);
            assert!(start.elapsed() < BOUND, "{what}, {word:#x}, way {way}");
            let found = result.as_ref().map(|guard| guard.owner_died()).map_err(|error| error.kind());
            assert_eq!(found, expected, "{what}, {word:#x}, way {way}");
            drop(result.map(Locked::mark_consistent));
            let found = mutex.try_lock().map(|guard| guard.owner_died()).map_err(|error| error.kind());
            assert_eq!(found, expected.map(|_| false), "{what}, {word:#x}, way {way}: the next one");
        }
    }
}

fn a_mutex_that_names_the_living_bounds_every_wait_until_that_handle_is_closed() {
    for named in [0, 1] {
        let (arena, other, words) = mutex();
        words.write(owner(named, 1));
        for mutex in [&arena.mutex, &other] {
            let start = Instant::now();
            assert_eq!(mutex.try_lock().unwrap_err().kind(), ErrorKind::WouldBlock);
            let error = mutex.lock_timeout(Duration::from_millis(1)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            assert!(start.elapsed() < BOUND);
        }
        let memory = arena.memory.try_clone().unwrap();
        let mut handles = vec![arena.mutex, other];
        drop(handles.swap_remove(named as usize));
        let start = Instant::now();
        assert!(lock(&handles[0], 1).unwrap().owner_died() && start.elapsed() < BOUND);
        drop(memory);
    }
}

fn words_written_while_nobody_has_the_mutex_let_nobody_else_in() {
    let (arena, _, words) = mutex();
    words.write(0);
    let bad = [WAITED_FOR, owner(LEFT, 1), owner(LEFT, 1) | WAITED_FOR, owner(200, 5) | GIVEN_UP];
    let (stop, turns) = (AtomicBool::new(false), 1000);
    thread::scope(|scope| {
        scope.spawn(|| meddle(&words, &bad, &stop));
        let arena = &arena;
        let workers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(move || {
                    let mut mutex = arena.another();
                    mutex.set_tuning(WaitTuning { recheck_interval: Some(Duration::from_millis(1)), ..mutex.tuning() });
                    (0..turns).for_each(|_| _ = arena.step(mutex.lock().unwrap()));
                })
            })
            .collect();
        let results: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        stop.store(true, Relaxed);
        results.into_iter().for_each(|result| result.unwrap());
    });
    assert_eq!(arena.words()[0].load(Relaxed), 3 * turns);
}

/// A peer has overwritten the generations of those who take part, so that they seem dead to each other.
fn who_was_made_to_look_dead_is_alive_again_once_it_is_told_or_asks() {
    let (queue, words) = queue();
    let other = queue.try_clone().unwrap();
    let reservation = queue.reserve().unwrap();
    words.generation(0).store(2, Relaxed);
    // What it has in hand is taken back by who finds the queue empty, and it is told.
    assert_eq!(other.try_receive(&mut [0; 64]).unwrap().payload(), b"kept");
    assert_eq!(other.try_receive(&mut [0; 64]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(reservation.publish(0, Priority::MIN).unwrap_err().error.kind(), ErrorKind::Malformed);
    assert_eq!(words.generation(0).load(Relaxed), 1);
    let reservation = queue.reserve().unwrap();
    assert_eq!(other.try_receive(&mut [0; 64]).unwrap_err().kind(), ErrorKind::WouldBlock);
    reservation.publish(0, Priority::MIN).unwrap();
    assert_has(&other, &[b""]);

    let (arena, other, words) = mutex();
    words.generation(0).store(0, Relaxed);
    let guard = other.lock().unwrap();
    assert_eq!(arena.mutex.try_lock().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(words.generation(0).load(Relaxed), 1);
    drop(guard);
    let guard = arena.mutex.lock().unwrap();
    assert_eq!(other.try_lock().unwrap_err().kind(), ErrorKind::WouldBlock);
    drop(guard);
}
