use clap::Args;
use rawipc::{MessageQueue, Name};

use crate::arguments;
use crate::failure::Failure;

/// Remove message queues by name.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Unlink {
    /// The queues' names, with or without their slash.
    #[arg(value_name = "NAME", required = true, value_parser = arguments::name())]
    names: Vec<&'static Name>,
}

const HELP: &str = "\
Programs that have a queue open go on using it; it ends when the last of them closes it.

Example:
  rawipc mq unlink jobs results";

impl Unlink {
    /// Tries each name, as `rm` does, and reports each that fails.
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let unlink = |name: &&'static Name| MessageQueue::unlink(name).map_err(Failure::about(name));
        Failure::last_of(self.names.iter().filter_map(|name| unlink(name).err()).collect())
    }
}
