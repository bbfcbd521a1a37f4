//! The integration tests: one module a subject, one list a module.
//!
//! A test that needs another process starts this program again in a role, and so does one that needs a process for itself (see
//! `harness`).

// Nothing of a test program is for others.
#![allow(missing_docs, unreachable_pub)]

mod harness;
mod names;
mod options;

use std::process::ExitCode;

use libtest_mimic::{Arguments, run};

fn main() -> ExitCode {
    let tests: Vec<harness::Test> = [names::tests(), options::tests()].into_iter().flatten().collect();
    harness::play_role(&[], &tests);
    run(&Arguments::from_args(), harness::trials(tests)).exit_code()
}
