use std::io;
use std::time::Duration;

use clap::Args;
use rawipc::{Name, OpenFlags, Priority};

use super::input::{COUNTED, Input, read_chunk, read_line};
use super::queue::Sort;
use crate::arguments;
use crate::error::Failure;
use crate::progress::Progress;

/// Send each line of standard input as a message.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Send {
    /// The queue's name, with or without its slash.
    #[arg(value_parser = arguments::name())]
    name: &'static Name,
    /// The messages' priority, 0 to 32767; the highest is received first.
    #[arg(long, value_name = "N", value_parser = arguments::priority, default_value = "0")]
    #[arg(allow_negative_numbers = true)]
    priority: Priority,
    /// How long to wait for each message if the queue is full; 0 does not wait [default: for ever].
    #[arg(long, value_name = "SECONDS", value_parser = arguments::seconds, allow_negative_numbers = true)]
    timeout: Option<Duration>,
    /// Send the bytes as they are, cut into messages of the queue's message size.
    #[arg(long)]
    chunks: bool,
    #[command(flatten)]
    sort: Sort,
}

const HELP: &str = "\
The newline is not sent; an empty line is an empty message. A line longer than the queue's messages
may be is an error; what was sent before it stays sent.

Example:
  echo 'resize 42' | rawipc mq send jobs --priority 3
  rawipc mq send images --chunks < cat.jpg";

impl Send {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let failure = Failure::about(self.name);
        let queue = self.sort.open(self.name, OpenFlags::WRITE).map_err(&failure)?;
        let size = queue.attributes().map_err(&failure)?.max_message_size;
        let mut input = io::stdin().lock();
        let mut message = Vec::with_capacity(size + 1); // A newline more than the longest message.
        let mut progress = Progress::new("sent", &input);
        loop {
            let read = if self.chunks {
                read_chunk(&mut input, size, &mut message)
            } else {
                read_line(&mut input, size, &mut message)
            };
            let result = match read {
                Ok(Input::Message) => queue.send(&message, self.priority, self.timeout).map_err(&failure),
                Ok(Input::TooLong(length)) => Err(self.too_long(progress.messages() + 1, length, size)),
                Ok(Input::End) => return Ok(()),
                Err(error) => Err(Failure::of_input(error)),
            };
            result.map_err(|failure| failure.and(progress.so_far()))?;
            progress.count(message.len());
        }
    }

    fn too_long(&self, line: u64, length: u64, size: usize) -> Failure {
        let more = if length > COUNTED { "more than " } else { "" };
        let length = length.min(COUNTED);
        Failure::new(
            self.name,
            format_args!("line {line} has {more}{length} bytes, the queue's messages at most {size}"),
        )
    }
}
