//! What rawipc does against the models in `tests/model`: random operations, and what comes of them compared.

mod memory;
mod processes;
mod queues;
mod semaphores;

use crate::harness::{Role, Test};

pub const ROLES: &[Role] = &[memory::ROLE, queues::ROLE, semaphores::ROLE];

pub fn tests() -> Vec<Test> {
    [memory::tests(), queues::tests(), semaphores::tests()].into_iter().flatten().collect()
}
