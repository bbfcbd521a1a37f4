//! How a queue stands: through its handle, and from outside.

use core::mem::offset_of;
use core::sync::atomic::Ordering::Relaxed;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{OFlags, fstat};
use rustix::io::{Errno, pread};

use super::attachment::Attachment;
use super::protocol::layout::{BELLS, CONTROL, Control, Header, MAGIC, Sizes, TABLE};
use super::protocol::wait_limit::LOCK_GRACE;
use super::{PREFIX, SharedQueue};
use crate::creation::MODE_BITS;
use crate::dev_shm::{self, FilePath};
use crate::error::{Cause, Error, Operation, RejectedError, Result, SharedFault};
use crate::mqueue::Attributes;
use crate::name::Name;
use crate::open_flags::OpenFlags;
use crate::shm::SharedMemory;
use crate::sync;

impl SharedQueue {
    /// Returns the queue's attributes. No system call.
    ///
    /// # Errors
    /// None: as those of [`MessageQueue`](crate::MessageQueue::attributes), so that a program can change its type.
    pub fn attributes(&self) -> Result<Attributes> {
        Ok(Attributes {
            max_messages: self.attachment.max_messages(),
            max_message_size: self.attachment.max_message_size(),
            messages: self.attachment.messages(),
            nonblocking: self.nonblocking.load(Relaxed),
        })
    }

    /// Returns how many messages are in the queue.
    ///
    /// # Errors
    /// As [`attributes`](Self::attributes).
    pub fn len(&self) -> Result<usize> {
        Ok(self.attachment.messages())
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
        self.attachment.file().mode()
    }

    /// Returns the directions that this handle is for, and whether it is nonblocking.
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

    /// Returns how the queue of this name stands, without taking part in it: for monitoring tools.
    ///
    /// Read permission is wake_threshold: a user of the queue's group may look at a queue of mode 0o640 that only its
    /// owner may use. The caller takes no place among the participants, does not lock the queue, writes nothing, and
    /// neither delays its users nor is delayed by them. The queue is opened and closed again. Each call looks afresh,
    /// so nothing has to be done after `fork`. It may be called by any thread and in a signal handler.
    ///
    /// ```
    /// use rawipc::{name, Priority, SharedQueue};
    /// let queue = SharedQueue::options().write(true).create(true).max_messages(4).max_message_size(16)
    ///     .unlink_on_drop(true).open(name!("/rawipc-doc-inspect"))?;
    /// queue.send(b"wait", Priority::MIN)?;
    /// let status = SharedQueue::inspect(name!("/rawipc-doc-inspect"))?;
    /// assert_eq!((status.messages, status.max_messages, status.participants), (1, 4, 1));
    /// # Ok::<(), rawipc::Error>(())
    /// ```
    ///
    /// What lies in the queue's memory is checked. Still, a process that may write it decides what is found there: do
    /// not trust the numbers more than such a process. Only for participants the kernel is asked: each place that is
    /// marked as taken counts if a living process has it.
    ///
    /// System calls: `open`, `stat`, `pread`, an `fcntl` for each place that is marked as taken (at most 128), `close`.
    ///
    /// # Errors
    /// | kind | when |
    /// |---|---|
    /// | [`NotFound`](crate::ErrorKind::NotFound) | no such queue |
    /// | [`PermissionDenied`](crate::ErrorKind::PermissionDenied) | the mode does not give the right to read |
    /// | [`InvalidName`](crate::ErrorKind::InvalidName) | more than 252 bytes follow the slash |
    /// | [`Malformed`](crate::ErrorKind::Malformed) | the file of this name is no such queue, or its memory is corrupt |
    /// | [`LimitExceeded`](crate::ErrorKind::LimitExceeded) | no free descriptor |
    #[doc(alias = "stat")]
    pub fn inspect(name: &Name) -> Result<SharedQueueStatus> {
        let system = |errno| Error::system(Operation::QueueStatus, errno);
        let fault = |fault| Error::caused(Operation::QueueStatus, Errno::INVAL, Cause::Shared(fault));
        let no_queue = || fault(SharedFault::NoQueue);
        let path = FilePath::new(name, PREFIX).ok_or(system(Errno::NAMETOOLONG))?;
        let file = dev_shm::open_regular(&path, OFlags::RDONLY).map_err(system)?.map_err(|_| no_queue())?;
        let status = fstat(&file).map_err(system)?;
        let mut start = Start([0; BELLS]);
        // The kernel gives so few bytes whole, unless the file ends before.
        if pread(&file, &mut start.0, 0).map_err(system)? != BELLS {
            return Err(no_queue());
        }
        let sizes = start.sizes().filter(|sizes| sizes.total() == status.st_size.cast_unsigned());
        let Sizes { max_messages, max_message_size } = sizes.ok_or_else(no_queue)?;
        let messages = start.messages();
        if messages > max_messages {
            return Err(fault(SharedFault::CorruptQueue));
        }
        Ok(SharedQueueStatus {
            max_messages,
            max_message_size,
            messages,
            participants: sync::count(file.as_fd(), start.generations()).map_err(system)?,
            size: status.st_size.cast_unsigned(),
            mode: status.st_mode & MODE_BITS,
        })
    }
}

