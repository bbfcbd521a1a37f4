//! Semaphores: one command a file.

mod create;
mod interruptible;
mod post;
mod repair;
mod run;
mod stat;
mod unlink;
mod value;
mod wait;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use rawipc::semaphore::NamedSemaphoreOptions;
use rawipc::semaphore::abi::Abi;
use rawipc::{Name, NamedSemaphore};

use crate::arguments;
use crate::error::Failure;

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

/// A semaphore that is there already.
#[derive(Args)]
struct Existing {
    /// The semaphore's name, with or without its slash.
    #[arg(value_parser = arguments::name())]
    name: &'static Name,
    #[command(flatten)]
    library: Library,
}

impl Existing {
    fn open(&self) -> Result<NamedSemaphore, Failure> {
        self.library.options().open(self.name).map_err(Failure::about(self.name))
    }
}

/// The C library whose semaphore it is.
#[derive(Args)]
struct Library {
    /// Whose semaphore it is: gnu, musl, gnu64 or gnu32 [default: that of this machine's C library].
    #[arg(long, value_name = "ABI", value_parser = arguments::abi)]
    abi: Option<Abi>,
}

impl Library {
    fn options(&self) -> NamedSemaphoreOptions {
        let options = NamedSemaphore::options();
        self.abi.map_or(options, |abi| options.abi(abi))
    }
}
