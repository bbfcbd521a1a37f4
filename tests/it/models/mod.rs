//! What rawipc does against the models in `tests/model`: random operations, and what comes of them compared.

mod memory;
mod processes;
mod queues;
mod semaphores;

use crate::harness::Test;

pub use memory::ROLES as MEMORY;
pub use queues::ROLES as QUEUES;
pub use semaphores::ROLES as SEMAPHORES;

pub fn tests() -> Vec<Test> {
    [memory::tests(), queues::tests(), semaphores::tests()].into_iter().flatten().collect()
}
