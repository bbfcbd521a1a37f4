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
<<<<<<< HEAD
    /// [`mq_overview(7)`](https://man7.org/linux/man-pages/man7/mq_overview.7.html), "Mounting the message queue filesystem"
    pub fn status(&self) -> Result<Status> {
        Status::read(self.as_fd())
=======
    /// [`mq_getattr(3)`](https://man7.org/linux/man-pages/man3/mq_getattr.3.html),
    /// [in POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/mq_getattr.html)
    #[doc(alias = "mq_getattr")]
    pub fn attributes(&self) -> Result<Attributes> {
        sys::mq_getsetattr(self.as_fd(), None).map(Attributes::of_kernel).map_err(status_error)
    }

    /// How many messages are in the queue.
    ///
    /// # Errors
    /// As [`attributes`](Self::attributes).
    #[doc(alias = "mq_curmsgs")]
    pub fn len(&self) -> Result<usize> {
        Ok(self.attributes()?.messages)
    }

    /// Whether no message is in the queue.
    ///
    /// # Errors
    /// As [`attributes`](Self::attributes).
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// The permission bits of the queue, 0o000 to 0o777.
    ///
    /// # Errors
    /// None in practice: the descriptor is open.
    pub fn mode(&self) -> Result<u32> {
        Ok(fstat(&self.descriptor).map_err(status_error)?.st_mode & MODE_BITS)
    }

    /// The directions in which this descriptor is open, and whether it is nonblocking.
    ///
    /// # Errors
    /// None in practice: the descriptor is open.
    pub fn flags(&self) -> Result<OpenFlags> {
        let flags = fcntl_getfl(&self.descriptor).map_err(status_error)?;
        let access = match flags & OFlags::RWMODE {
            OFlags::RDONLY => OpenFlags::READ,
            OFlags::WRONLY => OpenFlags::WRITE,
            _ => OpenFlags::READ_WRITE,
        };
        let nonblocking = if flags.contains(OFlags::NONBLOCK) { OpenFlags::NONBLOCKING } else { OpenFlags::empty() };
        Ok(access | nonblocking)
    }

    /// Chooses whether calls may wait: on this descriptor and on all that were made from it by `dup`, `fork` or passing
    /// it on, since the flag belongs to what they share. Handles that others opened by name have their own.
    ///
    /// Not needed for single calls that must not wait: [`try_send`](Self::try_send) and
    /// [`try_receive`](Self::try_receive) touch no flag.
    ///
    /// # Errors
    /// None in practice: the descriptor is an open queue.
    ///
    /// # References
    /// [`mq_setattr(3)`](https://man7.org/linux/man-pages/man3/mq_setattr.3.html),
    /// [in POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/mq_setattr.html)
    #[doc(alias = "mq_setattr")]
    pub fn set_nonblocking(&self, nonblocking: bool) -> Result<()> {
        let flags = if nonblocking { OFlags::NONBLOCK } else { OFlags::empty() };
        let new = sys::Attributes { flags: flags.bits() as _, ..sys::Attributes::EMPTY };
        sys::mq_getsetattr(self.as_fd(), Some(&new))
            .map_err(|errno| Error::system(Operation::SetNonblocking, errno))?;
        self.nonblocking.store(nonblocking, Relaxed);
        Ok(())
>>>>>>> ci
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
