//! The kernel's queues, in the tests that they have in common with shared ones.

#[path = "batch.rs"]
mod batch;
#[path = "send_receive.rs"]
mod send_receive;
#[path = "stream.rs"]
mod stream;
#[path = "threads.rs"]
mod threads;
#[path = "waits.rs"]
mod waits;

pub use rawipc::{MessageQueue as Queue, MessageQueueOptions as QueueOptions};

use crate::harness::Test;
pub use crate::harness::{name_of, small, small_queue};

pub fn tests() -> Vec<Test> {
    let both = [batch::tests(), send_receive::tests(), stream::tests(), threads::tests(), waits::tests()];
    both.into_iter().flatten().collect()
}
