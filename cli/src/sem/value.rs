use clap::Args;

use super::Existing;
use crate::error::Failure;
use crate::json::Object;
use crate::output::Output;

/// Print how many tokens a semaphore has now: the number alone.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Value {
    #[command(flatten)]
    semaphore: Existing,
    /// As a JSON object.
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
Example:
  test $(rawipc sem value slots) -gt 0 && echo free";

impl Value {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let value = self.semaphore.open()?.value();
        let object = || Object::new().name(self.semaphore.name).number("value", value).finish();
        let text = if self.json { object() } else { value.to_string() };
        Output::open()?.write(text + "\n")
    }
}
