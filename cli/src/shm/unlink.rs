use clap::Args;
use rawipc::SharedMemory;

use crate::error::Failure;
use crate::unlink::Names;

/// Remove shared memory objects by name.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Unlink {
    #[command(flatten)]
    objects: Names,
}

const HELP: &str = "\
Programs that have an object open or mapped go on using it; it ends when the last of them lets it go.

Example:
  rawipc shm unlink state frame";

impl Unlink {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        self.objects.each(SharedMemory::unlink)
    }
}
