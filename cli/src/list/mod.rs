//! What there is: `rawipc list`.

pub(crate) mod objects;

use std::io;

use clap::Args;

use crate::error::Failure;
use crate::output::Output;
use crate::{color, json, table};
use objects::Object;

/// List message queues, semaphores and shared memory.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct List {
    /// As a JSON array, an object a line; modes are strings of octal digits.
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
The owner is a user ID, the time is that of the last change of the content, in UTC; what is written through
a mapping, as shared queues and semaphores are, does not change it. What a queue or a semaphore holds is
shown to those who may open it. \"semaphore?\" is a file that may be one of musl's semaphores, or shared
memory that looks like one; a shared queue is one that programs use by rawipc's SharedQueue, and that lies
in shared memory; a bell is a queue that stands behind a doorbell of one, or that a killed program has left
to the next doorbell of its user. Bytes of a name that are no printable ASCII are escaped.

Queues are seen in the mqueue file system: with CAP_SYS_ADMIN (root) it need not be mounted; without,
it must be on /dev/mqueue. Where queues cannot be seen, the rest is listed and the exit code is 1.

Example:
  rawipc list
  rawipc list --json | jq -r '.[] | select(.kind == \"queue\" and .messages > 0) | .name'";

const HEADINGS: [&str; 6] = ["KIND", "MODE", "OWNER", "MODIFIED", "NAME", "CONTENT"];

impl List {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let (objects, failures) = objects::all();
        let text = if self.json {
            json::array(objects.iter().map(Object::json))
        } else {
            let rows = objects.iter().map(Object::row);
            let table = table::aligned(&[HEADINGS.map(str::to_owned)].into_iter().chain(rows).collect::<Vec<_>>());
            let (headings, rows) = table.split_once('\n').unwrap_or_default();
            color::headings(headings, &io::stdout()) + "\n" + rows
        };
        Output::open()?.write(text)?;
        Failure::last_of(failures)
    }
}
