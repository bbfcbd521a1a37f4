//! Semaphores in memory, in each layout that the crate speaks.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use core::time::Duration;

use rawipc::semaphore::SemaphoreOf;
use rawipc::semaphore::abi::{Gnu32, Gnu64, Layout, Musl, Private};
use rawipc::time::Time;
use rawipc::{Deadline, Error, ErrorKind, Mapping, Semaphore, Shareable, WaitTuning, retry_on_interrupt};
use rustix::process::{Signal, kill_process};

use super::support::{LONG, SHORT, common_memory, kind, timed};
use crate::harness::{Peer, tests, wait_until};
use crate::raw;

tests![
    count_tokens,
    give_permits_back,
    refuse_more_than_the_maximum,
    end_waits_with_their_time,
    wait_past_2038,
    wake_another_process,
    wake_as_many_as_were_posted,
    keep_processes_apart,
    are_interrupted_by_a_handler,
    lie_in_memory_as_the_c_libraries_have_them,
    lie_apart_from_what_is_beside_them,
];

/// Does the same in each layout.
macro_rules! each_layout {
    ($check:ident) => {
        $check::<Gnu64>();
        $check::<Gnu32>();
        $check::<Musl>();
    };
}

/// Memory that peers have in common, for semaphores at its start and a counter.
struct Place(Mapping);

impl Place {
    fn new() -> Self {
        Self(common_memory())
    }

    fn semaphore<L: Layout>(&self, index: usize) -> &SemaphoreOf<L>
    where
        SemaphoreOf<L>: Shareable,
    {
        self.0.get(64 * index).unwrap()
    }

    fn counter(&self) -> &AtomicU64 {
        self.0.get(1024).unwrap()
    }
}

fn give_permits_back() {
    let semaphore = Semaphore::new(1);
    let acquire = |form: usize| match form {
        0 => semaphore.acquire(),
        1 => semaphore.try_acquire(),
        2 => semaphore.acquire_timeout(SHORT),
        _ => semaphore.acquire_deadline(Deadline::after(SHORT)),
    };
    for form in 0..4 {
        let permit = acquire(form).unwrap();
        let refusal = if form == 1 { ErrorKind::WouldBlock } else { ErrorKind::TimedOut };
        assert!(semaphore.value() == 0 && (form == 0 || kind(acquire(form)) == refusal), "form {form}");
        drop(permit);
        assert_eq!(semaphore.value(), 1);
    }
    acquire(1).unwrap().forget();
    assert_eq!(semaphore.value(), 0);
}

fn count_tokens() {
    fn check<L: Layout>()
    where
        SemaphoreOf<L>: Shareable,
    {
        let place = Place::new();
        let semaphore = place.semaphore::<L>(0);
        assert_eq!(kind(semaphore.try_wait()), ErrorKind::WouldBlock);
        semaphore.post().unwrap();
        semaphore.post_many(2).unwrap();
        assert_eq!((semaphore.value(), semaphore.waiters()), (3, 0));
        semaphore.wait().unwrap();
        semaphore.try_wait().unwrap();
        semaphore.wait_timeout(LONG).unwrap();
        assert_eq!(semaphore.value(), 0);
        semaphore.post().unwrap();
        let permit = semaphore.acquire().unwrap();
        assert_eq!(semaphore.value(), 0);
        drop(permit);
        semaphore.acquire().unwrap().forget();
        assert_eq!(semaphore.value(), 0);
    }
    each_layout!(check);
    assert_eq!(Semaphore::new(5).value(), 5);
    assert_eq!(SemaphoreOf::<Private<Gnu32>>::new(5).value(), 5);
    assert_eq!(SemaphoreOf::<Private<Gnu64>>::new(5).value(), 5);
}

fn refuse_more_than_the_maximum() {
    fn check<L: Layout>()
    where
        SemaphoreOf<L>: Shareable,
    {
        let place = Place::new();
        let semaphore = place.semaphore::<L>(0);
        semaphore.post_many(Semaphore::MAX_VALUE).unwrap();
        assert_eq!(kind(semaphore.post()), ErrorKind::Overflow);
        assert_eq!(kind(semaphore.post_many(u32::MAX)), ErrorKind::Overflow);
        assert_eq!(semaphore.value(), Semaphore::MAX_VALUE);
        semaphore.wait().unwrap();
        semaphore.post().unwrap();
    }
    each_layout!(check);
}

