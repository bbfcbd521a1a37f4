//! How a queue stands and who waits to be notified, as the kernel's text says it.

use core::mem::MaybeUninit;

use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::{Errno, pread};

use super::{MessageQueue, status_text};
use crate::error::{Cause, Error, Operation, Result};

/// The bytes in a queue, and the registration for its notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The sum of the lengths of all messages in it.
    pub bytes: u64,
    /// The process that is registered for notification, if one is.
    pub registration: Option<Registration>,
}

/// A registration for a queue's notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The PID of the registered process; `None` if it is not in the caller's PID namespace.
    pub process: Option<u32>,
    /// How it is notified.
    pub delivery: Delivery,
}

/// How a registered process is notified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// By a signal, this one.
    Signal(i32),
    /// Not at all: the slot is only taken.
    None,
    /// By a message on a netlink socket: the C library's threads, [`NotificationSocket`](super::NotificationSocket).
    Socket,
}

impl MessageQueue {
    /// Returns how many bytes are queued, and who is registered for notification and how. Nothing need be mounted for
    /// it.
    ///
    /// # Errors
    /// [`BadDescriptor`](crate::ErrorKind::BadDescriptor) if the queue is not open for receiving.
    ///
    /// # References
    /// [`mq_overview(7)`](https://man7.org/linux/man-pages/man7/mq_overview.7.html), "Mounting the message queue
    /// filesystem"
    pub fn status(&self) -> Result<Status> {
        Status::read(self.as_fd())
    }
}

impl Status {
    /// Reads a queue's text from any descriptor of it.
    pub(crate) fn read(queue: BorrowedFd<'_>) -> Result<Self> {
        let mut text = [MaybeUninit::uninit(); 128];
        let (text, _) = pread(queue, &mut text, 0).map_err(|errno| match errno {
            Errno::BADF => Error::caused(Operation::QueueStatus, errno, Cause::WrongDirection),
            errno => Error::system(Operation::QueueStatus, errno),
        })?;
        status_text::parse(text).ok_or(Error::caused(Operation::QueueStatus, Errno::INVAL, Cause::UnknownStatus))
    }
}
