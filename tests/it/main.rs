//! The integration tests: one module a subject, one list a module.
//!
//! A test that needs another process starts this program again in a role, and so does one that needs a process for
//! itself (see `harness`).

// Nothing of a test program is for others.
#![allow(missing_docs, unreachable_pub)]

mod harness;
#[path = "../model/mod.rs"]
mod model;

mod allocation;
mod buffers;
mod denied;
mod descriptor;
mod documents;
mod errors;
#[cfg(target_pointer_width = "64")]
mod faults;
mod fork_exec;
mod guarantees;
mod injected;
mod kill;
mod limits;
mod message_queue;
mod names;
mod nonblocking;
mod options;
mod ownership;
mod peers;
mod processes;
mod resources;
mod rights;
mod signals;
mod system_calls;
#[cfg(feature = "cli")]
mod tool;
mod tracing;

mod examples;
mod limits_check;
mod limits_read;
mod list_files;
mod list_queues;
mod list_support;
mod models;
mod notify;
mod notify_errors;
mod notify_fork;
mod notify_producers;
mod notify_signal;
mod notify_socket;
mod notify_support;
#[cfg(feature = "std")]
mod notify_thread;
mod notify_wait;
mod semaphore_c;
mod semaphore_calls;
mod semaphore_errors;
mod semaphore_images;
mod semaphore_interop;
mod semaphore_kills;
mod semaphore_machine;
mod semaphore_malformed;
mod semaphore_memory;
mod semaphore_named;
mod semaphore_peers;
mod semaphore_races;
mod semaphore_sandbox;
mod semaphore_static;
mod semaphore_stress;
mod semaphore_support;
mod semaphore_time;
mod status;
mod stress;

mod creation;
mod creators;
mod linked;
mod liveness;
mod liveness_locks;
mod lock_words;
mod monitoring;
mod robust_kills;
mod robust_mutex;
mod robust_signals;
mod robust_support;
mod robust_threads;
mod shared_queue;
mod shared_queue_bells;
mod shared_queue_bounds;
mod shared_queue_calls;
mod shared_queue_damage;
mod shared_queue_doorbell;
mod shared_queue_hostile;
mod shared_queue_in_place;
mod shared_queue_kills;
mod shared_queue_objects;
mod shared_queue_order;
mod shared_queue_peers;
mod shared_queue_steps;
mod shared_queue_support;
mod wait_signals;

mod shm_anonymous;
mod shm_bytes;
mod shm_errors;
mod shm_full;
mod shm_hostile;
mod shm_mapping;
mod shm_objects;
mod shm_ownership;
mod shm_peers;
mod shm_race;
mod shm_remap;
mod shm_resize;
mod shm_shared;
mod shm_sizes;
mod shm_support;
mod shm_tracing;

use std::process::ExitCode;

use libtest_mimic::{Arguments, run};

const ROLES: &[&[harness::Role]] = &[
    allocation::ROLES,
    documents::migration::ROLES,
    creation::ROLES,
    fork_exec::ROLES,
    guarantees::ROLES,
    kill::ROLES,
    list_files::ROLES,
    list_queues::ROLES,
    models::MEMORY,
    models::QUEUES,
    models::SEMAPHORES,
    notify_producers::ROLES,
    notify_support::ROLES,
    processes::ROLES,
    rights::ROLES,
    robust_kills::ROLES,
    robust_support::ROLES,
    shared_queue_calls::ROLES,
    shared_queue_kills::ROLES,
    shared_queue_peers::ROLES,
    shared_queue_steps::ROLES,
    tracing::ROLES,
    wait_signals::ROLES,
    shm_anonymous::ROLES,
    shm_race::ROLES,
    shm_tracing::ROLES,
    semaphore_calls::ROLES,
    semaphore_kills::ROLES,
    semaphore_races::ROLES,
    semaphore_stress::ROLES,
    semaphore_time::ROLES,
    stress::ROLES,
];

fn main() -> ExitCode {
    harness::play_role(ROLES, &tests());
    run(&Arguments::from_args(), harness::trials(tests())).exit_code()
}

fn tests() -> Vec<harness::Test> {
    [
        allocation::tests(),
        buffers::tests(),
        #[cfg(feature = "alloc")]
        buffers::vectors::tests(),
        descriptor::tests(),
        documents::tests(),
        #[cfg(feature = "std")]
        errors::io::tests(),
        errors::tests(),
        trust(),
        fork_exec::tests(),
        limits::tests(),
        message_queue::tests(),
        names::tests(),
        nonblocking::tests(),
        options::tests(),
        ownership::tests(),
        peers::c::tests(),
        peers::python::tests(),
        processes::tests(),
        signals::tests(),
        #[cfg(feature = "cli")]
        tool::tests(),
        tracing::tests(),
        limits_check::tests(),
        limits_read::tests(),
        list_files::tests(),
        list_queues::tests(),
        examples::tests(),
        notify_support::tests(),
        status::tests(),
        robust(),
        semaphores(),
        shm_support::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What goes wrong, and what holds then.
fn trust() -> Vec<harness::Test> {
    [
        #[cfg(target_pointer_width = "64")]
        faults::tests(),
        denied::tests(),
        guarantees::tests(),
        injected::tests(),
        kill::tests(),
        models::tests(),
        resources::tests(),
        rights::tests(),
        stress::tests(),
        system_calls::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What lies in shared memory and survives those who use it.
fn robust() -> Vec<harness::Test> {
    [
        creation::tests(),
        creators::tests(),
        linked::tests(),
        liveness::tests(),
        liveness_locks::tests(),
        lock_words::tests(),
        monitoring::tests(),
        robust_kills::tests(),
        robust_mutex::tests(),
        robust_signals::tests(),
        shared_queue_bounds::tests(),
        wait_signals::tests(),
        robust_threads::tests(),
        shared_queue::tests(),
        shared_queue_calls::tests(),
        shared_queue_damage::tests(),
        shared_queue_bells::tests(),
        shared_queue_doorbell::tests(),
        shared_queue_hostile::tests(),
        shared_queue_in_place::tests(),
        shared_queue_kills::tests(),
        shared_queue_objects::tests(),
        shared_queue_order::tests(),
        shared_queue_peers::tests(),
        shared_queue_steps::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn semaphores() -> Vec<harness::Test> {
    [
        semaphore_c::tests(),
        semaphore_calls::tests(),
        semaphore_errors::tests(),
        semaphore_images::tests(),
        semaphore_interop::tests(),
        semaphore_kills::tests(),
        semaphore_machine::tests(),
        semaphore_malformed::tests(),
        semaphore_memory::tests(),
        semaphore_named::tests(),
        semaphore_races::tests(),
        semaphore_sandbox::tests(),
        semaphore_static::tests(),
        semaphore_time::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
