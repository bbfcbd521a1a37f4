use clap::Args;
use rawipc::{ErrorKind, MessageQueue, Name, Result, Status};

use crate::arguments;
use crate::failure::Failure;
use crate::json::Object;
use crate::output::Output;
use crate::registration;

/// Show a message queue's sizes and mode, what is in it, and who is registered for notification.
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
The right to receive or to send is enough; bytes and notification are shown to those who may receive.

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
        let status = match queue.status() {
            Err(error) if error.kind() == ErrorKind::BadDescriptor => None,
            status => Some(status?),
        };
        if self.json { self.json(&queue, status) } else { self.lines(&queue, status) }
    }

    fn lines(&self, queue: &MessageQueue, status: Option<Status>) -> Result<String> {
        let attributes = queue.attributes()?;
        let mut lines = format!(
            "name: {}\nmax messages: {}\nmax message size: {}\nmessages: {}\n",
            self.name, attributes.max_messages, attributes.max_message_size, attributes.messages
        );
        if let Some(Status { bytes, registration }) = status {
            let notification = registration.map_or("nobody is registered".to_owned(), registration::sentence);
            lines += &format!("bytes: {bytes}\nnotification: {notification}\n");
        }
        Ok(lines + &format!("mode: {:04o}\n", queue.mode()?))
    }

    fn json(&self, queue: &MessageQueue, status: Option<Status>) -> Result<String> {
        let attributes = queue.attributes()?;
        let mut object = Object::new()
            .name(self.name)
            .number("max_messages", attributes.max_messages)
            .number("max_message_size", attributes.max_message_size)
            .number("messages", attributes.messages);
        if let Some(Status { bytes, registration }) = status {
            object = registration::add_to(object.number("bytes", bytes), registration);
        }
        Ok(object.text("mode", &format!("{:04o}", queue.mode()?)).finish() + "\n")
    }
}

/// Opens the queue by whichever right the user has: any descriptor shows the attributes.
fn open(name: &Name) -> Result<MessageQueue> {
    match MessageQueue::options().read(true).open(name) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => MessageQueue::options().write(true).open(name),
        result => result,
    }
}
