//! Shared queues, in the tests that they have in common with the kernel's.

#![allow(clippy::duplicate_mod, reason = "the same tests for another type")]

#[path = "batch.rs"]
mod batch;
#[path = "ends.rs"]
mod ends;
#[path = "send_receive.rs"]
mod send_receive;
#[path = "stream.rs"]
mod stream;
#[path = "threads.rs"]
mod threads;
#[cfg(feature = "zerocopy")]
#[path = "typed.rs"]
mod typed;
#[path = "waits.rs"]
mod waits;

pub use rawipc::{SharedQueue as Queue, SharedQueueOptions as QueueOptions};

use rawipc::{Name, Receiver, Result, Sender};

use crate::harness::Test;
pub use crate::shared_queue_support::{FreeName, exists, name_of, small, small_queue};

/// Both ends of a queue, opened by its name.
pub fn open_ends(name: &Name) -> (Result<Sender<Queue>>, Result<Receiver<Queue>>) {
    (Sender::open_shared(name), Receiver::open_shared(name))
}

pub fn tests() -> Vec<Test> {
    let all = [
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
