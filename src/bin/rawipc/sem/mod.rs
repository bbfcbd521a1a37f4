//! Semaphores: one command a file.

mod create;
mod post;
mod repair;
mod run;
mod stat;
mod taking;
mod unlink;
mod value;
mod wait;

use std::process::ExitCode;

use clap::Subcommand;
use rawipc::{Name, NamedSemaphore};

use crate::failure::Failure;

#[derive(Subcommand)]
pub(crate) enum Command {
    Create(create::Create),
    Post(post::Post),
    Wait(wait::Wait),
    Value(value::Value),
    Stat(stat::Stat),
    Repair(repair::Repair),
    Unlink(unlink::Unlink),
    Run(run::Run),
}

impl Command {
    pub(crate) fn run(&self) -> Result<ExitCode, Failure> {
        let result = match self {
            Self::Create(command) => command.run(),
            Self::Post(command) => command.run(),
            Self::Value(command) => command.run(),
            Self::Stat(command) => command.run(),
            Self::Repair(command) => command.run(),
            Self::Unlink(command) => command.run(),
            Self::Wait(command) => return command.run(),
            Self::Run(command) => return command.run(),
        };
        result.map(|()| ExitCode::SUCCESS)
    }
}

/// Opens the semaphore of this name, of whichever C library.
fn open(name: &Name) -> Result<NamedSemaphore, Failure> {
    NamedSemaphore::options().open(name).map_err(Failure::about(name))
}
