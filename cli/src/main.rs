//! The command-line tool `rawipc`: POSIX message queues, semaphores and shared memory from a shell.
//!
//! One module a subject (`mq`, `sem`, `shm`, `list`, `limits`, `demo`, `generate`); each command is a struct of its
//! arguments with a method `run`. Around them: `arguments` (values that several commands take), `stat` and `unlink`
//! (what those commands have in common), `output`, `json`, `table` and `timestamp` (what goes to standard output),
//! `progress` and `error` (what goes to standard error, and the exit code), `suggest` (which name was meant),
//! `color`, `usage` and `registration` (what several commands tell), `signals`.

#![forbid(unsafe_code)]

mod arguments;
mod color;
mod demo;
mod error;
#[cfg(feature = "completions")]
mod generate;
mod json;
mod limits;
mod list;
mod mq;
mod output;
mod progress;
mod registration;
mod sem;
mod shm;
mod signals;
mod stat;
mod suggest;
mod table;
mod timestamp;
mod unlink;
mod usage;

use std::io;
use std::process::ExitCode;

use clap::builder::StyledStr;
use clap::{Parser, Subcommand};

use error::Failure;
use output::Output;

// Public for the fuzz targets, which parse arguments without a process for each.
/// POSIX message queues, semaphores and shared memory from the command line.
#[derive(Parser)]
#[command(name = "rawipc", version, styles = color::HELP, disable_help_subcommand = true, after_help = HELP)]
pub struct Tool {
    #[command(subcommand)]
    command: Command,
}

const HELP: &str = "\
The queues, semaphores and shared memory objects are those that programs in C, Python or Rust open by the same name.
A name may be given without its slash; one that begins with `-` needs the slash, or `--` before it.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 it would have to wait, or the time was over.
141 if nobody reads the output any more. `sem wait` and `sem run` have more of them: see their help.

Examples:
  # A queue: what one program sends, another one receives.
  rawipc mq create jobs
  echo 'resize 42' | rawipc mq send jobs
  rawipc mq receive jobs --timeout 10

  # A semaphore: at most four at once.
  rawipc sem create slots --value 4
  rawipc sem run slots -- make image.png

  # What is there, and what of the limits is left.
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
    #[cfg(feature = "completions")]
    Completions(generate::Completions),
    #[cfg(feature = "completions")]
    Man(generate::Man),
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
            #[cfg(feature = "completions")]
            Self::Completions(completions) => completions.run(),
            #[cfg(feature = "completions")]
            Self::Man(man) => man.run(),
        };
        result.map(|()| ExitCode::SUCCESS)
    }
}

fn main() -> ExitCode {
    let result = match Tool::try_parse() {
        Ok(tool) => tool.command.run(),
        // Help and the version are what was asked for.
        Err(error) if !error.use_stderr() => show(&error.render()),
        Err(error) => return error::report_usage(&error),
    };
    result.unwrap_or_else(Failure::report)
}

fn show(text: &StyledStr) -> Result<ExitCode, Failure> {
    Output::open()?.write(color::help(text, &io::stdout()))?;
    Ok(ExitCode::SUCCESS)
}
