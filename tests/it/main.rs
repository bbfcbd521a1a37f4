//! The integration tests: one module a subject, one list a module.
//!
//! A test that needs another process starts this program again in a role, and so does one that needs a process for itself (see
//! `harness`).

// Nothing of a test program is for others.
#![allow(missing_docs, unreachable_pub)]

mod harness;

mod allocation;
mod buffers;
mod denied;
mod descriptor;
mod ends;
mod errors;
mod fork_exec;
mod injected;
mod kill;
mod limits;
mod names;
mod options;
mod ownership;
mod peers;
mod processes;
mod send_receive;
mod signals;
mod stream;
mod threads;
mod tracing;
#[cfg(feature = "zerocopy")]
mod typed;
mod waits;

use std::process::ExitCode;

use libtest_mimic::{Arguments, run};

const ROLES: &[&[harness::Role]] =
    &[allocation::ROLES, fork_exec::ROLES, kill::ROLES, processes::ROLES, tracing::ROLES];

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
        waits::tests(),
        stream::tests(),
        ends::tests(),
        #[cfg(feature = "zerocopy")]
        typed::tests(),
        descriptor::tests(),
        threads::tests(),
        processes::tests(),
        kill::tests(),
        peers::c::tests(),
        peers::python::tests(),
        tracing::tests(),
        allocation::tests(),
    ]
    .into_iter()
    .flatten()
    .collect();
    harness::play_role(ROLES, &tests);
    run(&Arguments::from_args(), harness::trials(tests)).exit_code()
}
