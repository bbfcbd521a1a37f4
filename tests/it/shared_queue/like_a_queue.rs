//! Shared queues, in the tests that they have in common with the kernel's.

#![allow(clippy::duplicate_mod, reason = "the same tests for another type")]

#[path = "../queue/arguments.rs"]
mod arguments;
#[path = "../queue/batch.rs"]
mod batch;
#[path = "../queue/ends.rs"]
mod ends;
#[path = "../queue/send_receive.rs"]
mod send_receive;
#[path = "../queue/stream.rs"]
mod stream;
#[path = "../queue/threads.rs"]
mod threads;
#[cfg(feature = "zerocopy")]
#[path = "../queue/typed.rs"]
mod typed;
#[path = "../queue/waits.rs"]
mod waits;

pub use rawipc::SharedQueue as Queue;
pub use rawipc::shared_queue::SharedQueueOptions as QueueOptions;

use std::time::Duration;

use arguments::Otherwise::{Fails, Waits};
use arguments::{Form, form, past};
use rawipc::shared_queue::InFlight;
use rawipc::time::Clock;
use rawipc::{Deadline, ErrorKind, Name, Priority, Receiver, Result, Sender};

use crate::harness::Test;
pub use crate::shared_queue::support::{FreeName, exists, name_of, small, small_queue};

/// Both ends of a queue, opened by its name.
pub fn open_ends(name: &Name) -> (Result<Sender<Queue>>, Result<Receiver<Queue>>) {
    (Sender::open_shared(name), Receiver::open_shared(name))
}

/// The forms of sending and of receiving that only this type has.
fn own_forms() -> (Vec<Form<Queue>>, Vec<Form<Queue>>) {
    const LATE: Duration = Duration::from_secs(10);
    let to_send = [
        form("reserve", Waits, |queue: &Queue, _| queue.reserve().map(drop)),
        form("try_reserve", Fails(ErrorKind::WouldBlock), |queue, _| queue.try_reserve().map(drop)),
        form("reserve_timeout(0)", Fails(ErrorKind::TimedOut), |queue, _| {
            queue.reserve_timeout(Duration::ZERO).map(drop)
        }),
        form("reserve_timeout(10 s)", Waits, |queue, _| queue.reserve_timeout(LATE).map(drop)),
        form("reserve_deadline(past)", Fails(ErrorKind::TimedOut), |queue, _| {
            queue.reserve_deadline(past(Clock::Monotonic)).map(drop)
        }),
        form("reserve_deadline(10 s, realtime)", Waits, |queue, _| {
            queue.reserve_deadline(Deadline::realtime_after(LATE)).map(drop)
        }),
    ];
    let to_receive = [
        form("receive_in_place", Waits, |queue: &Queue, _| queue.receive_in_place().map(InFlight::complete)),
        form("try_receive_in_place", Fails(ErrorKind::WouldBlock), |queue, _| {
            queue.try_receive_in_place().map(InFlight::complete)
        }),
        form("receive_in_place_timeout(0)", Fails(ErrorKind::TimedOut), |queue, _| {
            queue.receive_in_place_timeout(Duration::ZERO).map(InFlight::complete)
        }),
        form("receive_in_place_timeout(10 s)", Waits, |queue, _| {
            queue.receive_in_place_timeout(LATE).map(InFlight::complete)
        }),
        form("receive_in_place_deadline(past)", Fails(ErrorKind::TimedOut), |queue, _| {
            queue.receive_in_place_deadline(past(Clock::Monotonic)).map(InFlight::complete)
        }),
        form("receive_in_place_deadline(10 s, realtime)", Waits, |queue, _| {
            queue.receive_in_place_deadline(Deadline::realtime_after(LATE)).map(InFlight::complete)
        }),
    ];
    let any_length = |form: Form<Queue>| form.of_any_length();
    (to_send.map(any_length).into(), to_receive.map(any_length).into())
}

/// No descriptor is adopted for one direction only.
fn adopted(_: &Queue) -> Option<Queue> {
    None
}

/// Other calls that only this type has report a wrong argument first: `publish` where reservations fill the queue.
fn assert_own_calls(queue: &Queue, size: usize) {
    let _ = queue.try_receive(&mut [0; 64]);
    let reservations: Vec<_> = std::iter::from_fn(|| queue.try_reserve().ok()).collect();
    assert!(!reservations.is_empty());
    let length = queue.len();
    for reservation in reservations {
        let error = reservation.publish(size + 1, Priority::MIN).unwrap_err();
        assert_eq!((error.error.kind(), queue.len()), (ErrorKind::MessageTooLong, length), "Reservation::publish");
    }
}

pub fn tests() -> Vec<Test> {
    let all = [
        arguments::tests(),
        batch::tests(),
        ends::tests(),
        send_receive::tests(),
        stream::tests(),
        threads::tests(),
        #[cfg(feature = "zerocopy")]
        typed::tests(),
        waits::tests(),
    ];
    all.into_iter().flatten().collect()
}
