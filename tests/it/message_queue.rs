//! The kernel's queues, in the tests that they have in common with shared ones.

#[path = "send_receive.rs"]
mod send_receive;
#[path = "threads.rs"]
mod threads;
#[path = "waits.rs"]
mod waits;

pub use rawipc::MessageQueue as Queue;

use crate::harness::Test;
pub use crate::harness::{small, small_queue};

pub fn tests() -> Vec<Test> {
    [send_receive::tests(), threads::tests(), waits::tests()].into_iter().flatten().collect()
}
