//! The second process of the demo.

use clap::Args;
use rawipc::{MessageBuffer, MessageQueue, Name, Priority, Result};

use super::{END, LAST, REPLIES, REQUESTS, failure, patience, receive_line, send_batch};
use crate::arguments;
use crate::error::Failure;

/// The second process of the demo; the demo starts it.
#[derive(Args)]
#[command(hide = true)]
pub(crate) struct Partner {
    #[arg(value_parser = arguments::name())]
    requests: &'static Name,
    #[arg(value_parser = arguments::name())]
    replies: &'static Name,
}

impl Partner {
    pub(crate) fn run(&self) -> std::result::Result<(), Failure> {
        self.play().map_err(failure)
    }

    /// Fills the replies, reports each request in the order it came, then sends back whatever comes until the end.
    fn play(&self) -> Result<()> {
        let replies = MessageQueue::options().write(true).open(self.replies)?;
        let requests = MessageQueue::options().read(true).open(self.requests)?;
        let mut buffer = MessageBuffer::new();
        send_batch(&replies, &REPLIES)?;
        for _ in REQUESTS.iter().chain([&LAST]) {
            let report = receive_line(&requests, &mut buffer)?;
            replies.send_deadline(report.as_bytes(), Priority::MIN, patience())?;
        }
        loop {
            let message = requests.receive_deadline(&mut buffer, patience())?;
            if message.payload() == END {
                return Ok(());
            }
            replies.send_deadline(message.payload(), Priority::MIN, patience())?;
        }
    }
}
