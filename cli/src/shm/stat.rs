use clap::Args;
use rawipc::SharedMemory;

use crate::error::Failure;
use crate::stat::Arguments;

/// Show a shared memory object's size and mode.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Stat {
    #[command(flatten)]
    memory: Arguments,
}

const HELP: &str = "\
It takes the right to read the object.

Example:
  rawipc shm stat state
  rawipc shm stat state --json | jq .size";

impl Stat {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        self.memory.show(|name, facts| {
            let memory = SharedMemory::options().read(true).open(name)?;
            Ok(facts.number("size", memory.size()?).mode(memory.mode()?))
        })
    }
}
