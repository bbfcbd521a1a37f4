//! Shared queues, in the tests that they have in common with the kernel's.

#![allow(clippy::duplicate_mod, reason = "the same tests for another type")]

#[path = "send_receive.rs"]
mod send_receive;
#[path = "threads.rs"]
mod threads;
#[path = "waits.rs"]
mod waits;

pub use rawipc::SharedQueue as Queue;

use crate::harness::Test;
pub use crate::shared_queue_support::{small, small_queue};

pub fn tests() -> Vec<Test> {
    [send_receive::tests(), threads::tests(), waits::tests()].into_iter().flatten().collect()
}
