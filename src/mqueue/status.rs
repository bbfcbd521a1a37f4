//! How a queue stands and who waits to be notified, as the kernel's text says it.

use core::mem::MaybeUninit;

use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::{Errno, pread};

use super::MessageQueue;
use crate::error::{Cause, Error, Operation, Result};

/// The bytes in a queue, and the registration for its notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The sum of the lengths of all messages in it.
    pub bytes: u64,
    /// Who is registered for notification, if anybody is.
    pub registration: Option<Registration>,
}

/// A registration for a queue's notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The PID of the registered process; `None` if it is not in the caller's PID namespace.
    pub process: Option<u32>,
    /// How it is to be told.
    pub delivery: Delivery,
}

/// How a registered process is told.
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
    /// How many bytes are queued, and who is registered for notification and how. Nothing need be mounted for it.
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
        Self::parse(text).ok_or(Error::caused(Operation::QueueStatus, Errno::INVAL, Cause::UnknownStatus))
    }

    /// Understands `QSIZE:5          NOTIFY:0     SIGNO:10    NOTIFY_PID:123`.
    fn parse(text: &[u8]) -> Option<Self> {
        let field = |name: &str| -> Option<u64> {
            let fields = text.split(u8::is_ascii_whitespace);
            let value = fields.into_iter().find_map(|field| field.strip_prefix(name.as_bytes()))?;
            core::str::from_utf8(value).ok()?.parse().ok()
        };
        let (notify, signal, process) = (field("NOTIFY:")?, field("SIGNO:")?, field("NOTIFY_PID:")?);
        let delivery = match notify {
            0 => Delivery::Signal(i32::try_from(signal).ok()?),
            1 => Delivery::None,
            2 => Delivery::Socket,
            _ => return None,
        };
        // All zero means that nobody is registered: signals begin at 1.
        let registration = if (notify, signal, process) == (0, 0, 0) {
            None
        } else {
            let process = u32::try_from(process).ok()?;
            Some(Registration { process: (process != 0).then_some(process), delivery })
        };
        Some(Self { bytes: field("QSIZE:")?, registration })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_text_is_understood() {
        let registered = |process, delivery| Some(Registration { process, delivery });
        for (text, bytes, registration) in [
            ("QSIZE:0          NOTIFY:0     SIGNO:0     NOTIFY_PID:0     \n", 0, None),
            (
                "QSIZE:129        NOTIFY:0     SIGNO:10    NOTIFY_PID:8260  \n",
                129,
                registered(Some(8260), Delivery::Signal(10)),
            ),
            ("QSIZE:5 NOTIFY:1 SIGNO:0 NOTIFY_PID:7\n", 5, registered(Some(7), Delivery::None)),
            ("QSIZE:5 NOTIFY:2 SIGNO:0 NOTIFY_PID:0\n", 5, registered(None, Delivery::Socket)),
        ] {
            assert_eq!(Status::parse(text.as_bytes()), Some(Status { bytes, registration }), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "QSIZE:",
            "QSIZE:1 NOTIFY:0 SIGNO:0",
            "QSIZE:x NOTIFY:0 SIGNO:0 NOTIFY_PID:0",
            "QSIZE:1 NOTIFY:9 SIGNO:0 NOTIFY_PID:1",
            "QSIZE:99999999999999999999 NOTIFY:0 SIGNO:0 NOTIFY_PID:0",
            "NOTIFY:0 SIGNO:-1 NOTIFY_PID:0 QSIZE:1",
        ] {
            assert_eq!(Status::parse(text.as_bytes()), None, "{text}");
        }
    }
}
