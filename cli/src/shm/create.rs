use clap::Args;
use rawipc::{Name, SharedMemory};

use super::bytes;
use crate::arguments;
use crate::error::Failure;

/// Create a shared memory object of zeros; fails if there is one of this name.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Create {
    /// The object's name, with or without its slash.
    #[arg(value_parser = arguments::name())]
    name: &'static Name,
    /// How many bytes it has.
    #[arg(long, value_name = "BYTES", value_parser = bytes, allow_negative_numbers = true)]
    size: u64,
    /// Who may read (r) and write (w), as for chmod, whatever the umask.
    #[arg(long, value_name = "OCTAL", value_parser = arguments::mode, default_value = "600")]
    mode: u32,
    /// Reserve no space: memory is taken as it is touched, and a program that touches it when there is none is killed.
    #[arg(long)]
    sparse: bool,
}

const HELP: &str = "\
The object stays, with its bytes, until it is unlinked or the machine restarts.

Example:
  rawipc shm create state --size 4096 --mode 660";

impl Create {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let options = SharedMemory::options().write(true).create_new(true);
        let options = options.size(self.size).sparse(self.sparse).exact_mode(self.mode);
        options.open(self.name).and_then(SharedMemory::close).map_err(Failure::about(self.name))
    }
}
