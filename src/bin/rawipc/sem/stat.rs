use clap::Args;
use rawipc::{Diagnosis, Name};

use super::open;
use crate::arguments;
use crate::failure::Failure;
use crate::json::Object;
use crate::output::Output;

/// Show a semaphore's layout, its value, and how many are recorded as waiting.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Stat {
    /// The semaphore's name, with or without its slash.
    #[arg(value_parser = arguments::name())]
    name: &'static Name,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
The layout says whose programs can use it: gnu64 and gnu32 are those of glibc, musl is that of musl.
A waiter that was killed stays recorded; `rawipc sem repair` says what to do about it.

Example:
  rawipc sem stat slots
  rawipc sem stat slots --json | jq .waiters";

impl Stat {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let Diagnosis { abi, value, waiters } = open(self.name)?.diagnose();
        let text = if self.json {
            let object = Object::new().name(self.name).text("layout", &abi.to_string());
            object.number("value", value).number("waiters", waiters).finish() + "\n"
        } else {
            format!("name: {}\nlayout: {abi}\nvalue: {value}\nrecorded as waiting: {waiters}\n", self.name)
        };
        Output::open()?.write(text)
    }
}
