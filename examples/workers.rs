//! A job queue with three worker processes: each job is done by exactly one of them, urgent ones first.
//!
//! The program starts itself again as the workers. A job of no bytes tells a worker to stop; it has the lowest
//! priority, so the workers have done everything else by then.
//!
//! ```sh
//! cargo run --example workers
//! ```

use std::env;
use std::error::Error;
use std::process::{Child, Command};

use rawipc::{MessageBuffer, MessageQueue, Name, Priority, Receiver, Sender, name};

const WORKERS: usize = 3;
const LONGEST_JOB: usize = 32;

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1) {
        None => supervise(),
        Some(queue) => work(Name::new(queue.as_str())?),
    }
}

/// Makes the queue, starts the workers, sends the jobs, and waits for the workers' ends.
fn supervise() -> Result<(), Box<dyn Error>> {
    let queue = MessageQueue::options()
        .write(true)
        .max_messages(8)
        .max_message_size(LONGEST_JOB)
        .unlink_on_drop(true)
        .create_unique(name!("/rawipc-example-workers-"))?;
    let name = queue.name().ok_or("a created queue has a name")?.to_string();
    let workers: Vec<Child> =
        (0..WORKERS).map(|_| Command::new(env::current_exe()?).arg(&name).spawn()).collect::<Result<_, _>>()?;

    let jobs = Sender::try_from(queue).map_err(rawipc::Error::from)?;
    for number in 0..20_u8 {
        let urgent = number % 5 == 0;
        let job = format!("{} {number}", if urgent { "urgent" } else { "usual" });
        jobs.send(job.as_bytes(), Priority::from(if urgent { 2 } else { 1 }))?;
    }
    for _ in 0..WORKERS {
        jobs.send(&[], Priority::MIN)?;
    }
    for mut worker in workers {
        let status = worker.wait()?;
        if !status.success() {
            return Err(format!("a worker failed: {status}").into());
        }
    }
    println!("all jobs are done");
    Ok(())
}

/// Does jobs until one of no bytes comes.
fn work(queue: &Name) -> Result<(), Box<dyn Error>> {
    let jobs = Receiver::open(queue)?;
    let mut buffer = MessageBuffer::<LONGEST_JOB>::new();
    loop {
        let job = jobs.receive(&mut buffer)?;
        if job.payload().is_empty() {
            return Ok(());
        }
        println!("worker {} does {}", std::process::id(), String::from_utf8_lossy(job.payload()));
    }
}
