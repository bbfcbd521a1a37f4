//! rawipc beside its peers, in one run: `cargo bench --bench compare`, or `cargo bench --bench compare -- --check` to
//! fail where a target of the project is missed.
//!
//! Times drift with the machine, ratios much less. So every subject is measured in turns with what it is compared with,
//! and each figure is the best of many short rounds.

// Nothing of a bench is for others.
#![allow(unreachable_pub)]

mod measure;
mod processes;
mod queue;
mod semaphore;

use std::process::ExitCode;

use measure::Table;

fn main() -> ExitCode {
    let mut table = Table::default();
    semaphore::uncontended(&mut table, 1);
    semaphore::uncontended(&mut table, 5);
    semaphore::failing(&mut table);
    semaphore::opening(&mut table);
    queue::pairs(&mut table);
    queue::failing(&mut table);
    processes::hand_off(&mut table);
    processes::contention(&mut table);
    println!("{table}");
    let check = std::env::args().any(|argument| argument == "--check");
    if check && table.misses() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
