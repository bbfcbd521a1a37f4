//! Sequences of operations on queues, semaphores and shared memory: what comes of them is what the models say.

use rawipc::{MessageQueue, SharedQueue};

use crate::model::memory::{MemoryModel, MemorySystem};
use crate::model::queue::{Limits, Queue, QueueModel, QueueSystem};
use crate::model::semaphore::{SemaphoreModel, SemaphoreSystem};
use crate::model::{Model, System, compare, operations};

/// Longer sequences find nothing that short ones do not.
const MOST: usize = 4 * 150;

/// Takes four bytes each as an operation on a queue.
pub fn queue_operations(data: &[u8]) {
    queues::<MessageQueue>(data);
}

/// Takes four bytes each as an operation on a shared queue.
pub fn shared_queue_operations(data: &[u8]) {
    queues::<SharedQueue>(data);
}

fn queues<Q: Queue>(data: &[u8]) {
    let model = QueueModel::new(Q::ABILITIES, Limits::OF_THE_KERNEL, &[std::process::id()]);
    agree(model, QueueSystem::<Q>::new(&prefix(), true), data);
}

/// Takes four bytes each as an operation on a semaphore.
pub fn semaphore_operations(data: &[u8]) {
    agree(SemaphoreModel::new(1), SemaphoreSystem::new(&prefix(), true), data);
}

/// Takes four bytes each as an operation on shared memory.
pub fn memory_operations(data: &[u8]) {
    agree(MemoryModel::new(1), MemorySystem::new(&prefix(), true), data);
}

fn agree<M: Model>(mut model: M, mut system: impl System<M>, data: &[u8]) {
    let result = compare(&mut model, &mut system, &operations(&data[..data.len().min(MOST)]));
    assert!(result.is_ok(), "{result:?}");
}

fn prefix() -> String {
    format!("/rawipc-fuzz-{}-{:?}", std::process::id(), std::thread::current().id()).replace(['(', ')'], "")
}
