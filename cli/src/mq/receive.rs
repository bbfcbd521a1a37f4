use std::io;
use std::time::Duration;

use clap::Args;
use rawipc::{Name, OpenFlags, Priority};

use super::queue::Sort;
use crate::arguments;
use crate::error::Failure;
use crate::json::Object;
use crate::output::Output;
use crate::progress::Progress;

/// Receive messages and write each as a line.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Receive {
    /// The queue's name, with or without its slash.
    #[arg(value_parser = arguments::name())]
    name: &'static Name,
    /// Receive N messages.
    #[arg(long, value_name = "N", value_parser = arguments::positive, allow_negative_numbers = true)]
    count: Option<usize>,
    /// Receive until interrupted, or until --timeout.
    #[arg(long, conflicts_with = "count")]
    follow: bool,
    /// How long to wait for each message; 0 does not wait [default: for ever].
    #[arg(long, value_name = "SECONDS", value_parser = arguments::seconds, allow_negative_numbers = true)]
    timeout: Option<Duration>,
    /// Write the bytes alone, without a newline after each message.
    #[arg(long)]
    raw: bool,
    /// Write each message as a JSON object, with its priority.
    #[arg(long, conflicts_with = "raw")]
    json: bool,
    #[command(flatten)]
    sort: Sort,
}

const HELP: &str = "\
Without --count or --follow it is one message. Each is written out before the next one is taken,
so a receiver that is killed, or cannot write, loses at most one.

With --json a line is {\"priority\":3,\"payload\":\"resize 42\"}; a payload that is not UTF-8 is an array
of its bytes.

Example:
  rawipc mq receive jobs --timeout 0.5 || echo none
  rawipc mq receive jobs --json | jq .priority
  rawipc mq receive jobs --follow >> jobs.log";

impl Receive {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let failure = Failure::about(self.name);
        let queue = self.sort.open(self.name, OpenFlags::READ).map_err(&failure)?;
        let size = queue.attributes().map_err(&failure)?.max_message_size;
        let mut message = Vec::with_capacity(size + 1); // A newline more than the longest message.
        let mut output = Output::open()?;
        let mut progress = Progress::new("received", &io::stdout());
        let mut left = if self.follow { usize::MAX } else { self.count.unwrap_or(1) };
        while left > 0 {
            let received = queue.receive(&mut message, self.timeout);
            let priority = received.map_err(|error| failure(error).and(progress.so_far()))?;
            let length = message.len();
            let object = self.json.then(|| json(&message, priority));
            if !self.raw {
                message.push(b'\n');
            }
            output.write_dear(object.as_ref().unwrap_or(&message)).map_err(|failure| {
                failure.and(format_args!("the message just received from {} ({length} bytes) is lost", self.name))
            })?;
            progress.count(length);
            if !self.follow {
                left -= 1;
            }
        }
        Ok(())
    }
}

/// A line.
fn json(payload: &[u8], priority: Priority) -> Vec<u8> {
    let object = Object::new().number("priority", u32::from(priority)).bytes("payload", payload);
    (object.finish() + "\n").into_bytes()
}
