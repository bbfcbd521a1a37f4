use clap::Args;

use super::Existing;
use crate::error::Failure;
use crate::output::Output;

/// Forget waiters that are recorded but were killed.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Repair {
    #[command(flatten)]
    semaphore: Existing,
    /// You have made sure that no process waits for it.
    #[arg(long, required = true)]
    yes: bool,
}

const HELP: &str = "\
A process that was killed while it waited stays recorded in the semaphore. That makes each post a little
slower and does no other harm. This sets the number of recorded waiters to 0. The value stays: a token
that a killed process had taken is put back by `rawipc sem post`.

One who does wait is not woken by a post any more: a C program sleeps for ever, `rawipc` and users
of its library look again every second. So this is for when nobody waits.

Example:
  rawipc sem stat slots
  rawipc sem repair slots --yes";

impl Repair {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let semaphore = self.semaphore.open()?;
        let recorded = semaphore.waiters();
        semaphore.reset_waiters();
        let waiters = if recorded == 1 { "waiter" } else { "waiters" };
        Output::open()?.write(format!("{}: {recorded} recorded {waiters} forgotten\n", self.semaphore.name))
    }
}
