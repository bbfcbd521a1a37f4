//! Message queues: one command a file.

mod create;
mod input;
mod queue;
mod receive;
mod send;
mod stat;
mod unlink;
mod watch;

use clap::Subcommand;

use crate::error::Failure;

#[derive(Subcommand)]
pub(crate) enum Command {
    Create(create::Create),
    Send(send::Send),
    Receive(receive::Receive),
    Stat(stat::Stat),
    Watch(watch::Watch),
    Unlink(unlink::Unlink),
}

impl Command {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        match self {
            Self::Create(command) => command.run(),
            Self::Send(command) => command.run(),
            Self::Receive(command) => command.run(),
            Self::Stat(command) => command.run(),
            Self::Watch(command) => command.run(),
            Self::Unlink(command) => command.run(),
        }
    }
}
