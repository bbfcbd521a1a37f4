//! How a queue stands, and what its handle is.

use core::sync::atomic::Ordering::Relaxed;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

use super::SharedQueue;
use super::member::Member;
use super::protocol::wait::LOCK_GRACE;
use crate::attributes::Attributes;
use crate::error::{Operation, Refused, Result};
use crate::open_flags::OpenFlags;
use crate::shm::SharedMemory;

impl SharedQueue {
    /// The queue's attributes, whoever created it. No system call.
    ///
    /// # Errors
    /// None: as those of [`MessageQueue`](crate::MessageQueue::attributes), so that a program can change its type.
    pub fn attributes(&self) -> Result<Attributes> {
        Ok(Attributes {
            max_messages: self.member.max_messages(),
            max_message_size: self.member.max_message_size(),
            messages: self.member.messages(),
            nonblocking: self.nonblocking.load(Relaxed),
        })
    }

    /// How many messages are in the queue.
    ///
    /// # Errors
    /// As [`attributes`](Self::attributes).
    pub fn len(&self) -> Result<usize> {
        Ok(self.member.messages())
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
        self.member.file().mode()
    }

    /// The directions that this handle is for, and whether it is nonblocking.
    ///
    /// # Errors
    /// As [`attributes`](Self::attributes).
    pub fn flags(&self) -> Result<OpenFlags> {
        let nonblocking = self.nonblocking.load(Relaxed);
        Ok(self.access | if nonblocking { OpenFlags::NONBLOCKING } else { OpenFlags::empty() })
    }

    /// Chooses whether calls on this handle may wait. Other handles have their own.
    ///
    /// Not needed for single calls that must not wait: see [`try_send`](Self::try_send) and
    /// [`try_receive`](Self::try_receive).
    ///
    /// # Errors
    /// As [`attributes`](Self::attributes).
    pub fn set_nonblocking(&self, nonblocking: bool) -> Result<()> {
        self.nonblocking.store(nonblocking, Relaxed);
        Ok(())
    }
}

impl AsFd for SharedQueue {
    /// The memory's file: to be passed on, not to be polled.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.member.as_fd()
    }
}

impl TryFrom<OwnedFd> for SharedQueue {
    type Error = Refused<OwnedFd>;

    /// Takes over a descriptor that a peer passed on, after making sure that it is a shared queue, for both directions.
    /// It becomes close-on-exec.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) or [`Malformed`](crate::ErrorKind::Malformed) if it is anything
    /// else; [`PermissionDenied`](crate::ErrorKind::PermissionDenied) if it is for one direction only; as
    /// [`open`](super::SharedQueueOptions::open) if there is no way to take part. It is given back.
    fn try_from(descriptor: OwnedFd) -> core::result::Result<Self, Refused<OwnedFd>> {
        let memory = SharedMemory::try_from(descriptor)?;
        match memory.try_clone().and_then(|file| Member::adopt(file, Operation::AdoptQueue, LOCK_GRACE)) {
            Ok(member) => Ok(Self::new(member, OpenFlags::READ_WRITE)),
            Err(error) => Err(Refused { error, value: memory.into() }),
        }
    }
}
