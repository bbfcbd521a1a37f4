use clap::Args;
use rawipc::{ErrorKind, MessageQueue, Name, Result, Status};

use crate::failure::Failure;
use crate::registration;
use crate::stat::{Arguments, Facts};

/// Show a message queue's sizes and mode, what is in it, and who is registered for notification.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Stat {
    #[command(flatten)]
    queue: Arguments,
}

const HELP: &str = "\
The right to receive or to send is enough; bytes and notification are shown to those who may receive.

Example:
  rawipc mq stat jobs
  rawipc mq stat jobs --json | jq .messages";

impl Stat {
    pub(crate) fn run(&self) -> std::result::Result<(), Failure> {
        self.queue.show(look)
    }
}

fn look(name: &Name, facts: Facts) -> Result<Facts> {
    let queue = open(name)?;
    let attributes = queue.attributes()?;
    let mut facts = facts
        .number("max messages", attributes.max_messages)
        .number("max message size", attributes.max_message_size)
        .number("messages", attributes.messages);
    match queue.status() {
        Ok(Status { bytes, registration }) => {
            let notification = registration.map_or("nobody is registered".to_owned(), registration::sentence);
            facts = facts.number("bytes", bytes);
            facts = facts.fact("notification", notification, |object| registration::add_to(object, registration));
        }
        // Who may only send is not told.
        Err(error) if error.kind() == ErrorKind::BadDescriptor => {}
        Err(error) => return Err(error),
    }
    Ok(facts.mode(queue.mode()?))
}

/// Opens the queue by whichever right the user has: any descriptor shows the attributes.
fn open(name: &Name) -> Result<MessageQueue> {
    match MessageQueue::options().read(true).open(name) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => MessageQueue::options().write(true).open(name),
        result => result,
    }
}
