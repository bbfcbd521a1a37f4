//! A counter in shared memory that four processes add to, one at a time: a semaphore beside it lets one in.
//!
//! The program starts itself again as the other processes. Adding is done in two steps, reading and writing, so that
//! additions would be lost if two processes were at it at once.
//!
//! ```sh
//! cargo run --example shared_counter
//! ```

use std::env;
use std::error::Error;
use std::process::{Child, Command, id};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rawipc::shm::SharedOptions;
use rawipc::{Name, Semaphore, Shared, shareable};

const PROCESSES: u64 = 4;
const ADDITIONS: u64 = 10_000;

shareable! {
    /// What the processes have in common.
    struct Counter {
        /// One token: who has it may change the count.
        free: Semaphore,
        count: AtomicU64,
    }
}

/// To be raised with each change of `Counter`: then programs of two versions do not mix their counts up.
const VERSION: u32 = 1;

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1) {
        None => supervise(),
        Some(name) => add(Name::new(name.as_str())?),
    }
}

fn options() -> SharedOptions<Counter> {
    Shared::<Counter>::options().version(VERSION)
}

/// Makes the counter, starts the others, and looks what they have counted.
fn supervise() -> Result<(), Box<dyn Error>> {
    let name = format!("/rawipc-example-counter-{}", id());
    // Fresh memory is zero: a count of 0, and a semaphore without tokens.
    let counter = options().unlink_on_drop(true).open(Name::new(name.as_str())?, |fresh| {
        // It cannot fail: one token is not too many.
        let _ = fresh.free.post();
    })?;
    let others: Vec<Child> =
        (0..PROCESSES).map(|_| Command::new(env::current_exe()?).arg(&name).spawn()).collect::<Result<_, _>>()?;
    for mut other in others {
        let status = other.wait()?;
        if !status.success() {
            return Err(format!("a process failed: {status}").into());
        }
    }
    let (count, expected) = (counter.count.load(Relaxed), PROCESSES * ADDITIONS);
    if count != expected {
        return Err(format!("{count} is not {expected}: additions are lost").into());
    }
    println!("{PROCESSES} processes have counted to {count}");
    Ok(())
}

fn add(name: &Name) -> Result<(), Box<dyn Error>> {
    let counter = options().open_existing(name)?;
    for _ in 0..ADDITIONS {
        // A process that was killed here would keep the token: the others do not wait for ever.
        counter.free.wait_timeout(Duration::from_secs(30))?;
        let count = counter.count.load(Relaxed);
        counter.count.store(count + 1, Relaxed);
        counter.free.post()?;
    }
    println!("process {} has added {ADDITIONS}", id());
    Ok(())
}
