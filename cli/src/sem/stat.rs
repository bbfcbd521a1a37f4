use clap::Args;
use rawipc::semaphore::Diagnosis;

use super::Library;
use crate::error::Failure;
use crate::stat::Arguments;

/// Show a semaphore's layout, its value, and how many are recorded as waiting.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Stat {
    #[command(flatten)]
    semaphore: Arguments,
    #[command(flatten)]
    library: Library,
}

const HELP: &str = "\
The layout says whose programs can use it: gnu64 and gnu32 are those of glibc, musl is that of musl.
A waiter that was killed stays recorded; `rawipc sem repair --help` says what to do about it.

Example:
  rawipc sem stat slots
  rawipc sem stat slots --json | jq .waiters";

impl Stat {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        self.semaphore.show(|name, facts| {
            let Diagnosis { abi, value, waiters } = self.library.options().open(name)?.diagnose();
            let facts = facts.text("layout", abi).number("value", value);
            Ok(facts.fact("recorded as waiting", waiters, |object| object.number("waiters", waiters)))
        })
    }
}
