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

mod limits_check;
mod limits_read;
mod list_files;
mod list_queues;
mod list_support;
mod event_loop;
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
mod status;

use std::process::ExitCode;

use libtest_mimic::{Arguments, run};

const ROLES: &[&[harness::Role]] = &[
    fork_exec::ROLES,
    notify_producers::ROLES,
    notify_support::ROLES,
    list_files::ROLES,
    list_queues::ROLES,
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
        limits_check::tests(),
        limits_read::tests(),
        list_files::tests(),
        list_queues::tests(),
        event_loop::tests(),
        notify::tests(),
        notify_errors::tests(),
        notify_fork::tests(),
        notify_producers::tests(),
        notify_signal::tests(),
        notify_socket::tests(),
        #[cfg(feature = "std")]
        notify_thread::tests(),
        notify_wait::tests(),
        status::tests(),
    ]
    .into_iter()
    .flatten()
    .collect();
    harness::play_role(ROLES, &tests);
    run(&Arguments::from_args(), harness::trials(tests)).exit_code()
}
