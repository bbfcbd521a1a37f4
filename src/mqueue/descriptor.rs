//! A queue as a descriptor: lent, given away, adopted, duplicated.

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};

use super::MessageQueue;
use super::attributes::flags_of;
use super::name_guard::QueueName;
use crate::error::{Cause, Error, Operation, RejectedError, Result};
use crate::open_flags::OpenFlags;
use crate::sys;

impl MessageQueue {
    /// Returns another handle of the same open queue, with a descriptor of its own, close-on-exec.
    ///
    /// The nonblocking flag is common to both. The new handle never removes the queue's name.
    ///
    /// # Errors
    /// [`LimitExceeded(Descriptors)`](crate::error::Limit::Descriptors).
    ///
    /// # References
    /// [`fcntl(2)`](https://man7.org/linux/man-pages/man2/fcntl.2.html) (F_DUPFD_CLOEXEC)
    #[doc(alias = "dup")]
    pub fn try_clone(&self) -> Result<Self> {
        let descriptor =
            fcntl_dupfd_cloexec(&self.descriptor, 0).map_err(|errno| Error::system(Operation::CloneQueue, errno))?;
        let nonblocking = if self.believed_nonblocking() { OpenFlags::NONBLOCKING } else { OpenFlags::empty() };
        Ok(Self::from_parts(descriptor, QueueName::kept(self.name.get().copied()), self.access | nonblocking))
    }
}

impl AsFd for MessageQueue {
    /// For `poll`, `epoll` and event loops: readable while there is a message, writable while there is room for one.
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl AsRawFd for MessageQueue {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }
}

impl From<MessageQueue> for OwnedFd {
    /// Gives the descriptor away. The name stays, whatever
    /// [`unlink_on_drop`](super::MessageQueueOptions::unlink_on_drop) said.
    fn from(mut queue: MessageQueue) -> Self {
        queue.name.keep();
        queue.descriptor
    }
}

impl TryFrom<OwnedFd> for MessageQueue {
    type Error = RejectedError<OwnedFd>;

    /// Takes over a descriptor, as a service manager passes it, after making sure that it is a message queue.
    ///
    /// The descriptor becomes close-on-exec. The handle knows no name.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if it is anything else; it is given back as it was.
    fn try_from(descriptor: OwnedFd) -> core::result::Result<Self, RejectedError<OwnedFd>> {
        let adopt = || {
            let system = |errno| Error::system(Operation::AdoptQueue, errno);
            sys::mq_getsetattr(descriptor.as_fd(), None)
                .map_err(|errno| Error::caused(Operation::AdoptQueue, errno, Cause::NotAQueue))?;
            let flags = flags_of(&descriptor).map_err(system)?;
            fcntl_setfd(&descriptor, FdFlags::CLOEXEC).map_err(system)?;
            Ok(flags)
        };
        match adopt() {
            Ok(flags) => Ok(Self::from_parts(descriptor, QueueName::kept(None), flags)),
            Err(error) => Err(RejectedError { error, value: descriptor }),
        }
    }
}
