use clap::Args;
use rawipc::{ErrorKind, MessageQueue, Name, Result};

use crate::arguments;
use crate::failure::Failure;
use crate::json::Object;
use crate::output::Output;

/// Show a message queue's sizes, its mode, and how many messages are in it.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Stat {
    /// The queue's name, with or without its slash.
    #[arg(value_parser = arguments::name())]
    name: &'static Name,
    /// As one JSON object; the mode is a string of octal digits.
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
The right to receive or to send is enough.

Example:
  rawipc mq stat jobs
  rawipc mq stat jobs --json | jq .messages";

impl Stat {
    pub(crate) fn run(&self) -> std::result::Result<(), Failure> {
        let text = self.describe().map_err(Failure::about(self.name))?;
        Output::open()?.write(text)
    }

    fn describe(&self) -> Result<String> {
        let queue = open(self.name)?;
        let attributes = queue.attributes()?;
        let mode = format!("{:04o}", queue.mode()?);
        if !self.json {
            return Ok(format!(
                "name: {}\nmax messages: {}\nmax message size: {}\nmessages: {}\nmode: {mode}\n",
                self.name, attributes.max_messages, attributes.max_message_size, attributes.messages
            ));
        }
        let object = Object::new()
            .text("name", &String::from_utf8_lossy(self.name.as_bytes()))
            .number("max_messages", attributes.max_messages)
            .number("max_message_size", attributes.max_message_size)
            .number("messages", attributes.messages)
            .text("mode", &mode);
        Ok(object.finish() + "\n")
    }
}

/// Opens the queue by whichever right the user has: any descriptor shows the attributes.
fn open(name: &Name) -> Result<MessageQueue> {
    match MessageQueue::options().read(true).open(name) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => MessageQueue::options().write(true).open(name),
        result => result,
    }
}
