//! Waiting: not too short, not without end, and not at all where nothing may wait.

use std::thread;
use std::time::{Duration, Instant};

use rawipc::time::Time;
use rawipc::{Deadline, ErrorKind, Priority, name};

use super::{Queue, small, small_queue};
use crate::harness::waiting::{PATIENCE, Waiter, with_enough_time};

crate::tests!(
    tries_never_wait_and_touch_no_flag,
    timeouts_do_not_end_early,
    deadlines_do_not_end_early_on_either_clock,
    zero_and_past_limits_try_once,
    limits_far_in_the_future_wait_for_a_peer,
    a_peer_ends_every_wait_of_a_receiver,
    a_peer_ends_every_wait_of_a_sender,
    nothing_waits_on_a_nonblocking_queue,
    who_loses_the_race_for_a_message_waits_on,
    several_monotonic_waiters_get_one_message_each,
);

/// What no wait may exceed that ought to be over at once or soon, on the busiest machine.
const LATE: Duration = Duration::from_secs(20);

fn full_queue() -> Queue {
    let queue = small().max_messages(1).create_unique(name!("/rawipc-test-")).unwrap();
    queue.send(b"full", Priority::MIN).unwrap();
    queue
}

fn assert_at_once(start: Instant) {
    assert!(start.elapsed() < LATE);
}

fn tries_never_wait_and_touch_no_flag() {
    let (full, empty) = (full_queue(), small_queue());
    for nonblocking in [false, true, false] {
        full.set_nonblocking(nonblocking).unwrap();
        empty.set_nonblocking(nonblocking).unwrap();
        let start = Instant::now();
        for _ in 0..100 {
            assert_eq!(full.try_send(b"x", Priority::MAX).unwrap_err().kind(), ErrorKind::WouldBlock);
            assert_eq!(empty.try_receive(&mut [0; 64]).unwrap_err().kind(), ErrorKind::WouldBlock);
        }
        assert_at_once(start);
        assert_eq!(full.attributes().unwrap().nonblocking, nonblocking);
        assert_eq!(empty.attributes().unwrap().nonblocking, nonblocking);
    }
}

