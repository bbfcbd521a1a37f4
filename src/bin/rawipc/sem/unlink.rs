use clap::Args;
use rawipc::{Abi, ErrorKind, Name, NamedSemaphore, Result};

use crate::arguments;
use crate::failure::Failure;
use crate::unlink::Names;

/// Remove semaphores by name.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Unlink {
    #[command(flatten)]
    semaphores: Names,
    /// Whose: gnu, musl, gnu64 or gnu32 [default: the one that the other commands find].
    #[arg(long, value_name = "ABI", value_parser = arguments::abi)]
    abi: Option<Abi>,
}

const HELP: &str = "\
Programs that have a semaphore open go on using it. A name can stand for one of glibc's and for one of
musl's at once.

Example:
  rawipc sem unlink slots ready";

impl Unlink {
    pub(crate) fn run(&self) -> std::result::Result<(), Failure> {
        self.semaphores.each(|name| self.unlink(name))
    }

    fn unlink(&self, name: &Name) -> Result<()> {
        let options = NamedSemaphore::options();
        let found = self.abi.map_or(options, |abi| options.abi(abi)).open(name);
        let abi = match (self.abi, &found) {
            (Some(abi), _) => abi,
            (None, Ok(semaphore)) => semaphore.abi(),
            (None, Err(_)) => Abi::NATIVE,
        };
        match found {
            // What bears a name of musl's may be shared memory. A file named like one of glibc's is nothing else.
            Err(error) if error.kind() == ErrorKind::Malformed && abi == Abi::Musl => Err(error),
            // Without the right to use it, it may still be removed.
            _ => options.abi(abi).unlink(name),
        }
    }
}
