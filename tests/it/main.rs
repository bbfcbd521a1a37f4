//! The integration tests: one module a subject, one list a module.
//!
//! A test that needs another process starts this program again in a role, and so does one that needs a process for itself (see
//! `harness`).

// Nothing of a test program is for others.
#![allow(missing_docs, unreachable_pub)]

mod harness;
mod fork_exec;
mod limits;
mod names;
mod options;
mod ownership;

use std::process::ExitCode;

use libtest_mimic::{Arguments, run};

fn main() -> ExitCode {
    let tests: Vec<harness::Test> = [fork_exec::tests(), limits::tests(), names::tests(), options::tests(), ownership::tests()].into_iter().flatten().collect();
    harness::play_role(&[fork_exec::ROLES], &tests);
    run(&Arguments::from_args(), harness::trials(tests)).exit_code()
}
