use clap::Args;

use super::Existing;
use crate::arguments;
use crate::error::Failure;

/// Add tokens to a semaphore, and wake as many waiters.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Post {
    #[command(flatten)]
    semaphore: Existing,
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
        self.semaphore.open()?.post_many(self.count).map_err(Failure::about(self.semaphore.name))
    }
}
