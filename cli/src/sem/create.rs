use clap::Args;
use rawipc::{Name, NamedSemaphore};

use super::Library;
use crate::arguments;
use crate::error::Failure;

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
    #[command(flatten)]
    library: Library,
}

const HELP: &str = "\
Programs in C and Python find it by sem_open if they use that C library: `gnu` is glibc of this program's
word size, `musl` is musl since 1.2.4. The default is the library whose dynamic loader this machine has, also
where this program is linked with the other one. If the other library has a semaphore of this name, nothing
is created, unless --abi is given. A semaphore stays until it is unlinked or the machine restarts.

Example:
  rawipc sem create slots --value 4 --mode 660";

impl Create {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let options = self.library.options().create_new(true).initial_value(self.value).exact_mode(self.mode);
        options.open(self.name).and_then(NamedSemaphore::close).map_err(Failure::about(self.name))
    }
}
