//! `rawipc mq watch`: a line, or a command, for each arrival.

mod queue;
mod runner;

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;
use rawipc::Name;

use crate::arguments;
use crate::error::Failure;
use crate::output::Output;
use queue::Watched;
use runner::Program;

/// Tell when messages arrive, or run a command then.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Watch {
    /// The queue's name, with or without its slash.
    #[arg(value_parser = arguments::name())]
    name: &'static Name,
    /// End after N lines, or runs of CMD [default: never].
    #[arg(long, value_name = "N", value_parser = arguments::positive, allow_negative_numbers = true)]
    count: Option<usize>,
    /// How long to wait for each arrival; 0 does not wait [default: for ever].
    #[arg(long, value_name = "SECONDS", value_parser = arguments::seconds, allow_negative_numbers = true)]
    timeout: Option<Duration>,
    /// Each line is a JSON object.
    #[arg(long, conflicts_with = "command")]
    json: bool,
    /// Run this for the arrivals, in place of a line for each.
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

const HELP: &str = "\
It takes no messages. An arrival is a message that comes into the empty queue: of no other does the kernel
tell, nor of one that a waiting receiver gets. Messages that are there at the start are an arrival, too.
Without CMD each is a line: the time (UTC), how many messages are in the queue, and their bytes; 0 if
another program was quicker to take them.

CMD is to take messages, one or more. It is run again as long as there are some; not if others were
quicker. If it takes none, that is said on standard error, and it is run again when more come. A run
that fails is reported, and watching goes on; the exit code, with --count, is then 1.

A queue tells one process only: if another one is registered, this ends with exit code 1 and says which.
Queues in shared memory cannot be watched: `mq receive --shared --follow` takes their messages.

Example:
  rawipc mq watch jobs
  rawipc mq watch jobs -- rawipc mq receive jobs --timeout 0";

impl Watch {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let watched = Watched::open(self.name, self.timeout)?;
        match self.command.split_first() {
            None => self.tell(watched),
            Some((program, arguments)) => self.react(watched, Program::new(program, arguments)),
        }
    }

    /// Writes a line for each arrival.
    fn tell(&self, mut watched: Watched) -> Result<(), Failure> {
        let mut output = Output::open()?;
        let mut look = watched.look()?;
        // What came between the registration and the look is not to be reported twice.
        if look.messages > 0 && watched.has_arrived()? {
            look = watched.look()?;
        }
        for _ in 0..self.count.unwrap_or(usize::MAX) {
            if look.messages == 0 {
                look = watched.next_arrival()?;
            }
            output.write(if self.json { look.json() } else { look.line() })?;
            look.messages = 0; // Told.
        }
        Ok(())
    }

    /// Runs the program while there are messages and it takes some, and waits for more.
    fn react(&self, mut watched: Watched, mut program: Program) -> Result<(), Failure> {
        loop {
            let before = watched.look_apart()?;
            if before.messages == 0 {
                program.has_stalled = false;
                watched.next_arrival()?;
                continue;
            }
            program.run(self.name)?;
            if self.count == Some(program.runs) {
                return program.verdict(self.name);
            }
            // In this order: what comes after the look does not count as there, nor as missed.
            let after = watched.look()?;
            let has_arrived = watched.has_arrived()?;
            let has_changed = watched.has_changed()?;
            if has_arrived || has_changed || after.messages != before.messages || after.changed != before.changed {
                // Nothing is sent to a full queue before something is taken.
                program.takes |= has_arrived || after.messages < before.messages || before.is_full;
                continue;
            }
            // Nothing seems to have happened. But senders who wait for room in a full queue fill it again unseen.
            if after.is_full && !before.is_settled {
                if !(program.takes && program.has_succeeded) {
                    watched.settle()?;
                }
                continue;
            }
            program.stalled(self.name, after.messages);
            watched.next_change(after)?;
        }
    }
}
