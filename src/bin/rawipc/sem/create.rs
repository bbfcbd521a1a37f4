use clap::Args;
use rawipc::{Abi, Name, NamedSemaphore};

use crate::arguments;
use crate::failure::Failure;

/// Create a semaphore; fails if there is one of this name.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Create {
    /// The semaphore's name, with or without its slash.
    #[arg(value_parser = arguments::name())]
    name: &'static Name,
    /// How many tokens it has at first.
    #[arg(long, value_name = "N", value_parser = arguments::semaphore_value, allow_negative_numbers = true)]
    #[arg(default_value = "0")]
    value: u32,
    /// Who may use it, as for chmod, whatever the umask; that takes both the right to read and to write.
    #[arg(long, value_name = "OCTAL", value_parser = arguments::mode, default_value = "600")]
    mode: u32,
    /// Whose programs are to use it: gnu, musl, gnu64 or gnu32 [default: those of this machine's C library].
    #[arg(long, value_name = "ABI", value_parser = arguments::abi)]
    abi: Option<Abi>,
}

const HELP: &str = "\
Programs in C and Python find it by sem_open, if they are of that C library: `gnu` is glibc of this
machine's width, `musl` is musl since 1.2.4. It stays until it is unlinked or the machine restarts.

Example:
  rawipc sem create slots --value 4 --mode 660";

impl Create {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let options = NamedSemaphore::options().create_new(true).initial_value(self.value).exact_mode(self.mode);
        let options = self.abi.map_or(options, |abi| options.abi(abi));
        options.open(self.name).and_then(NamedSemaphore::close).map_err(Failure::about(self.name))
    }
}
