use clap::Args;
use rawipc::Name;

use super::open;
use crate::arguments;
use crate::failure::Failure;

/// Add tokens to a semaphore, and wake as many waiters.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Post {
    /// The semaphore's name, with or without its slash.
    #[arg(value_parser = arguments::name())]
    name: &'static Name,
    /// How many; all of them or, if the value would be too large, none.
    #[arg(long, value_name = "N", value_parser = arguments::tokens, default_value = "1", allow_negative_numbers = true)]
    count: u32,
}

const HELP: &str = "\
Example:
  rawipc sem post ready
  rawipc sem post slots --count 4";

impl Post {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        open(self.name)?.post_many(self.count).map_err(Failure::about(self.name))
    }
}
