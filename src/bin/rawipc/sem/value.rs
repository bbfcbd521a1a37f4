use clap::Args;
use rawipc::Name;

use super::open;
use crate::arguments;
use crate::failure::Failure;
use crate::output::Output;

/// Print how many tokens a semaphore has now: the number alone.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Value {
    /// The semaphore's name, with or without its slash.
    #[arg(value_parser = arguments::name())]
    name: &'static Name,
}

const HELP: &str = "\
Example:
  test $(rawipc sem value slots) -gt 0 && echo free";

impl Value {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let value = open(self.name)?.value();
        Output::open()?.write(format!("{value}\n"))
    }
}
