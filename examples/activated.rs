//! A service that systemd starts when a message comes, and that ends when there is nothing more to do.
//!
//! systemd creates the queue, waits until there is a message, and starts the service with the queue as descriptor 3.
//! The service adopts it, after making sure that it is one. The queue belongs to systemd, so no message is lost while
//! no service runs.
//!
//! ```ini
//! # /etc/systemd/system/jobs.socket
//! [Socket]
//! ListenMessageQueue=/jobs
//! MessageQueueMaxMessages=10
//! MessageQueueMessageSize=64
//! ```
//! ```ini
//! # /etc/systemd/system/jobs.service
//! [Service]
//! ExecStart=/usr/local/bin/activated
//! ```
//!
//! `systemd-socket-activate`, which plays systemd for sockets, knows no message queues; the test of this example plays
//! it for one. Started by hand the service says that it was passed nothing.

use std::env;
use std::error::Error;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::process::ExitCode;
use std::time::Duration;

use rawipc::{ErrorKind, MessageQueue};

/// The first descriptor that a service manager passes.
const FIRST: RawFd = 3;

/// A service without work ends after this time; the next message starts it again.
const IDLE: Duration = Duration::from_millis(200);

const LONGEST: usize = 64;

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Does jobs until there are none for a while.
fn serve() -> Result<(), Box<dyn Error>> {
    let mut queues = passed_queues()?;
    let (Some(jobs), None) = (queues.pop(), queues.pop()) else { return Err("one queue is needed".into()) };
    let mut buffer = jobs.buffer::<LONGEST>()?;
    loop {
        match jobs.receive_timeout(&mut buffer, IDLE) {
            Ok(job) => println!("job: {}", String::from_utf8_lossy(job.payload())),
            Err(error) if [ErrorKind::TimedOut, ErrorKind::WouldBlock].contains(&error.kind()) => {
                println!("nothing to do");
                return Ok(());
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Adopts the descriptors that the service manager has passed to this very process. To be called once, at the start.
fn passed_queues() -> Result<Vec<MessageQueue>, Box<dyn Error>> {
    let number = |name| env::var(name).ok()?.parse::<u32>().ok();
    if number("LISTEN_PID") != Some(std::process::id()) {
        return Err("started without a service manager: LISTEN_PID is not this process".into());
    }
    let count = RawFd::try_from(number("LISTEN_FDS").unwrap_or(0))?;
    let queues = (FIRST..FIRST + count).map(|descriptor| {
        // SAFETY: the service manager passes these descriptors to us alone, and this is done once.
        let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
        MessageQueue::try_from(descriptor).map_err(|refused| refused.error)
    });
    Ok(queues.collect::<Result<_, _>>()?)
}
