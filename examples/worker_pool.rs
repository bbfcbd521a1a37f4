//! A pool of workers that does every job at least once, whatever happens to a worker.
//!
//! Jobs go through a [`SharedQueue`] and are received in place. A job is in flight until the worker calls `complete`,
//! after it has reported the result. A worker that returns early or panics drops the job, and one that is killed leaves
//! it: in each case the job goes back into the queue, in its old place, and another worker gets it. So a job can be
//! done twice, if the worker fails between its report and `complete`. The receiver of the results has to expect that.
//!
//! ```sh
//! cargo run --example worker_pool
//! cargo run --example worker_pool -- 1000 early panic kill
//! ```
//! The second line starts a worker with each of these flaws. Each shows once; a worker that dies is replaced by a sound
//! one.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::panic::{self, AssertUnwindSafe};
use std::process::{Child, Command, id};
use std::time::Duration;

use rawipc::shared_queue::InFlight;
use rawipc::{ErrorKind, MessageBuffer, Name, NameBuf, Priority, SharedQueue};
use rustix::process::{Signal, getpid, kill_process};

/// A job and a result are a number.
const SIZE: usize = 4;

/// How long the pool waits for a result before it looks after its workers.
const LOOK: Duration = Duration::from_millis(20);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.as_slice() {
        [jobs, results, flaw] if jobs.starts_with('/') => work(&jobs.parse()?, &results.parse()?, flaw),
        [] => supervise(100, &["none".into(), "none".into()]),
        [count, flaws @ ..] => supervise(count.parse()?, flaws),
    }
}

/// Creates both queues, starts a worker for each flaw, and counts results until each job is done.
fn supervise(count: u32, flaws: &[String]) -> Result<(), Box<dyn Error>> {
    let create = |kind: &str| {
        let name: NameBuf = format!("/rawipc-example-{kind}-{}", id()).parse()?;
        let options = SharedQueue::options().read(true).write(true).create_new(true).unlink_on_drop(true);
        Ok::<_, rawipc::Error>((options.max_messages(64).max_message_size(SIZE).open(&name)?, name))
    };
    let ((jobs, jobs_name), (results, results_name)) = (create("jobs")?, create("results")?);
    let start = |flaw: &str| {
        let names = [&jobs_name, &results_name].map(ToString::to_string);
        Command::new(env::current_exe()?).args(names).arg(flaw).spawn()
    };
    let mut workers: Vec<Child> = flaws.iter().map(|flaw| start(flaw)).collect::<Result<_, _>>()?;

    let (mut done, mut deaths, mut sent) = (BTreeMap::<u32, u32>::new(), 0, 0);
    let mut buffer = MessageBuffer::<SIZE>::new();
    while done.len() < count as usize {
        while sent < count && jobs.try_send(&sent.to_le_bytes(), Priority::MIN).is_ok() {
            sent += 1;
        }
        match results.receive_timeout(&mut buffer, LOOK) {
            Ok(result) => *done.entry(u32::from_le_bytes(result.payload().try_into()?)).or_default() += 1,
            Err(error) if error.kind() == ErrorKind::TimedOut => {}
            Err(error) => return Err(error.into()),
        }
        for worker in &mut workers {
            if worker.try_wait()?.is_some() {
                (*worker, deaths) = (start("none")?, deaths + 1);
            }
        }
    }
    // An empty job ends a worker.
    workers.iter().try_for_each(|_| jobs.send(&[], Priority::MIN))?;
    for worker in &mut workers {
        worker.wait()?;
    }
    let twice = done.values().filter(|times| **times > 1).count();
    println!("{} jobs were done, {twice} of them twice, {deaths} workers have died", done.len());
    Ok(())
}

/// Does jobs until an empty one comes.
fn work(jobs: &NameBuf, results: &NameBuf, flaw: &str) -> Result<(), Box<dyn Error>> {
    let jobs = SharedQueue::options().read(true).open(jobs)?;
    let results = open_for_sending(results)?;
    let mut flaw = Some(flaw);
    loop {
        let job = jobs.receive_in_place()?;
        if job.is_empty() {
            job.complete();
            return Ok(());
        }
        // A job that fails is back in the queue when this returns, whichever way it failed.
        let attempt = panic::catch_unwind(AssertUnwindSafe(|| do_job(job, &results, flaw.take().unwrap_or_default())));
        match attempt {
            Ok(Ok(())) => {}
            Ok(Err(error)) => eprintln!("worker {} gives a job back: {error}", id()),
            Err(_) => eprintln!("worker {} gives a job back after a panic", id()),
        }
    }
}

fn open_for_sending(name: &Name) -> rawipc::Result<SharedQueue> {
    SharedQueue::options().write(true).open(name)
}

/// Reports the result of a job, and completes it.
fn do_job(job: InFlight<'_>, results: &SharedQueue, flaw: &str) -> Result<(), Box<dyn Error>> {
    let mut number = [0; SIZE];
    job.read_at(0, &mut number)?;
    results.send(&number, Priority::MIN)?;
    match flaw {
        "early" => return Err("something went wrong after the result".into()),
        "panic" => panic::resume_unwind(Box::new("a panic after the result")),
        "kill" => kill_process(getpid(), Signal::KILL)?,
        _ => {}
    }
    job.complete();
    Ok(())
}
