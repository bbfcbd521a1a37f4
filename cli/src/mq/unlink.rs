use clap::Args;

use super::queue::Sort;
use crate::error::Failure;
use crate::unlink::Names;

/// Remove message queues by name.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Unlink {
    #[command(flatten)]
    queues: Names,
    #[command(flatten)]
    sort: Sort,
}

const HELP: &str = "\
Programs that have a queue open go on using it; it ends when the last of them closes it.

Example:
  rawipc mq unlink jobs results";

impl Unlink {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        self.queues.each(|name| self.sort.unlink(name))
    }
}
