use std::io::{self, BufRead, Read};
use std::time::Duration;

use clap::Args;
use rawipc::{Name, OpenFlags, Priority};

use super::queue::Sort;
use crate::arguments;
use crate::failure::Failure;
use crate::progress::Progress;

/// The most bytes of a line that are counted, if it is too long to be sent.
const COUNTED: u64 = 1 << 20;

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

/// What came from the input.
enum Input {
    Message,
    /// A line of so many bytes, which is more than a message may have.
    TooLong(u64),
    End,
}

/// Reads one line, without its newline. Never keeps more of it than a message and a newline have.
fn read_line(input: &mut impl BufRead, size: usize, line: &mut Vec<u8>) -> io::Result<Input> {
    line.clear();
    let length = input.take(size as u64 + 1).read_until(b'\n', line)?;
    if line.pop_if(|last| *last == b'\n').is_some() || (1..=size).contains(&length) {
        return Ok(Input::Message);
    }
    if length == 0 {
        return Ok(Input::End);
    }
    Ok(Input::TooLong(length as u64 + skip_line(input, COUNTED)?))
}

/// Reads to the end of the line, but not much more than `limit` bytes; returns how many, without the newline.
fn skip_line(input: &mut impl BufRead, limit: u64) -> io::Result<u64> {
    let mut skipped = 0;
    while skipped <= limit {
        let buffer = input.fill_buf()?;
        let newline = buffer.iter().position(|byte| *byte == b'\n');
        let length = newline.unwrap_or(buffer.len());
        let ended = newline.is_some() || buffer.is_empty();
        skipped += length as u64;
        input.consume(length);
        if ended {
            break;
        }
    }
    Ok(skipped)
}

/// Reads as much as a message can hold, unless the input ends before.
fn read_chunk(input: &mut impl Read, size: usize, chunk: &mut Vec<u8>) -> io::Result<Input> {
    chunk.clear();
    let length = input.take(size as u64).read_to_end(chunk)?;
    Ok(if length == 0 { Input::End } else { Input::Message })
}
