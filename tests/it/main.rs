//! The integration tests: a folder for each subject.
//!
//! A test that needs another process starts this program again in a role, and so does one that needs a process for
//! itself (see `harness`).

// Nothing of a test program is for others.
#![allow(missing_docs, unreachable_pub)]

mod harness;
#[path = "../model/mod.rs"]
mod model;

mod allocation;
mod creation;
mod denied;
mod documents;
mod errors;
mod examples;
#[cfg(target_pointer_width = "64")]
mod faults;
mod guarantees;
mod injected;
mod inspect;
mod models;
mod mqueue;
mod notify;
mod resources;
mod rights;
mod semaphore;
mod shared_queue;
mod shm;
mod stress;
mod sync;
mod system_calls;

use std::process::ExitCode;

use libtest_mimic::{Arguments, run};

const ROLES: &[&[&[harness::Role]]] = &[
    &[allocation::ROLES, creation::ROLES, documents::migration::ROLES, guarantees::ROLES, rights::ROLES, stress::ROLES],
    &[models::MEMORY, models::QUEUES, models::SEMAPHORES],
    inspect::ROLES,
    mqueue::ROLES,
    notify::ROLES,
    semaphore::ROLES,
    shared_queue::ROLES,
    shm::ROLES,
    sync::ROLES,
];

fn main() -> ExitCode {
    harness::play_role(&ROLES.concat(), &tests());
    run(&Arguments::from_args(), harness::trials(tests())).exit_code()
}

fn tests() -> Vec<harness::Test> {
    let tests = [
        allocation::tests(),
        creation::tests(),
        denied::tests(),
        documents::tests(),
        #[cfg(feature = "std")]
        errors::io::tests(),
        errors::tests(),
        examples::tests(),
        #[cfg(target_pointer_width = "64")]
        faults::tests(),
        guarantees::tests(),
        injected::tests(),
        inspect::tests(),
        models::tests(),
        mqueue::tests(),
        notify::tests(),
        resources::tests(),
        rights::tests(),
        semaphore::tests(),
        shared_queue::tests(),
        shm::tests(),
        stress::tests(),
        sync::tests(),
        system_calls::tests(),
    ];
    tests.into_iter().flatten().collect()
}
