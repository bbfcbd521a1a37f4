//! Shared memory: one command a file.

mod create;
mod hexdump;
mod read;
mod stat;
mod unlink;
mod write;

use clap::Subcommand;

use crate::error::Failure;

#[derive(Subcommand)]
pub(crate) enum Command {
    Create(create::Create),
    Read(read::Read),
    Write(write::Write),
    Stat(stat::Stat),
    Unlink(unlink::Unlink),
}

impl Command {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        match self {
            Self::Create(command) => command.run(),
            Self::Read(command) => command.run(),
            Self::Write(command) => command.run(),
            Self::Stat(command) => command.run(),
            Self::Unlink(command) => command.run(),
        }
    }
}

/// How many bytes are copied at a time.
const CHUNK: usize = 1 << 16;

/// A number of bytes, or of those before a place.
fn bytes(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "it is a whole number of bytes, without a unit")
}
