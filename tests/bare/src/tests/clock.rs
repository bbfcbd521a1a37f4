//! The wall clock is set while somebody waits: only on a machine that is there for these tests alone.

use core::sync::atomic::Ordering::Relaxed;
use core::time::Duration;

use rawipc::{
    Clock, Deadline, Error, ErrorKind, Gnu32, Gnu64, MessageQueue, Musl, NotificationSocket, Priority, SemaphoreOf,
    Time,
};
use rustix::time::{ClockId, Timespec, clock_settime};

use super::support::{common_memory, kind, queue};
use crate::harness::{Call, OWN_MACHINE, PATIENCE, Peer, lacking, tests};

tests![
    set_forwards_ends_no_monotonic_wait_early,
    set_backwards_makes_no_monotonic_wait_longer,
    set_forwards_ends_realtime_waits,
    set_backwards_makes_realtime_waits_longer,
];

/// Something that can be waited for in vain until a deadline.
type Wait<'test> = dyn Fn(Deadline) -> Result<(), Error> + 'test;

const HOUR: Duration = Duration::from_secs(3600);
/// Long enough for the clock to be set meanwhile.
const WAIT: Duration = Duration::from_secs(2);

/// Moves the wall clock.
fn set_clock(forwards: bool, by: Duration) {
    let now = Time::now(Clock::Realtime);
    let by = by.as_secs() as i64;
    let seconds = if forwards { now.seconds() + by } else { now.seconds() - by };
    let time = Timespec { tv_sec: seconds, tv_nsec: now.nanoseconds() as _ };
    clock_settime(ClockId::Realtime, time).expect("the first process may set the clock");
}

/// Does the same with every wait: of a queue in both directions, for a notification, of semaphores in each layout.
fn each_wait(check: impl Fn(&str, &Wait<'_>)) {
    if !OWN_MACHINE.load(Relaxed) {
        lacking(Call::ClockSettime);
    }
    let (empty, full, memory) = (queue(1), queue(1), common_memory());
    full.send(b"", Priority::MIN).unwrap();
    check("receive", &|deadline| empty.receive_deadline(&mut [0; 16], deadline).map(drop));
    check("send", &|deadline| full.send_deadline(b"", Priority::MIN, deadline));
    check("notification", &|deadline| notification(&empty, deadline));
    check("gnu64", &|deadline| memory.get::<SemaphoreOf<Gnu64>>(0)?.wait_deadline(deadline));
    check("gnu32", &|deadline| memory.get::<SemaphoreOf<Gnu32>>(64)?.wait_deadline(deadline));
    check("musl", &|deadline| memory.get::<SemaphoreOf<Musl>>(128)?.wait_deadline(deadline));
}

fn notification(queue: &MessageQueue, deadline: Deadline) -> Result<(), Error> {
    let mut socket = NotificationSocket::new(queue)?;
    socket.arm()?;
    socket.wait_deadline(deadline).map(drop)
}

/// A peer that waits until the deadline, and makes sure that it has passed by its own clock then.
fn waiter(name: &str, wait: &Wait<'_>, deadline: Deadline) -> Peer {
    Peer::start_waiting(|| {
        assert_eq!(kind(wait(deadline)), ErrorKind::TimedOut, "{name}");
        assert!(deadline.has_passed(), "{name} ended early");
    })
}

fn set_forwards_ends_no_monotonic_wait_early() {
    each_wait(|name, wait| {
        let peer = waiter(name, wait, Deadline::after(WAIT));
        set_clock(true, HOUR);
        peer.join();
        set_clock(false, HOUR);
    });
}

fn set_backwards_makes_no_monotonic_wait_longer() {
    each_wait(|name, wait| {
        let peer = waiter(name, wait, Deadline::after(WAIT));
        set_clock(false, HOUR);
        assert!(peer.status_within(PATIENCE).is_some(), "{name} goes on");
        set_clock(true, HOUR);
    });
}

fn set_forwards_ends_realtime_waits() {
    each_wait(|name, wait| {
        let peer = waiter(name, wait, Deadline::realtime_after(HOUR));
        set_clock(true, 2 * HOUR);
        peer.join();
        set_clock(false, 2 * HOUR);
    });
}

fn set_backwards_makes_realtime_waits_longer() {
    each_wait(|name, wait| {
        let deadline = Deadline::realtime_after(WAIT);
        let peer = waiter(name, wait, deadline);
        set_clock(false, HOUR);
        assert!(peer.status_within(2 * WAIT).is_none(), "{name} ended early");
        set_clock(true, HOUR);
        peer.join();
    });
}
