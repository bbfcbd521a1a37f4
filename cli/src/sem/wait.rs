use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::Existing;
use super::interruptible::{Taken, take};
use crate::arguments;
use crate::error::Failure;
use crate::signals::Signals;

/// Take a token from a semaphore, waiting for one if there is none.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Wait {
    #[command(flatten)]
    semaphore: Existing,
    /// How long to wait; 0 does not wait [default: for ever].
    #[arg(long, value_name = "SECONDS", value_parser = arguments::seconds, allow_negative_numbers = true)]
    timeout: Option<Duration>,
}

const HELP: &str = "\
The token is taken for good: somebody has to post it. To give it back when a command ends, use
`rawipc sem run`. Ended by a signal (INT, TERM, HUP, QUIT) while it waits, it has taken none, and the exit
code is 128 + the signal's number.

Example:
  rawipc sem wait ready --timeout 10 && echo ready";

impl Wait {
    pub(crate) fn run(&self) -> Result<ExitCode, Failure> {
        let semaphore = self.semaphore.open()?;
        let mut signals = Signals::catch().map_err(|error| Failure::new("signals", error))?;
        match take(&semaphore, self.timeout, &mut signals).map_err(Failure::about(self.semaphore.name))? {
            Taken::Token => Ok(ExitCode::SUCCESS),
            Taken::Signal(signal) => Ok(signal.exit_code().into()),
        }
    }
}
