use clap::Args;
use rawipc::{Name, SharedMemory};

use crate::arguments;
use crate::failure::Failure;

/// Remove shared memory objects by name.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Unlink {
    /// The objects' names, with or without their slash.
    #[arg(value_name = "NAME", required = true, value_parser = arguments::name())]
    names: Vec<&'static Name>,
}

const HELP: &str = "\
Programs that have an object open or mapped go on using it; it ends when the last of them lets it go.

Example:
  rawipc shm unlink state frame";

impl Unlink {
    /// Tries each name, as `rm` does, and reports each that fails.
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let mut result = Ok(());
        for name in &self.names {
            let Err(error) = SharedMemory::unlink(name) else { continue };
            if let Err(earlier) = std::mem::replace(&mut result, Err(Failure::about(name)(error))) {
                earlier.report();
            }
        }
        result
    }
}
