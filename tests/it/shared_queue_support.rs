//! What the tests of shared queues have in common.

use rawipc::{Name, SharedQueue, SharedQueueOptions, name};

/// Options for a small queue of both directions: 8 messages of 64 bytes, gone when its handle is dropped.
pub fn small() -> SharedQueueOptions {
    SharedQueue::options().read(true).write(true).max_messages(8).max_message_size(64).unlink_on_drop(true)
}

/// A small queue of a name that nobody else has.
pub fn small_queue() -> SharedQueue {
    small().create_unique(name!("/rawipc-test-")).expect("a small queue can be created")
}

/// The name of a queue that has one.
pub fn name_of(queue: &SharedQueue) -> &Name {
    queue.name().expect("the queue was opened by name")
}