fn end_waits_with_their_time() {
    fn check<L: Layout>()
    where
        SemaphoreOf<L>: Shareable,
    {
        let place = Place::new();
        let semaphore = place.semaphore::<L>(0);
        let ends = |work: &dyn Fn() -> Result<(), Error>| {
            let (result, time) = timed(work);
            assert_eq!(kind(result), ErrorKind::TimedOut);
            assert!((SHORT..LONG).contains(&time), "it took {time:?}");
            assert_eq!(semaphore.waiters(), 0);
        };
        ends(&|| semaphore.wait_timeout(SHORT));
        ends(&|| semaphore.wait_deadline(Deadline::after(SHORT)));
        ends(&|| semaphore.wait_deadline(Deadline::realtime_after(SHORT)));
        let looking = WaitTuning { spin: 0, recheck_interval: Some(SHORT / 8) };
        ends(&|| semaphore.wait_tuned(Some(Deadline::after(SHORT)), looking));
        for passed in [Deadline::Monotonic(Time::ZERO), Deadline::Realtime(Time::ZERO)] {
            assert_eq!(kind(semaphore.wait_deadline(passed)), ErrorKind::TimedOut);
        }
        assert_eq!(kind(semaphore.wait_timeout(Duration::ZERO)), ErrorKind::TimedOut);
    }
    each_layout!(check);
}

fn wait_past_2038() {
    fn check<L: Layout>()
    where
        SemaphoreOf<L>: Shareable,
    {
        let place = Place::new();
        let semaphore = place.semaphore::<L>(0);
        // More than 32 bits of seconds, signed and unsigned. Without looks in between, the kernel sees them.
        for seconds in [1 << 31, 1 << 32, 1 << 35] {
            let time = Time::new(seconds, 999_999_999).unwrap();
            for late in [Deadline::Monotonic(time), Deadline::Realtime(time)] {
                let tuning = WaitTuning { spin: 0, recheck_interval: None };
                let peer = Peer::start(|| semaphore.wait_tuned(Some(late), tuning).unwrap());
                wait_until("the peer is a waiter", || semaphore.waiters() == 1);
                assert!(peer.status_within(SHORT).is_none(), "it has not waited");
                semaphore.post().unwrap();
                peer.join();
            }
        }
    }
    each_layout!(check);
}

fn wake_another_process() {
    fn check<L: Layout>()
    where
        SemaphoreOf<L>: Shareable,
    {
        const TURNS: u64 = 200;
        let place = Place::new();
        let (here, there) = (place.semaphore::<L>(0), place.semaphore::<L>(1));
        let peer = Peer::start(|| {
            for turn in 0..TURNS {
                there.wait_timeout(LONG).unwrap();
                assert_eq!(place.counter().fetch_add(1, Relaxed), 2 * turn + 1);
                here.post().unwrap();
            }
        });
        for turn in 0..TURNS {
            assert_eq!(place.counter().fetch_add(1, Relaxed), 2 * turn);
            there.post().unwrap();
            here.wait_timeout(LONG).unwrap();
        }
        peer.join();
        assert_eq!((here.value(), there.value(), here.waiters(), there.waiters()), (0, 0, 0, 0));
    }
    each_layout!(check);
}

fn wake_as_many_as_were_posted() {
    fn check<L: Layout>()
    where
        SemaphoreOf<L>: Shareable,
    {
        let place = Place::new();
        let semaphore = place.semaphore::<L>(0);
        let peers = [(); 3].map(|()| Peer::start(|| semaphore.wait_timeout(LONG).unwrap()));
        wait_until("all wait", || semaphore.waiters() > 0 && peers.iter().all(Peer::is_asleep));
        semaphore.post_many(3).unwrap();
        peers.into_iter().for_each(Peer::join);
        assert_eq!(semaphore.value(), 0);
    }
    each_layout!(check);
}

