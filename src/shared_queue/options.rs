//! Opening and creating shared queues.

use rustix::fd::OwnedFd;
use rustix::fs::OFlags;
use rustix::io::{self, Errno};

use super::attachment::{self, Attachment};
use super::protocol::layout::{MAX_MESSAGE_SIZE, MAX_MESSAGES, Sizes};
use super::protocol::view::Memory;
use super::protocol::wait_limit::LOCK_GRACE;
use super::{PREFIX, SharedQueue};
use crate::creation::{MODE_BITS, create_unique, flags, open_or_create, ownership};
use crate::dev_shm::{self, Creation, FilePath, ObjectName};
use crate::error::{Argument, Cause, Error, Operation, Result, SharedFault, saturate};
use crate::name::Name;
use crate::open_flags::OpenFlags;
use crate::shm::{Mapping, SharedMemory, reserve, size_error};

/// How to open or create a shared queue; made by [`SharedQueue::options`].
///
/// ```
/// use rawipc::{name, SharedQueue};
/// let frames = SharedQueue::options().write(true).create_new(true).max_messages(4).max_message_size(8192)
///     .exact_mode(0o660).unlink_on_drop(true).open(name!("/rawipc-doc-shared-options"))?;
/// assert_eq!(frames.mode()?, 0o660);
/// # Ok::<(), rawipc::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct SharedQueueOptions {
    flags: OpenFlags,
    create_new: bool,
    mode: u32,
    exact_mode: bool,
    group: Option<u32>,
    max_messages: usize,
    max_message_size: usize,
    unlink_on_drop: bool,
}

impl SharedQueueOptions {
    pub(super) const fn new() -> Self {
        Self {
            flags: OpenFlags::empty(),
            create_new: false,
            mode: 0o600,
            exact_mode: false,
            group: None,
            max_messages: 10,
            max_message_size: 8192,
            unlink_on_drop: false,
        }
    }

    flags!("SharedQueue");
    ownership!("queue", "Sending and receiving both take the right to read and to write.");

    /// Sets the maximum number of messages of a queue created here: 1 to 65,536. Default 10.
    pub const fn max_messages(self, messages: usize) -> Self {
        Self { max_messages: messages, ..self }
    }

    /// Sets the maximum size in bytes of a message of a queue created here: 1 to 16,777,216. Default 8192.
    pub const fn max_message_size(self, bytes: usize) -> Self {
        Self { max_message_size: bytes, ..self }
    }

    /// Opens or creates the queue of this name.
    ///
    /// Creation is atomic: no process sees a half-made queue, and a process killed meanwhile leaves nothing of this
    /// name (but perhaps a private one, as with
    /// [`NamedSemaphoreOptions::open`](crate::semaphore::NamedSemaphoreOptions::open)). However many processes open or
    /// create it at once, all get the same one. The space for all messages is reserved. Sizes and mode say nothing
    /// about a queue that exists. The file is `/dev/shm/mq.NAME`.
    ///
    /// # Errors
    /// | kind | when |
    /// |---|---|
    /// | [`NotFound`](crate::ErrorKind::NotFound) | no such queue, and none is to be created |
    /// | [`AlreadyExists`](crate::ErrorKind::AlreadyExists) | with `create_new` |
    /// | [`PermissionDenied`](crate::ErrorKind::PermissionDenied) | the mode does not give the right to read and to write |
    /// | [`InvalidInput`](crate::ErrorKind::InvalidInput) | neither `read` nor `write`; sizes of 0 or above the maxima; a mode beyond 0o777 |
    /// | [`InvalidName`](crate::ErrorKind::InvalidName) | more than 252 bytes follow the slash |
    /// | [`Malformed`](crate::ErrorKind::Malformed) | the file of this name is no such queue; it is left as it is |
    /// | [`LimitExceeded`](crate::ErrorKind::LimitExceeded) | 128 handles are attached; `/dev/shm` is full; no free descriptor |
    /// | [`OutOfMemory`](crate::ErrorKind::OutOfMemory) | no room in the address space |
    /// | [`Busy`](crate::ErrorKind::Busy) | another process's lock covers the bytes that participants lock: a read lock, or `lockf` or `fcntl` on the whole file |
    /// | [`Unsupported`](crate::ErrorKind::Unsupported) | there is no `/dev/shm`, or it is an overlayfs, which drops locks with the descriptor; Linux is older than 4.14 |
    ///
    /// Nothing is created when it fails.
    pub fn open(&self, name: &Name) -> Result<SharedQueue> {
        self.check()?;
        let path = FilePath::new(name, PREFIX).ok_or(self.system(Errno::NAMETOOLONG))?;
        let create = || self.create_at(name, &path);
        if self.creates_new() {
            return create();
        }
        open_or_create(self.creates(), || self.open_existing(name, &path), create)
    }

