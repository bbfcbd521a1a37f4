//! A queue's attributes.

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{OFlags, fcntl_getfl, fstat};
use rustix::io::{self, Errno};

use super::{MessageQueue, Relaxed};
use crate::creation::MODE_BITS;
use crate::error::{Error, Operation, Result};
use crate::open_flags::OpenFlags;
use crate::sys;

/// A queue's sizes, how many messages are in it, and whether this descriptor waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "mq_attr")]
pub struct Attributes {
    /// The most messages it can hold. Fixed when the queue was created.
    #[doc(alias = "mq_maxmsg")]
    pub max_messages: usize,
    /// The most bytes a message can have. Fixed when the queue was created.
    #[doc(alias = "mq_msgsize")]
    pub max_message_size: usize,
    /// How many messages were in it when it was asked.
    #[doc(alias = "mq_curmsgs")]
    pub messages: usize,
    /// `true` if calls on this descriptor and its duplicates never wait.
    #[doc(alias = "mq_flags")]
    pub nonblocking: bool,
}

impl MessageQueue {
    /// Returns the queue's attributes.
    ///
    /// # Errors
    /// None in practice: the descriptor is an open queue.
    ///
    /// # References
    /// [`mq_getattr(3)`](https://man7.org/linux/man-pages/man3/mq_getattr.3.html),
    /// [in POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/mq_getattr.html)
    #[doc(alias = "mq_getattr")]
    pub fn attributes(&self) -> Result<Attributes> {
        sys::mq_getsetattr(self.as_fd(), None).map(Attributes::of_kernel).map_err(status_error)
    }

    /// Returns how many messages are in the queue.
    ///
    /// # Errors
    /// As [`attributes`](Self::attributes).
    #[doc(alias = "current_messages")]
    #[doc(alias = "mq_curmsgs")]
    pub fn len(&self) -> Result<usize> {
        Ok(self.attributes()?.messages)
    }

    /// Returns `true` if no message is in the queue.
    ///
    /// # Errors
    /// As [`attributes`](Self::attributes).
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Returns the permission bits of the queue, 0o000 to 0o777.
    ///
    /// # Errors
    /// None in practice: the descriptor is open.
    pub fn mode(&self) -> Result<u32> {
        Ok(fstat(&self.descriptor).map_err(status_error)?.st_mode & MODE_BITS)
    }

    /// Returns the directions in which this descriptor is open, and whether it is nonblocking.
    ///
    /// # Errors
    /// None in practice: the descriptor is open.
    pub fn flags(&self) -> Result<OpenFlags> {
        flags_of(&self.descriptor).map_err(status_error)
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
    #[doc(alias = "blocking")]
    #[doc(alias = "mq_setattr")]
    pub fn set_nonblocking(&self, nonblocking: bool) -> Result<()> {
        let flags = if nonblocking { OFlags::NONBLOCK } else { OFlags::empty() };
        let new = sys::Attributes { flags: flags.bits() as _, ..sys::Attributes::EMPTY };
        sys::mq_getsetattr(self.as_fd(), Some(&new))
            .map_err(|errno| Error::system(Operation::SetNonblocking, errno))?;
        self.nonblocking.store(nonblocking, Relaxed);
        Ok(())
    }
}

impl Attributes {
    /// Returns how many messages more it can hold.
    pub(super) fn room(&self) -> usize {
        self.max_messages.saturating_sub(self.messages)
    }

    pub(super) fn of_kernel(attributes: sys::Attributes) -> Self {
        Self {
            max_messages: attributes.max_messages as usize,
            max_message_size: attributes.max_message_size as usize,
            messages: attributes.messages as usize,
            nonblocking: attributes.flags as u32 & OFlags::NONBLOCK.bits() != 0,
        }
    }
}

/// Returns the directions in which a descriptor is open, and whether it is nonblocking.
pub(super) fn flags_of(descriptor: &OwnedFd) -> io::Result<OpenFlags> {
    let flags = fcntl_getfl(descriptor)?;
    let access = match flags & OFlags::RWMODE {
        OFlags::RDONLY => OpenFlags::READ,
        OFlags::WRONLY => OpenFlags::WRITE,
        _ => OpenFlags::READ_WRITE,
    };
    let nonblocking = if flags.contains(OFlags::NONBLOCK) { OpenFlags::NONBLOCKING } else { OpenFlags::empty() };
    Ok(access | nonblocking)
}

fn status_error(errno: Errno) -> Error {
    Error::system(Operation::QueueStatus, errno)
}