fn keep_processes_apart() {
    fn check<L: Layout>()
    where
        SemaphoreOf<L>: Shareable,
    {
        const TURNS: u64 = 300;
        let place = Place::new();
        let semaphore = place.semaphore::<L>(0);
        semaphore.post().unwrap();
        let peers = [(); 4].map(|()| {
            Peer::start(|| {
                for _ in 0..TURNS {
                    semaphore.wait_timeout(LONG).unwrap();
                    // Not one operation: only right with the token.
                    let count = place.counter().load(Relaxed);
                    core::hint::spin_loop();
                    place.counter().store(count + 1, Relaxed);
                    semaphore.post().unwrap();
                }
            })
        });
        peers.into_iter().for_each(Peer::join);
        assert_eq!((place.counter().load(Relaxed), semaphore.value()), (4 * TURNS, 1));
    }
    each_layout!(check);
}

fn are_interrupted_by_a_handler() {
    fn check<L: Layout>()
    where
        SemaphoreOf<L>: Shareable,
    {
        let place = Place::new();
        let semaphore = place.semaphore::<L>(0);
        raw::handle_signal(10);
        let peer = Peer::start(|| {
            let wait = || semaphore.wait_tuned(None, WaitTuning { spin: 0, recheck_interval: None });
            assert_eq!(kind(wait()), ErrorKind::Interrupted);
            retry_on_interrupt!(wait()).unwrap();
        });
        wait_until("the peer waits", || semaphore.waiters() == 1 && peer.is_asleep());
        kill_process(peer.process, Signal::USR1).unwrap();
        wait_until("the peer waits again", || semaphore.waiters() == 1 && peer.is_asleep());
        semaphore.post().unwrap();
        peer.join();
    }
    each_layout!(check);
}

/// The words that C's `sem_t` has, with two tokens, and with a waiter.
fn lie_in_memory_as_the_c_libraries_have_them() {
    const LOW: usize = if cfg!(target_endian = "big") { 1 } else { 0 };
    fn words(place: &Place) -> [u32; 4] {
        [0, 4, 8, 12].map(|at| place.0.get::<AtomicU32>(at).unwrap().load(Relaxed))
    }
    fn with_waiter<L: Layout>() -> [u32; 4]
    where
        SemaphoreOf<L>: Shareable,
    {
        let place = Place::new();
        let semaphore = place.semaphore::<L>(0);
        let peer = Peer::start(|| semaphore.wait_timeout(LONG).unwrap());
        wait_until("the peer is a waiter", || semaphore.waiters() == 1 && peer.is_asleep());
        let seen = words(&place);
        semaphore.post().unwrap();
        peer.join();
        seen
    }
    fn with_tokens<L: Layout>() -> [u32; 4]
    where
        SemaphoreOf<L>: Shareable,
    {
        let place = Place::new();
        place.semaphore::<L>(0).post_many(2).unwrap();
        words(&place)
    }
    let mut gnu64 = [[0; 4]; 2];
    gnu64[0][LOW] = 2;
    gnu64[1][1 - LOW] = 1;
    assert_eq!([with_tokens::<Gnu64>(), with_waiter::<Gnu64>()], gnu64, "value low, waiters high");
    assert_eq!([with_tokens::<Gnu32>(), with_waiter::<Gnu32>()], [[2 << 1, 0, 0, 0], [1, 0, 0, 1]]);
    assert_eq!([with_tokens::<Musl>(), with_waiter::<Musl>()], [[2, 0, 0, 0], [1 << 31, 1, 0, 0]]);
    assert_eq!((size_of::<SemaphoreOf<Gnu64>>(), size_of::<SemaphoreOf<Gnu32>>()), (32, 16));
}

fn lie_apart_from_what_is_beside_them() {
    let place = Place::new();
    place.0.write_at(0, &[0xff; 256]).unwrap();
    place.0.write_at(64, &[0; 64]).unwrap();
    let semaphore = place.semaphore::<Musl>(1);
    semaphore.post().unwrap();
    semaphore.wait().unwrap();
    let mut beside = [0; 64];
    for at in [0, 128, 192] {
        place.0.read_at(at, &mut beside).unwrap();
        assert_eq!(beside, [0xff; 64]);
    }
}