fn timeouts_do_not_end_early() {
    let (full, empty) = (full_queue(), small_queue());
    for timeout in [Duration::from_nanos(1), Duration::from_micros(1500), Duration::from_millis(40)] {
        let start = Instant::now();
        let error = empty.receive_timeout(&mut [0; 64], timeout).unwrap_err();
        let between = Instant::now();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(between - start >= timeout, "receiving ended after {:?} of {timeout:?}", between - start);
        assert_eq!(full.send_timeout(b"x", Priority::MAX, timeout).unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(between.elapsed() >= timeout, "sending ended after {:?} of {timeout:?}", between.elapsed());
        assert_at_once(start);
    }
    assert_eq!((full.len(), empty.len()), (Ok(1), Ok(0)));
}

fn deadlines_do_not_end_early_on_either_clock() {
    let (full, empty) = (full_queue(), small_queue());
    for after in [Deadline::after, Deadline::realtime_after] {
        let start = Instant::now();
        let deadline = after(Duration::from_millis(30));
        let error = empty.receive_deadline(&mut [0; 64], deadline).unwrap_err();
        assert!(deadline.has_passed() && deadline.remaining().is_zero());
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let deadline = after(Duration::from_millis(30));
        let error = full.send_deadline(b"x", Priority::MAX, deadline).unwrap_err();
        assert!(deadline.has_passed());
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_at_once(start);
    }
}

fn zero_and_past_limits_try_once() {
    let (full, empty, start) = (full_queue(), small_queue(), Instant::now());
    let times = [(0, 0), (1, 999_999_999), (-1, 0), (-1, 999_999_999), (i64::MIN, 0)];
    let times = times.map(|(seconds, nanoseconds)| Time::new(seconds, nanoseconds).unwrap());
    let deadlines =
        times.into_iter().flat_map(|time| [Deadline::Monotonic(Time::ZERO.min(time)), Deadline::Realtime(time)]);
    for deadline in deadlines {
        let error = empty.receive_deadline(&mut [0; 64], deadline).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{deadline:?}");
        assert_eq!(full.send_deadline(b"x", Priority::MAX, deadline).unwrap_err().kind(), ErrorKind::TimedOut);
        // There is room, or a message: then the past does not matter.
        empty.send_deadline(b"sent", Priority::MIN, deadline).unwrap();
        assert_eq!(empty.receive_deadline(&mut [0; 64], deadline).unwrap().payload(), b"sent");
    }
    assert_eq!(empty.receive_timeout(&mut [0; 64], Duration::ZERO).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(full.send_timeout(b"x", Priority::MAX, Duration::ZERO).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_at_once(start);
}

/// A time limit of either form.
#[derive(Clone, Copy, Debug)]
enum Wait {
    Unlimited,
    Timeout(Duration),
    Until(Deadline),
}

impl Wait {
    fn receive(self, queue: &Queue) -> rawipc::Result<Vec<u8>> {
        let buffer = &mut [0; 64];
        let message = match self {
            Self::Unlimited => queue.receive(buffer),
            Self::Timeout(timeout) => queue.receive_timeout(buffer, timeout),
            Self::Until(deadline) => queue.receive_deadline(buffer, deadline),
        };
        message.map(|message| message.payload().to_vec())
    }

    fn send(self, queue: &Queue) -> rawipc::Result<()> {
        match self {
            Self::Unlimited => queue.send(b"sent", Priority::MAX),
            Self::Timeout(timeout) => queue.send_timeout(b"sent", Priority::MAX, timeout),
            Self::Until(deadline) => queue.send_deadline(b"sent", Priority::MAX, deadline),
        }
    }
}

/// Waits that end only by a message or room for one.
fn long_waits() -> [Wait; 4] {
    let (monotonic, realtime) = (Deadline::after(PATIENCE), Deadline::realtime_after(PATIENCE));
    [Wait::Unlimited, Wait::Timeout(PATIENCE), Wait::Until(monotonic), Wait::Until(realtime)]
}

/// A receiver waits, then a message comes.
fn assert_receives(wait: Wait) {
    let queue = small_queue();
    thread::scope(|scope| {
        let waiter = Waiter::start(scope, || wait.receive(&queue));
        queue.send(b"sent", Priority::MIN).unwrap();
        assert_eq!(waiter.join(), Ok(b"sent".to_vec()), "{wait:?}");
    });
    assert!(queue.is_empty().unwrap());
}

/// A sender waits, then there is room.
fn assert_sends(wait: Wait) {
    let queue = full_queue();
    thread::scope(|scope| {
        let waiter = Waiter::start(scope, || wait.send(&queue));
        assert_eq!(queue.receive(&mut [0; 64]).unwrap().payload(), b"full");
        assert_eq!(waiter.join(), Ok(()), "{wait:?}");
    });
    assert_eq!(queue.receive(&mut [0; 64]).unwrap().payload(), b"sent");
}

fn limits_far_in_the_future_wait_for_a_peer() {
    let time = |seconds| Time::new(seconds, 999_999_999).unwrap();
    for seconds in [1 << 31, 1 << 32, 1 << 40, i64::MAX] {
        for deadline in [Deadline::Monotonic(time(seconds)), Deadline::Realtime(time(seconds))] {
            assert_receives(Wait::Until(deadline));
            assert_sends(Wait::Until(deadline));
        }
    }
    for timeout in [Duration::from_secs(1 << 33), Duration::from_secs(i64::MAX as u64), Duration::MAX] {
        assert_receives(Wait::Timeout(timeout));
        assert_sends(Wait::Timeout(timeout));
        assert_receives(Wait::Until(Deadline::after(timeout)));
        assert_receives(Wait::Until(Deadline::realtime_after(timeout)));
    }
}

fn a_peer_ends_every_wait_of_a_receiver() {
    long_waits().into_iter().for_each(assert_receives);
}

fn a_peer_ends_every_wait_of_a_sender() {
    long_waits().into_iter().for_each(assert_sends);
}

fn nothing_waits_on_a_nonblocking_queue() {
    let (full, empty, start) = (full_queue(), small_queue(), Instant::now());
    full.set_nonblocking(true).unwrap();
    empty.set_nonblocking(true).unwrap();
    let expired = [Wait::Timeout(Duration::ZERO), Wait::Until(Deadline::after(Duration::ZERO))];
    for wait in long_waits().into_iter().chain(expired) {
        assert_eq!(wait.receive(&empty).unwrap_err().kind(), ErrorKind::WouldBlock, "{wait:?}");
        assert_eq!(wait.send(&full).unwrap_err().kind(), ErrorKind::WouldBlock, "{wait:?}");
    }
    assert_at_once(start);
}

/// Two wait by the monotonic clock, for one message: both wake, and the one who comes too late must not end early.
fn who_loses_the_race_for_a_message_waits_on() {
    with_enough_time(Duration::from_millis(400), |timeout| {
        let queue = small_queue();
        let wait = || {
            let start = Instant::now();
            Wait::Timeout(timeout).receive(&queue).map_err(|error| (error.kind(), start.elapsed()))
        };
        let ends = thread::scope(|scope| {
            let waiters = [Waiter::start_free(scope, wait), Waiter::start_free(scope, wait)];
            queue.send(b"sent", Priority::MIN).unwrap();
            waiters.map(Waiter::join)
        });
        let received: Vec<_> = ends.iter().filter_map(|end| end.as_ref().ok()).collect();
        for (kind, elapsed) in ends.iter().filter_map(|end| end.as_ref().err()) {
            assert_eq!(*kind, ErrorKind::TimedOut);
            assert!(*elapsed >= timeout, "the loser gave up after {elapsed:?}");
        }
        // Nobody has it if it was sent too late.
        assert!(received.is_empty() || received == [b"sent"], "{received:?}");
        !received.is_empty()
    });
}

fn several_monotonic_waiters_get_one_message_each() {
    let queue = small_queue();
    let wait = || Wait::Timeout(PATIENCE).receive(&queue).unwrap()[0];
    thread::scope(|scope| {
        let waiters: Vec<_> = (0..6).map(|_| Waiter::start(scope, wait)).collect();
        for byte in 0..6 {
            queue.send(&[byte], Priority::MIN).unwrap();
        }
        let mut received: Vec<u8> = waiters.into_iter().map(Waiter::join).collect();
        received.sort_unstable();
        assert_eq!(received, [0, 1, 2, 3, 4, 5]);
    });
}
