//! The example `workers` as a user runs it.

use std::io::{BufRead, BufReader};
use std::process::{ChildStdout, Command};

use rustix::process::{Pid, Signal, kill_process};

use super::example;
use crate::harness::{Ending, Lacking, Peer};

crate::tests!(every_job_is_done_once, at_a_signal_what_is_taken_in_is_done, a_worker_that_dies_is_replaced);

/// The supervisor, and what it and its workers print.
struct Supervisor {
    process: Peer,
    output: BufReader<ChildStdout>,
    /// The jobs that were done until now.
    jobs: Vec<u32>,
    deaths: u32,
}

impl Supervisor {
    fn start(jobs: Option<&str>) -> Result<Self, Lacking> {
        let mut process = Peer::start_reporting(Command::new(example("workers")?).args(jobs));
        let output = BufReader::new(process.stdout.take().expect("a reporting peer"));
        Ok(Self { process, output, jobs: Vec::new(), deaths: 0 })
    }

    /// Reads a line: the worker that has done a job, or else the last line.
    fn next(&mut self) -> Result<i32, String> {
        loop {
            let mut line = String::new();
            self.output.read_line(&mut line).expect("a readable pipe");
            let words: Vec<&str> = line.split_whitespace().collect();
            let number = |at: usize| words[at].parse::<u32>().expect("a number");
            match words.as_slice() {
                ["worker", worker, "does", "usual" | "urgent", _] => {
                    self.jobs.push(number(4));
                    return Ok(worker.parse().expect("a number"));
                }
                ["worker", _, "has", "died", ..] => self.deaths += 1,
                _ => return Err(line),
            }
        }
    }

    fn until(&mut self, count: usize) -> i32 {
        (0..count).map(|_| self.next().expect("a job is done")).last().expect("there are some")
    }

    /// Waits for its good end; how many jobs it has taken in, and the numbers of those that were done.
    fn end(mut self) -> (u32, Vec<u32>) {
        let last = loop {
            if let Err(last) = self.next() {
                break last;
            }
        };
        self.process.succeed();
        let taken = last.split(' ').next().and_then(|count| count.parse().ok()).expect("the last line has a number");
        assert_eq!(last, format!("{taken} jobs were taken in, {} workers have died\n", self.deaths));
        self.jobs.sort_unstable();
        (taken, self.jobs)
    }
}

fn signal(process: i32, signal: Signal) {
    kill_process(Pid::from_raw(process).expect("a process"), signal).expect("the process is there");
}

fn every_job_is_done_once() -> Ending {
    let (taken, jobs) = Supervisor::start(None)?.end();
    assert_eq!((taken, jobs), (20, (0..20).collect()));
    Ok(())
}

fn at_a_signal_what_is_taken_in_is_done() -> Ending {
    let mut supervisor = Supervisor::start(Some("1000000000"))?;
    supervisor.until(100);
    signal(supervisor.process.pid(), Signal::TERM);
    let (taken, jobs) = supervisor.end();
    assert!(taken >= 100 && jobs == (0..taken).collect::<Vec<_>>(), "{taken} were taken in, {} done", jobs.len());
    Ok(())
}

fn a_worker_that_dies_is_replaced() -> Ending {
    let mut supervisor = Supervisor::start(Some("1000000000"))?;
    let worker = supervisor.until(100);
    signal(worker, Signal::KILL);
    while supervisor.deaths == 0 {
        supervisor.until(1);
    }
    supervisor.until(100);
    signal(supervisor.process.pid(), Signal::TERM);
    let (taken, jobs) = supervisor.end();
    assert!(jobs.windows(2).all(|pair| pair[0] < pair[1]), "no job is done twice");
    assert!(taken as usize - jobs.len() <= 1, "the job in hand is lost, and no other: {taken} and {}", jobs.len());
    Ok(())
}
