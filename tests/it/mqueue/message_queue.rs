//! The kernel's queues, in the tests that they have in common with shared ones.

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

pub use rawipc::MessageQueue as Queue;
pub use rawipc::mqueue::MessageQueueOptions as QueueOptions;

use std::time::Duration;

use arguments::{Form, past};
use rawipc::fd::OwnedFd;
use rawipc::time::Clock;
use rawipc::{ErrorKind, Name, NotificationSocket, Receiver, Result, Sender};

use crate::harness::Test;
pub use crate::harness::queues::{FreeName, exists, name_of, small, small_queue};

/// Both ends of a queue, opened by its name.
pub fn open_ends(name: &Name) -> (Result<Sender>, Result<Receiver>) {
    (Sender::open(name), Receiver::open(name))
}

/// The forms of sending and of receiving that only this type has.
fn own_forms() -> (Vec<Form<Queue>>, Vec<Form<Queue>>) {
    (Vec::new(), Vec::new())
}

/// The same queue adopted as a descriptor.
fn adopted(queue: &Queue) -> Option<Queue> {
    Some(Queue::try_from(OwnedFd::from(queue.try_clone().unwrap())).unwrap())
}

/// Other calls that only this type has report a wrong argument first.
fn assert_own_calls(queue: &Queue, _: usize) {
    let mut socket = NotificationSocket::new(queue).unwrap();
    let results = [
        ("wait", socket.wait()),
        ("try_wait", socket.try_wait()),
        ("wait_timeout(0)", socket.wait_timeout(Duration::ZERO)),
        ("wait_deadline(past)", socket.wait_deadline(past(Clock::Monotonic))),
        ("wait_deadline(past, realtime)", socket.wait_deadline(past(Clock::Realtime))),
    ];
    for (form, result) in results {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::InvalidInput, "NotificationSocket that is not armed: {form}");
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
