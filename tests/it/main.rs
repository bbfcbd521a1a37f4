//! The integration tests: one module a subject, one list a module.
//!
//! A test that needs another process starts this program again in a role (see `harness`).

#![allow(missing_docs)]

mod harness;
mod names;
mod options;
#[cfg(feature = "cli")]
mod tool;

use std::process::ExitCode;

use libtest_mimic::{Arguments, run};

fn main() -> ExitCode {
    harness::play_role(&[]);
    let tests = [
        names::tests(),
        options::tests(),
        #[cfg(feature = "cli")]
        tool::tests(),
    ];
    run(&Arguments::from_args(), tests.into_iter().flatten().collect()).exit_code()
}
