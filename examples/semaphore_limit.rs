//! A limit across processes: of eight workers, at most three are inside at once.
//!
//! The program starts itself again as the workers. Each takes a permit before it goes in; dropping the permit lets
//! another process in. A second semaphore counts those inside, only to show that the limit holds.
//!
//! ```sh
//! cargo run --example semaphore_limit
//! ```

use std::env;
use std::error::Error;
use std::hint::spin_loop;
use std::process::{Child, Command};

use rawipc::{Name, NamedSemaphore, name, retry_on_interrupt};

const WORKERS: u32 = 8;
const INSIDE_AT_MOST: u32 = 3;
const VISITS: u32 = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => supervise(),
        [slots, inside] => work(Name::new(slots.as_str())?, Name::new(inside.as_str())?),
        _ => Err("no arguments are taken".into()),
    }
}

/// Makes the semaphores, starts the workers, waits for their ends.
fn supervise() -> Result<(), Box<dyn Error>> {
    let options = NamedSemaphore::options().unlink_on_drop(true);
    let slots = options.initial_value(INSIDE_AT_MOST).create_unique(name!("/rawipc-example-limit-slots-"))?;
    // A counter: each one inside adds a token and takes it away again.
    let inside = options.create_unique(name!("/rawipc-example-limit-inside-"))?;
    let names = [&slots, &inside].map(|semaphore| semaphore.name().to_string());
    let program = env::current_exe()?;
    let workers: Vec<Child> =
        (0..WORKERS).map(|_| Command::new(&program).args(&names).spawn()).collect::<Result<_, _>>()?;
    for mut worker in workers {
        let status = worker.wait()?;
        if !status.success() {
            return Err(format!("a worker failed: {status}").into());
        }
    }
    if (slots.value(), inside.value()) != (INSIDE_AT_MOST, 0) {
        return Err(format!("tokens are lost: {slots:?}, {inside:?}").into());
    }
    println!("{WORKERS} workers went in {VISITS} times each, never more than {INSIDE_AT_MOST} at once");
    Ok(())
}

/// Goes in again and again, and looks around.
fn work(slots: &Name, inside: &Name) -> Result<(), Box<dyn Error>> {
    let slots = NamedSemaphore::options().open(slots)?;
    let inside = NamedSemaphore::options().open(inside)?;
    for _ in 0..VISITS {
        let permit = retry_on_interrupt!(slots.acquire())?;
        inside.post()?;
        let now = inside.value();
        // What the worker came for.
        (0..10_000).for_each(|_| spin_loop());
        inside.try_wait()?;
        drop(permit);
        if now > INSIDE_AT_MOST {
            return Err(format!("{now} are inside at once").into());
        }
    }
    Ok(())
}
