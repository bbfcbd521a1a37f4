//! What one user can do to another's objects, and to one's own process: two users without names, neither of them root.

mod hostile;
mod modes;
mod passed;
mod planted;

use rawipc::mqueue::MessageQueueOptions;
use rawipc::semaphore::NamedSemaphoreOptions;
use rawipc::shm::SharedMemoryOptions;
use rawipc::{MessageQueue, NamedSemaphore, SharedMemory};

pub use hostile::ROLES;

use crate::harness::{Test, queues};

pub fn tests() -> Vec<Test> {
    [hostile::tests(), modes::tests(), passed::tests(), planted::tests()].into_iter().flatten().collect()
}

/// A free name for one object of each sort; whatever bears them at the end is removed.
struct Names {
    queue: queues::FreeName,
    semaphore: crate::semaphore::support::FreeName,
    memory: crate::shm::support::FreeName,
    value: crate::shm::support::FreeName,
}

impl Names {
    fn new() -> Self {
        Self {
            queue: queues::FreeName::new(),
            semaphore: crate::semaphore::support::FreeName::new(),
            memory: crate::shm::support::FreeName::new(),
            value: crate::shm::support::FreeName::new(),
        }
    }
}

fn queue() -> MessageQueueOptions {
    MessageQueue::options().read(true).write(true).max_messages(2).max_message_size(16)
}

fn semaphore() -> NamedSemaphoreOptions {
    NamedSemaphore::options()
}

fn memory() -> SharedMemoryOptions {
    SharedMemory::options().write(true).size(100)
}