impl AsFd for SharedQueue {
    /// The memory's file: to be passed on, not to be polled.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.attachment.as_fd()
    }
}

impl TryFrom<OwnedFd> for SharedQueue {
    type Error = RejectedError<OwnedFd>;

    /// Takes over a descriptor that a peer passed on, after making sure that it is a shared queue, for both directions.
    /// It becomes close-on-exec.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) or [`Malformed`](crate::ErrorKind::Malformed) if it is anything
    /// else; [`PermissionDenied`](crate::ErrorKind::PermissionDenied) if it is for one direction only; as
    /// [`open`](super::SharedQueueOptions::open) if this process cannot attach. The descriptor is given back.
    fn try_from(descriptor: OwnedFd) -> core::result::Result<Self, RejectedError<OwnedFd>> {
        let memory = SharedMemory::try_from(descriptor)?;
        match memory.try_clone().and_then(|file| Attachment::adopt(file, Operation::AdoptQueue, LOCK_GRACE)) {
            Ok(attachment) => Ok(Self::new(attachment, OpenFlags::READ_WRITE)),
            Err(error) => Err(RejectedError { error, value: memory.into() }),
        }
    }
}

/// How a shared queue stands, as [`SharedQueue::inspect`] finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedQueueStatus {
    /// The most messages that it can hold.
    pub max_messages: usize,
    /// The most bytes that a message can have.
    pub max_message_size: usize,
    /// How many messages are in it. Messages that a receiver has in flight are not counted.
    pub messages: usize,
    /// How many handles are attached to it, in all processes: at most 128.
    pub participants: usize,
    /// The size of the object in bytes, which is fixed.
    pub size: u64,
    /// The permission bits, 0o000 to 0o777.
    pub mode: u32,
}

/// What comes before a queue's doorbells.
struct Start([u8; BELLS]);

impl Start {
    fn number(&self, offset: usize) -> u32 {
        self.0.get(offset..).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u32::from_ne_bytes(*bytes))
    }

    fn sizes(&self) -> Option<Sizes> {
        let number = |offset| self.number(offset);
        let sizes = Sizes::of(
            number(offset_of!(Header, version)),
            number(offset_of!(Header, max_messages)),
            number(offset_of!(Header, max_message_size)),
        );
        sizes.filter(|_| self.0.starts_with(&MAGIC))
    }

    fn messages(&self) -> usize {
        self.number(CONTROL + offset_of!(Control, messages)) as usize
    }

    /// The generations of the participants' slots.
    fn generations(&self) -> impl Iterator<Item = u32> {
        self.0[TABLE..].chunks_exact(size_of::<u32>()).map(|bytes| bytes.try_into().map_or(0, u32::from_ne_bytes))
    }
}
