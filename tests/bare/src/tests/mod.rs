//! All tests, a module a subject.

mod clock;
#[cfg(target_pointer_width = "32")]
mod fallback;
mod limits;
mod looking;
mod memory;
mod named;
mod notification;
mod processes;
mod queues;
mod robust;
mod sandbox;
mod semaphores;
mod shared;
mod shared_queues;
mod streams;
mod support;
mod waits;

#[cfg(target_arch = "x86")]
pub use fallback::WITHOUT_OLD_TIMES;

use crate::harness::Test;

pub const ALL: &[&[Test]] = &[
    queues::TESTS,
    streams::TESTS,
    waits::TESTS,
    notification::TESTS,
    semaphores::TESTS,
    named::TESTS,
    memory::TESTS,
    shared::TESTS,
    robust::TESTS,
    shared_queues::TESTS,
    processes::TESTS,
    limits::TESTS,
    looking::TESTS,
    sandbox::TESTS,
    #[cfg(target_pointer_width = "32")]
    fallback::TESTS,
    clock::TESTS,
];
