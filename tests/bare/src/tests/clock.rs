//! The wall clock is set while somebody waits: only on a machine that is there for these tests alone.

use core::sync::atomic::Ordering::Relaxed;
use core::time::Duration;

use rawipc::semaphore::SemaphoreOf;
use rawipc::semaphore::abi::{Gnu32, Gnu64, Musl};
use rawipc::time::{Clock, Time};
use rawipc::{Deadline, Error, ErrorKind, MessageQueue, NotificationSocket, Priority, RobustMutex};
use rustix::time::{ClockId, Timespec, clock_settime};

use super::robust::{PLACE, holder, memory};
use super::support::{LONG, common_memory, kind, queue, timed};
use crate::harness::{Call, OWN_MACHINE, Peer, lacking, tests};

tests![
    set_forwards_ends_no_monotonic_wait_early,
    set_backwards_makes_no_monotonic_wait_longer,
    set_forwards_ends_realtime_waits,
    set_backwards_makes_realtime_waits_longer,
    robust_mutex_death_noticed_after_clock_set_back,
    robust_mutex_realtime_wait_ends_when_set_forward,
];

/// Something that can be waited for in vain until a deadline.
type Wait<'test> = &'test dyn Fn(Deadline) -> Result<(), Error>;

const HOUR: Duration = Duration::from_secs(3600);
/// Long enough for the clock to be set meanwhile.
const WAIT: Duration = Duration::from_secs(2);

/// Moves the wall clock by so many hours.
fn set_clock(hours: i64) {
    let now = Time::now(Clock::Realtime);
    let seconds = now.seconds() + hours * HOUR.as_secs() as i64;
    let time = Timespec { tv_sec: seconds, tv_nsec: now.nanoseconds() as _ };
    clock_settime(ClockId::Realtime, time).expect("the first process may set the clock");
}

/// Peers of which each waits in another way until the deadline, and makes sure that it has passed by its own clock
/// then: for a queue in both directions, for a notification, for semaphores in each layout.
fn with_waiters(deadline: impl Fn() -> Deadline, check: impl FnOnce([Peer; 6])) {
    if !OWN_MACHINE.load(Relaxed) {
        lacking(Call::ClockSettime);
    }
    let (empty, full, memory) = (queue(1), queue(1), common_memory());
    full.send(b"", Priority::MIN).unwrap();
    let waits: [(&str, Wait<'_>); 6] = [
        ("receive", &|deadline| empty.receive_deadline(&mut [0; 16], deadline).map(drop)),
        ("send", &|deadline| full.send_deadline(b"", Priority::MIN, deadline)),
        ("notification", &|deadline| notification(&empty, deadline)),
        ("gnu64", &|deadline| memory.get::<SemaphoreOf<Gnu64>>(0)?.wait_deadline(deadline)),
        ("gnu32", &|deadline| memory.get::<SemaphoreOf<Gnu32>>(64)?.wait_deadline(deadline)),
        ("musl", &|deadline| memory.get::<SemaphoreOf<Musl>>(128)?.wait_deadline(deadline)),
    ];
    let deadline = deadline();
    check(waits.map(|(name, wait)| {
        Peer::start_waiting(|| {
            assert_eq!(kind(wait(deadline)), ErrorKind::TimedOut, "{name}");
            assert!(deadline.has_passed(), "{name} ended early");
        })
    }));
}

fn notification(queue: &MessageQueue, deadline: Deadline) -> Result<(), Error> {
    let mut socket = NotificationSocket::new(queue)?;
    socket.arm()?;
    socket.wait_deadline(deadline).map(drop)
}

fn set_forwards_ends_no_monotonic_wait_early() {
    with_waiters(
        || Deadline::after(WAIT),
        |peers| {
            set_clock(1);
            peers.into_iter().for_each(Peer::join);
            set_clock(-1);
        },
    );
}

fn set_backwards_makes_no_monotonic_wait_longer() {
    with_waiters(
        || Deadline::after(WAIT),
        |peers| {
            set_clock(-1);
            peers.into_iter().for_each(Peer::join);
            set_clock(1);
        },
    );
}

fn set_forwards_ends_realtime_waits() {
    with_waiters(
        || Deadline::realtime_after(HOUR),
        |peers| {
            set_clock(2);
            peers.into_iter().for_each(Peer::join);
            set_clock(-2);
        },
    );
}

fn set_backwards_makes_realtime_waits_longer() {
    with_waiters(
        || Deadline::realtime_after(WAIT),
        |peers| {
            set_clock(-1);
            // Beyond the moment at which they would have ended.
            assert!(peers[0].status_within(WAIT + WAIT / 4).is_none(), "a wait ended early");
            assert!(peers.iter().all(|peer| peer.status_within(Duration::ZERO).is_none()), "a wait ended early");
            set_clock(1);
            peers.into_iter().for_each(Peer::join);
        },
    );
}

/// A wait with a realtime deadline looks for the dead by the monotonic clock.
fn robust_mutex_death_noticed_after_clock_set_back() {
    if !OWN_MACHINE.load(Relaxed) {
        lacking(Call::ClockSettime);
    }
    let (memory, mapping) = memory();
    let peer = holder(&memory, &mapping);
    let waiter = Peer::start_waiting(|| {
        let mutex = RobustMutex::in_memory(&memory, PLACE).unwrap();
        let guard = mutex.lock_deadline(Deadline::realtime_after(2 * HOUR)).unwrap();
        assert!(guard.owner_died());
        drop(guard.mark_consistent());
    });
    set_clock(-1);
    peer.kill();
    let ((), time) = timed(|| waiter.join());
    set_clock(1);
    assert!(time < LONG, "{time:?}");
}

fn robust_mutex_realtime_wait_ends_when_set_forward() {
    if !OWN_MACHINE.load(Relaxed) {
        lacking(Call::ClockSettime);
    }
    let (memory, mapping) = memory();
    let peer = holder(&memory, &mapping);
    let waiter = Peer::start_waiting(|| {
        let mutex = RobustMutex::in_memory(&memory, PLACE).unwrap();
        assert_eq!(kind(mutex.lock_deadline(Deadline::realtime_after(HOUR))), ErrorKind::TimedOut);
    });
    set_clock(2);
    let ((), time) = timed(|| waiter.join());
    set_clock(-2);
    peer.kill();
    assert!(time < LONG, "{time:?}");
}
