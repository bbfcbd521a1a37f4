//! The command-line tool `rawipc`: POSIX message queues, semaphores and shared memory from a shell.
//!
//! One module a subject (`mq`, `sem`, `shm`, `list`, `limits`, `demo`); each command is a struct of its arguments with
//! a method `run`. Around them: `arguments` (values that several commands take), `output`, `json`, `table` and `moment`
//! (what goes to standard output), `progress` and `failure` (what goes to standard error, and the exit code), `account`
//! and `registration` (what several commands tell), `signals`.

#![forbid(unsafe_code)]

mod account;
mod arguments;
mod demo;
mod failure;
mod json;
mod limits;
mod list;
mod moment;
mod mq;
mod output;
mod progress;
mod registration;
mod sem;
mod shm;
mod signals;
mod table;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;

/// POSIX message queues, semaphores and shared memory from the command line.
#[derive(Parser)]
#[command(version, disable_help_subcommand = true, after_help = HELP)]
struct Tool {
    #[command(subcommand)]
    command: Command,
}

const HELP: &str = "\
The queues, semaphores and shared memory objects are those that programs in C, Python or Rust open by the same name.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 it would have to wait, or the time was over.

Example, in two terminals:
  rawipc mq create jobs
  rawipc mq receive jobs --follow
                                    echo 'resize 42' | rawipc mq send jobs

Example, at most four at once:
  rawipc sem create slots --value 4
  rawipc sem run slots -- make image.png

What is there, and what of the limits is left:
  rawipc list
  rawipc limits";

#[derive(Subcommand)]
enum Command {
    /// Message queues: create, send, receive, stat, watch, unlink.
    #[command(subcommand)]
    Mq(mq::Command),
    /// Semaphores: create, post, wait, value, stat, repair, unlink, run.
    #[command(subcommand)]
    Sem(sem::Command),
    /// Shared memory: create, read, write, stat, unlink.
    #[command(subcommand)]
    Shm(shm::Command),
    List(list::List),
    Limits(limits::Command),
    Demo(demo::Demo),
    DemoPartner(demo::Partner),
}

impl Command {
    fn run(&self) -> Result<ExitCode, Failure> {
        let result = match self {
            Self::Mq(command) => command.run(),
            Self::Sem(command) => return command.run(),
            Self::Shm(command) => command.run(),
            Self::List(list) => list.run(),
            Self::Limits(limits) => limits.run(),
            Self::Demo(demo) => demo.run(),
            Self::DemoPartner(partner) => partner.run(),
        };
        result.map(|()| ExitCode::SUCCESS)
    }
}

fn main() -> ExitCode {
    match Tool::parse().command.run() {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}
