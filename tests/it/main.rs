//! The integration tests: one module a subject, one list a module.
//!
//! A test that needs another process starts this program again in a role, and so does one that needs a process for
//! itself (see `harness`).

// Nothing of a test program is for others.
#![allow(missing_docs, unreachable_pub)]

mod harness;

mod buffers;
mod denied;
mod errors;
mod fork_exec;
mod injected;
mod limits;
mod names;
mod options;
mod ownership;
mod send_receive;
mod signals;
#[cfg(feature = "cli")]
mod tool;
mod waits;

mod semaphore_c;
mod semaphore_calls;
mod semaphore_errors;
mod semaphore_examples;
mod semaphore_images;
mod semaphore_interop;
mod semaphore_kills;
mod semaphore_malformed;
mod semaphore_memory;
mod semaphore_named;
mod semaphore_peers;
mod semaphore_races;
mod semaphore_sandbox;
mod semaphore_stress;
mod semaphore_support;
mod semaphore_time;

use std::process::ExitCode;

use libtest_mimic::{Arguments, run};

const ROLES: &[&[harness::Role]] = &[
    fork_exec::ROLES,
    semaphore_calls::ROLES,
    semaphore_kills::ROLES,
    semaphore_races::ROLES,
    semaphore_stress::ROLES,
    semaphore_time::ROLES,
];

fn main() -> ExitCode {
    let tests: Vec<harness::Test> = [
        denied::tests(),
        errors::tests(),
        #[cfg(feature = "std")]
        errors::io::tests(),
        fork_exec::tests(),
        injected::tests(),
        limits::tests(),
        names::tests(),
        options::tests(),
        ownership::tests(),
        signals::tests(),
        send_receive::tests(),
        buffers::tests(),
        #[cfg(feature = "alloc")]
        buffers::vectors::tests(),
        #[cfg(feature = "cli")]
        tool::tests(),
        waits::tests(),
        semaphore_c::tests(),
        semaphore_calls::tests(),
        semaphore_errors::tests(),
        semaphore_examples::tests(),
        semaphore_images::tests(),
        semaphore_interop::tests(),
        semaphore_kills::tests(),
        semaphore_malformed::tests(),
        semaphore_memory::tests(),
        semaphore_named::tests(),
        semaphore_races::tests(),
        semaphore_sandbox::tests(),
        semaphore_time::tests(),
    ]
    .into_iter()
    .flatten()
    .collect();
    harness::play_role(ROLES, &tests);
    run(&Arguments::from_args(), harness::trials(tests)).exit_code()
}
