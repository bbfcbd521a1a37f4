//! Opening and creating shared queues.

use rustix::fd::OwnedFd;
use rustix::fs::{OFlags, unlink};
use rustix::io::{self, Errno};

use super::format::{MAX_MESSAGE_SIZE, MAX_MESSAGES, Sizes};
use super::member::{self, Member};
use super::view::Memory;
use super::{PREFIX, SharedQueue};
use crate::devshm::{self, FilePath, Identity, ObjectName};
use crate::error::{Argument, Cause, Error, Operation, Result, SharedFault, saturate};
use crate::flags::OpenFlags;
use crate::name::Name;
use crate::open::{MODE_BITS, RACES, create_unique, flags, ownership, random_suffix};
use crate::shm::{Mapping, SharedMemory, reserve, size_error};

/// How to open or create a shared queue; made by [`SharedQueue::options`].
///
/// ```
/// use rawipc::{SharedQueue, name};
/// let frames = SharedQueue::options().write(true).create_new(true).max_messages(4).max_message_size(8192)
///     .exact_mode(0o660).unlink_on_drop(true).open(name!("/rawipc-doc-shared-options"))?;
/// assert_eq!(frames.mode()?, 0o660);
/// # Ok::<(), rawipc::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct SharedQueueOptions {
    flags: OpenFlags,
    mode: u32,
    exact_mode: bool,
    max_messages: usize,
    max_message_size: usize,
    unlink_on_drop: bool,
}

impl SharedQueueOptions {
    pub(super) const fn new() -> Self {
        Self {
            flags: OpenFlags::empty(),
            mode: 0o600,
            exact_mode: false,
            max_messages: 10,
            max_message_size: 8192,
            unlink_on_drop: false,
        }
    }

    flags!("SharedQueue");
    ownership!("queue", "Sending and receiving both take the right to read and to write.");

    /// The most messages that a queue created here can hold: 1 to 65,536. Default 10.
    pub const fn max_messages(self, messages: usize) -> Self {
        Self { max_messages: messages, ..self }
    }

    /// The most bytes that a message of a queue created here can have: 1 to 16,777,216. Default 8192.
    pub const fn max_message_size(self, bytes: usize) -> Self {
        Self { max_message_size: bytes, ..self }
    }

    /// Opens or creates the queue of this name.
    ///
    /// Creation is atomic: nobody sees a half-made queue, and a process killed meanwhile leaves nothing. The space for
    /// all messages is reserved. Sizes and mode say nothing about a queue that exists. The file is `/dev/shm/mq.NAME`.
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
    /// | [`LimitExceeded`](crate::ErrorKind::LimitExceeded) | 128 handles take part; `/dev/shm` is full; no free descriptor |
    /// | [`OutOfMemory`](crate::ErrorKind::OutOfMemory) | no room in the address space |
    /// | [`Unsupported`](crate::ErrorKind::Unsupported) | there is no `/dev/shm`; Linux is older than 4.14 |
    ///
    /// Nothing is created when it fails.
    pub fn open(&self, name: &Name) -> Result<SharedQueue> {
        self.check()?;
        let path = FilePath::new(name, PREFIX).ok_or(self.system(Errno::NAMETOOLONG))?;
        let mut races = 0;
        loop {
            if !self.flags.contains(OpenFlags::EXCLUSIVE) {
                match self.open_existing(name, &path) {
                    Err(error) if error.errno() == Errno::NOENT && self.flags.contains(OpenFlags::CREATE) => {}
                    result => return result,
                }
            }
            match self.create_at(name, &path) {
                Err(error)
                    if error.errno() == Errno::EXIST && !self.flags.contains(OpenFlags::EXCLUSIVE) && races < RACES =>
                {
                    races += 1;
                }
                result => return result,
            }
        }
    }

    /// Creates a queue of a name that nobody has: the prefix and 16 random characters. [`SharedQueue::name`] tells it.
    ///
    /// # Errors
    /// Those of [`open`](Self::open); [`InvalidName`](crate::ErrorKind::InvalidName) if the prefix leaves no room.
    pub fn create_unique(&self, prefix: &Name) -> Result<SharedQueue> {
        let options = self.create_new(true);
        create_unique(prefix, Operation::CreateQueue, |name| options.open(name.name()))
    }

    /// Creates a queue without a name, whose memory nobody can cut off: passed on by `fork`, or as a descriptor over a
    /// socket, which `SharedQueue::try_from` takes over.
    ///
    /// Only the machine's memory bounds it, see [`AnonymousOptions::create`](crate::AnonymousOptions::create).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn create_anonymous(&self) -> Result<SharedQueue> {
        let options = self.create_new(true);
        options.check()?;
        let file = SharedMemory::anonymous(self.sizes().total()).create()?;
        file.seal_size()?;
        let doorbell = random_suffix().map_err(|errno| options.system(errno))?;
        let memory = member::format(file.map()?, self.sizes(), doorbell)?;
        Ok(SharedQueue::new(Member::new(memory, file, Operation::CreateQueue)?, self.flags))
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
        let create = self.flags.intersects(OpenFlags::CREATE_NEW);
        if create { Operation::CreateQueue } else { Operation::OpenQueue }
    }

    fn system(&self, errno: Errno) -> Error {
        Error::system(self.operation(), errno)
    }

    const fn sizes(&self) -> Sizes {
        Sizes { max_messages: self.max_messages, max_message_size: self.max_message_size }
    }

    fn open_existing(&self, name: &Name, path: &FilePath) -> Result<SharedQueue> {
        let no_queue = |_| Error::caused(self.operation(), Errno::INVAL, Cause::Shared(SharedFault::NoQueue));
        let file = devshm::open_regular(path, OFlags::RDWR).map_err(|errno| self.system(errno))?.map_err(no_queue)?;
        let file = SharedMemory::from_parts(file, Some(ObjectName::kept(name)));
        Ok(SharedQueue::new(Member::adopt(file, self.operation())?, self.flags))
    }

    fn create_at(&self, name: &Name, path: &FilePath) -> Result<SharedQueue> {
        let failed = |errno| match errno {
            Errno::NOENT | Errno::NOTDIR => Error::caused(Operation::CreateQueue, errno, Cause::NoDevShm),
            errno => size_error(Operation::CreateQueue, errno),
        };
        let created = devshm::create_whole(path, self.mode, self.exact_mode, |file| self.fill(file));
        let (file, memory) = created.map_err(failed)?;
        let result = self
            .name(name, &file)
            .map_err(failed)
            .and_then(|name| Member::new(memory, SharedMemory::from_parts(file, Some(name)), Operation::CreateQueue));
        let member = result.inspect_err(|_| {
            // What was created a moment ago is of no use to anybody; if this fails there is nobody to tell.
            let _ = unlink(path.c_str());
        })?;
        Ok(SharedQueue::new(member, self.flags))
    }

    /// Makes a new file a queue.
    fn fill(&self, file: &OwnedFd) -> io::Result<Memory> {
        let total = self.sizes().total();
        reserve(file, 0, total)?;
        let mapping = Mapping::of_file(file, usize::try_from(total).map_err(|_| Errno::NOMEM)?)?;
        member::format(mapping, self.sizes(), random_suffix()?).map_err(|error| error.errno())
    }

    fn name(&self, name: &Name, file: &OwnedFd) -> io::Result<ObjectName> {
        if self.unlink_on_drop {
            Identity::of_file(file).map(|file| ObjectName::removed_on_drop(name, PREFIX, file))
        } else {
            Ok(ObjectName::kept(name))
        }
    }
}