    /// Creates a queue under a name that is not in use: the prefix and 16 random characters. [`SharedQueue::name`]
    /// returns it.
    ///
    /// # Errors
    /// Those of [`open`](Self::open); [`InvalidName`](crate::ErrorKind::InvalidName) if the prefix leaves no room.
    pub fn create_unique(&self, prefix: &Name) -> Result<SharedQueue> {
        let options = self.create_new(true);
        create_unique(prefix, Operation::CreateQueue, |name| options.open(name.name()))
    }

    /// Creates a queue without a name, whose memory cannot be cut off: passed on by `fork`, or as a descriptor over a
    /// socket, which `SharedQueue::try_from` takes over.
    ///
    /// Only the machine's memory bounds it, see [`AnonymousOptions::create`](crate::shm::AnonymousOptions::create).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn create_anonymous(&self) -> Result<SharedQueue> {
        let options = self.create_new(true);
        options.check()?;
        let file = SharedMemory::anonymous(self.sizes().total()).create()?;
        file.seal_unshared_size()?;
        let memory = attachment::format(file.map()?, self.sizes())?;
        Ok(SharedQueue::new(Attachment::new(memory, file, Operation::CreateQueue, LOCK_GRACE)?, self.flags))
    }

    fn check(&self) -> Result<()> {
        let refuse = |argument, value: usize| Err(Error::argument(self.operation(), argument, saturate(value as u64)));
        if !self.flags.intersects(OpenFlags::READ_WRITE) {
            return refuse(Argument::NoAccess, 0);
        }
        if self.mode & !MODE_BITS != 0 {
            return refuse(Argument::Mode, self.mode as usize);
        }
        match (self.max_messages, self.max_message_size) {
            (0, _) => refuse(Argument::ZeroMessages, 0),
            (_, 0) => refuse(Argument::ZeroMessageSize, 0),
            (messages, _) if messages > MAX_MESSAGES => refuse(Argument::QueueMessages, messages),
            (_, size) if size > MAX_MESSAGE_SIZE => refuse(Argument::QueueMessageSize, size),
            _ => Ok(()),
        }
    }

    fn operation(&self) -> Operation {
        if self.creates() { Operation::CreateQueue } else { Operation::OpenQueue }
    }

    fn system(&self, errno: Errno) -> Error {
        Error::system(self.operation(), errno)
    }

    const fn sizes(&self) -> Sizes {
        Sizes { max_messages: self.max_messages, max_message_size: self.max_message_size }
    }

    fn open_existing(&self, name: &Name, path: &FilePath) -> Result<SharedQueue> {
        let no_queue = |_| Error::caused(self.operation(), Errno::INVAL, Cause::Shared(SharedFault::NoQueue));
        let file = dev_shm::open_regular(path, OFlags::RDWR).map_err(|errno| self.system(errno))?.map_err(no_queue)?;
        let file = SharedMemory::from_parts(file, Some(ObjectName::kept(name)));
        Ok(SharedQueue::new(Attachment::adopt(file, self.operation(), LOCK_GRACE)?, self.flags))
    }

    fn create_at(&self, name: &Name, path: &FilePath) -> Result<SharedQueue> {
        let failed = |errno| match errno {
            Errno::NOENT | Errno::NOTDIR => Error::caused(Operation::CreateQueue, errno, Cause::NoDevShm),
            errno => size_error(Operation::CreateQueue, errno, self.sizes().total()),
        };
        let creation = Creation {
            prefix: PREFIX,
            mode: self.mode,
            exact_mode: self.exact_mode,
            group: self.group,
            unlink_on_drop: self.unlink_on_drop,
        };
        // The creator takes part before others can: there is nothing left to fail once they see the queue.
        let (mut attachment, name) = dev_shm::create_whole(name, path, &creation, failed, |file, private| {
            let memory = self.fill(&file).map_err(failed)?;
            let name = private.and_then(|path| path.name(PREFIX)).map(|name| ObjectName::kept(name.name()));
            Attachment::new(memory, SharedMemory::from_parts(file, name), Operation::CreateQueue, LOCK_GRACE)
        })?;
        attachment.file_mut().set_name(name);
        Ok(SharedQueue::new(attachment, self.flags))
    }

    /// Makes a new file a queue.
    fn fill(&self, file: &OwnedFd) -> io::Result<Memory> {
        let total = self.sizes().total();
        reserve(file, 0, total)?;
        let mapping = Mapping::of_file(file, usize::try_from(total).map_err(|_| Errno::NOMEM)?)?;
        attachment::format(mapping, self.sizes()).map_err(|error| error.errno())
    }
}
