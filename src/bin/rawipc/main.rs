//! The command-line tool `rawipc`: POSIX message queues from a shell.
//!
//! One module a subject (`mq`, `demo`); each command is a struct of its arguments with a method `run`. Around them:
//! `arguments` (values that several commands take), `output` and `json` (what goes to standard output), `progress` and
//! `failure` (what goes to standard error, and the exit code).

#![forbid(unsafe_code)]

mod arguments;
mod demo;
mod failure;
mod json;
mod mq;
mod output;
mod progress;
mod shm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;

/// POSIX message queues from the command line.
#[derive(Parser)]
#[command(version, disable_help_subcommand = true, after_help = HELP)]
struct Tool {
    #[command(subcommand)]
    command: Command,
}

const HELP: &str = "\
The queues are those that programs in C, Python or Rust open by the same name.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 it would have to wait, or the time was over.

Example, in two terminals:
  rawipc mq create jobs
  rawipc mq receive jobs --follow
                                    echo 'resize 42' | rawipc mq send jobs";

#[derive(Subcommand)]
enum Command {
    /// Message queues: create, send, receive, stat, unlink.
    #[command(subcommand)]
    Mq(mq::Command),
    /// Shared memory: create, read, write, stat, unlink.
    #[command(subcommand)]
    Shm(shm::Command),
    Demo(demo::Demo),
    DemoPartner(demo::Partner),
}

impl Command {
    fn run(&self) -> Result<(), Failure> {
        match self {
            Self::Mq(command) => command.run(),
            Self::Shm(command) => command.run(),
            Self::Demo(demo) => demo.run(),
            Self::DemoPartner(partner) => partner.run(),
        }
    }
}

fn main() -> ExitCode {
    match Tool::parse().command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
