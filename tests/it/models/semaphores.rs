//! Named semaphores of all three layouts against the model: random operations, in one process and in several.

use proptest::arbitrary::any;
use proptest::collection::vec;

use crate::harness::Role;
use crate::harness::property::holds;
use crate::harness::queues::{FreeName, text};
use crate::model;
use crate::model::semaphore::{SemaphoreModel, SemaphoreSystem};

use super::processes;

crate::tests!(handles_do_what_the_model_does, several_processes_do_what_the_model_does);

pub const ROLES: &[Role] = &[("model-semaphores", |arguments| {
    processes::obey::<SemaphoreModel>(SemaphoreSystem::new(&arguments[0], false));
})];

fn handles_do_what_the_model_does() {
    holds(600, &vec(any::<[u8; 4]>(), 0..100), |operations| {
        let prefix = FreeName::new();
        let mut system = SemaphoreSystem::new(text(&prefix), true);
        model::compare(&mut SemaphoreModel::new(1), &mut system, &model::operations(operations.as_flattened()))
    });
}

fn several_processes_do_what_the_model_does() {
    holds(25, &vec(any::<[u8; 4]>(), 20..100), |operations| {
        let prefix = FreeName::new();
        let _unlinks = SemaphoreSystem::new(text(&prefix), true);
        processes::compare(|pids| SemaphoreModel::new(pids.len()), "model-semaphores", text(&prefix), &operations)
    });
}
