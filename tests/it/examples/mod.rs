//! The examples, run as a user runs them.

mod activated;
mod event_loop;
mod frames;
mod rate_limiter;
mod semaphores;
mod shared_memory;
mod worker_pool;
mod workers;

use std::env;
use std::path::PathBuf;

use crate::harness::{Lacking, Test};

pub fn tests() -> Vec<Test> {
    let tests = [
        activated::tests(),
        event_loop::tests(),
        frames::tests(),
        rate_limiter::tests(),
        semaphores::tests(),
        shared_memory::tests(),
        worker_pool::tests(),
        workers::tests(),
    ];
    tests.into_iter().flatten().collect()
}

/// The program of an example, which `cargo test` builds beside this one.
fn example(name: &str) -> Result<PathBuf, Lacking> {
    let this = env::current_exe().expect("the path of the test program");
    let profile = this.ancestors().nth(2).expect("target/PROFILE/deps/it-HASH");
    let program = profile.join("examples").join(name);
    if program.exists() { Ok(program) } else { Err(Lacking(format!("the example (cargo build --example {name})"))) }
}
