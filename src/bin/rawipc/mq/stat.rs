use clap::Args;
use rawipc::{ErrorKind, MessageQueue, Name, OpenFlags, Result, Status};

use super::queue::{Queue, Sort};
use crate::failure::Failure;
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
A queue in shared memory has neither, and takes the right to read and to write.

Example:
  rawipc mq stat jobs
  rawipc mq stat jobs --json | jq .messages";

impl Stat {
    pub(crate) fn run(&self) -> std::result::Result<(), Failure> {
        self.queue.show(|name, facts| look(&open(name, self.sort)?, facts))
    }
}

fn look(queue: &Queue, facts: Facts) -> Result<Facts> {
    let attributes = queue.attributes()?;
    let mut facts = facts
        .number("max messages", attributes.max_messages)
        .number("max message size", attributes.max_message_size)
        .number("messages", attributes.messages);
    match queue {
        Queue::Kernel(queue) => facts = add_status(queue, facts)?,
        Queue::Shared(_) => {}
    }
    Ok(facts.mode(queue.mode()?))
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
fn open(name: &Name, sort: Sort) -> Result<Queue> {
    match sort.open(name, OpenFlags::READ) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => sort.open(name, OpenFlags::WRITE),
        result => result,
    }
}
