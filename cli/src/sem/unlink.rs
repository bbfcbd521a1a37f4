use clap::Args;
use rawipc::semaphore::abi::Abi;
use rawipc::{ErrorKind, Name, Result};

use super::Library;
use crate::error::Failure;
use crate::unlink::Names;

/// Remove semaphores by name.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Unlink {
    #[command(flatten)]
    semaphores: Names,
    #[command(flatten)]
    library: Library,
}

const HELP: &str = "\
Programs that have a semaphore open go on using it. A name can stand for one of glibc's and for one of
musl's at once: each is removed alone.

Example:
  rawipc sem unlink slots ready";

impl Unlink {
    pub(crate) fn run(&self) -> std::result::Result<(), Failure> {
        self.semaphores.each(|name| self.unlink(name))
    }

    fn unlink(&self, name: &Name) -> Result<()> {
        let options = self.library.options();
        let found = options.open(name);
        let abi = self.library.abi.unwrap_or_else(Abi::of_machine);
        match found {
            // What bears a name of musl's may be shared memory. A file named like one of glibc's is nothing else.
            Err(error) if error.kind() == ErrorKind::Malformed && abi == Abi::Musl => Err(error),
            // Without the right to use it, it may still be removed.
            _ => options.unlink(name),
        }
    }
}
