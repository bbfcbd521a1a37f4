//! Shared memory against the model: random operations, in one process and in several.

use proptest::arbitrary::any;
use proptest::collection::vec;

use crate::harness::Role;
use crate::harness::property::holds;
use crate::harness::queues::{FreeName, text};
use crate::model;
use crate::model::memory::{MemoryModel, MemorySystem};

use super::processes;

crate::tests!(handles_do_what_the_model_does, several_processes_do_what_the_model_does);

pub const ROLES: &[Role] = &[("model-memory", |arguments| {
    processes::obey::<MemoryModel>(MemorySystem::new(&arguments[0], false));
})];

fn handles_do_what_the_model_does() {
    holds(600, &vec(any::<[u8; 4]>(), 0..100), |operations| {
        let prefix = FreeName::new();
        let mut system = MemorySystem::new(text(&prefix), true);
        model::compare(&mut MemoryModel::new(1), &mut system, &model::operations(operations.as_flattened()))
    });
}

fn several_processes_do_what_the_model_does() {
    holds(25, &vec(any::<[u8; 4]>(), 20..100), |operations| {
        let prefix = FreeName::new();
        let _unlinks = MemorySystem::new(text(&prefix), true);
        processes::compare(|pids| MemoryModel::new(pids.len()), "model-memory", text(&prefix), &operations)
    });
}
