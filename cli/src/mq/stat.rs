use clap::Args;
use rawipc::mqueue::Status;
use rawipc::{ErrorKind, MessageQueue, Name, OpenFlags, Result, SharedQueue};

use super::queue::Sort;
use crate::error::Failure;
use crate::registration;
use crate::stat::{Arguments, Facts};

/// Show a message queue's sizes and mode, what is in it, and who is registered for notification.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Stat {
    #[command(flatten)]
    queue: Arguments,
    #[command(flatten)]
    sort: Sort,
}

const HELP: &str = "\
The right to receive or to send is enough; bytes and notification are shown to those who may receive.
A queue in shared memory has neither. The right to read is enough to look at one, which its users do not
notice; it shows how many handles take part in the queue.

Example:
  rawipc mq stat jobs
  rawipc mq stat jobs --json | jq .messages";

impl Stat {
    pub(crate) fn run(&self) -> std::result::Result<(), Failure> {
        self.queue.show(
            |name, facts| {
                if self.sort.is_shared() { look_at_shared(name, facts) } else { look(&open(name)?, facts) }
            },
        )
    }
}

fn look(queue: &MessageQueue, facts: Facts) -> Result<Facts> {
    let attributes = queue.attributes()?;
    let facts = facts
        .number("max messages", attributes.max_messages)
        .number("max message size", attributes.max_message_size)
        .number("messages", attributes.messages);
    Ok(add_status(queue, facts)?.mode(queue.mode()?))
}

fn look_at_shared(name: &Name, facts: Facts) -> Result<Facts> {
    let status = SharedQueue::inspect(name)?;
    let facts = facts
        .number("max messages", status.max_messages)
        .number("max message size", status.max_message_size)
        .number("messages", status.messages)
        .number("participants", status.participants);
    Ok(facts.mode(status.mode))
}

fn add_status(queue: &MessageQueue, facts: Facts) -> Result<Facts> {
    match queue.status() {
        Ok(Status { bytes, registration }) => {
            let notification = registration.map_or("nobody is registered".to_owned(), registration::sentence);
            let facts = facts.number("bytes", bytes);
            Ok(facts.fact("notification", notification, |object| registration::add_to(object, registration)))
        }
        // Who may only send is not told.
        Err(error) if error.kind() == ErrorKind::BadDescriptor => Ok(facts),
        Err(error) => Err(error),
    }
}

/// Opens the queue by whichever right the user has: any descriptor shows the attributes.
fn open(name: &Name) -> Result<MessageQueue> {
    let open = |flags| MessageQueue::options().flags(flags).open(name);
    match open(OpenFlags::READ) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => open(OpenFlags::WRITE),
        result => result,
    }
}
