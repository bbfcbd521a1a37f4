//! What exists: queues, semaphores, shared memory.

use core::ffi::CStr;
use core::fmt;
use core::mem::MaybeUninit;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, Stat, open, openat, statat, statfs};
use rustix::io::{self, Errno, read};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};
use rustix::thread::{SecureComputingMode, secure_computing_mode};

use crate::error::{Argument, Cause, Error, ErrorKind, Operation, Result};
use crate::mqueue::{MessageQueue, Status};
use crate::name::{Name, OwnedName};
use crate::shared_queue;
use crate::time::Time;

/// The magic number of an mqueue file system.
const MQUEUE_MAGIC: u64 = 0x1980_0202;

/// How to open a directory that is to be listed.
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// What a listed object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    /// A message queue.
    Queue,
    /// A named semaphore as glibc names them: a file `sem.NAME` in `/dev/shm`.
    Semaphore,
    /// A file of a semaphore's size and content that has not glibc's naming: a semaphore of musl's, or shared memory
    /// that looks like one.
    MuslSemaphore,
    /// A message queue in shared memory, [`SharedQueue`](crate::SharedQueue): a file `mq.NAME` in `/dev/shm` that
    /// begins as one.
    SharedQueue,
    /// A shared memory object.
    SharedMemory,
}

/// An object that was there when it was looked at.
#[derive(Debug)]
pub struct Entry<'listing> {
    name: &'listing Name,
    directory: &'listing OwnedFd,
    /// What it is.
    pub kind: ObjectKind,
    /// Its size in bytes; for a queue 0, since the kernel's figure there means nothing
    /// ([`queue_status`](Self::queue_status) knows what is in it).
    pub size: u64,
    /// Its permission bits, 0o0000 to 0o7777.
    pub mode: u32,
    /// The user ID of its owner.
    pub user: u32,
    /// The group ID of its owner.
    pub group: u32,
    /// When it was read last, by the wall clock.
    pub accessed: Time,
    /// When it was written last by a system call, by the wall clock. What is written through a mapping does not count.
    pub modified: Time,
    /// When its mode, owner or names changed last, by the wall clock.
    pub changed: Time,
}

/// A walk over the objects of one sort, without allocation.
///
/// Objects that appear or vanish meanwhile may or may not be seen; each one is seen at most once unless it is removed
/// and created again. Names come from the creator of the object: their `Display` escapes what could play with a
/// terminal.
///
/// ```
/// use core::mem::MaybeUninit;
/// use rawipc::inspect::Listing;
/// let mut buffer = [MaybeUninit::uninit(); Listing::BUFFER_SIZE];
/// let mut objects = Listing::shared_memory(&mut buffer)?;
/// while let Some(object) = objects.next() {
///     let object = object?;
///     println!("{} {} bytes {:o}", object.name(), object.size, object.mode);
/// }
/// # Ok::<(), rawipc::Error>(())
/// ```
pub struct Listing<'buffer> {
    directory: OwnedFd,
    entries: RawDir<'buffer, OwnedFd>,
    sort: Sort,
    name: OwnedName,
    /// The directory could not be read on, and never will.
    failed: bool,
}

/// What a listing looks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Queues,
    Semaphores,
    SharedQueues,
    SharedMemory,
}

impl<'buffer> Listing<'buffer> {
    /// A good size for the buffer, in bytes. A larger one saves calls; a smaller one may not hold an entry.
    pub const BUFFER_SIZE: usize = 4096;

    /// Lists the queues of the IPC namespace.
    ///
    /// They are looked up in an mqueue file system that is mounted for this call alone and that no path leads to, which
    /// takes Linux 5.2 and CAP_SYS_ADMIN; otherwise in the one on `/dev/mqueue`, if there is one. That one may show the
    /// queues of another namespace, if it was mounted there.
    ///
    /// A process with a system call filter looks at `/dev/mqueue` first and mounts one only if there is none. Some
    /// filters, such as systemd's `SystemCallFilter=@system-service`, end a process that calls `fsopen`.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if there is neither; the error says how to mount one.
    ///
    /// # References
    /// [`mq_overview(7)`](https://man7.org/linux/man-pages/man7/mq_overview.7.html), "Mounting the message queue
    /// filesystem"
    pub fn queues(buffer: &'buffer mut [MaybeUninit<u8>]) -> Result<Self> {
        let directory = match mounted() {
            Ok(directory) if is_filtered() => Ok(directory),
            mounted => unseen_mount().or(mounted),
        };
        let directory = directory.map_err(|errno| Error::caused(Operation::List, errno, Cause::NoMqueueMount))?;
        Self::new(directory, Sort::Queues, buffer)
    }

    /// Lists the named semaphores: glibc's by their names, musl's by size and content. Those that cannot be read are
    /// left out.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if there is no `/dev/shm`;
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) if it may not be read.
    ///
    /// # References
    /// [`sem_overview(7)`](https://man7.org/linux/man-pages/man7/sem_overview.7.html)
    pub fn semaphores(buffer: &'buffer mut [MaybeUninit<u8>]) -> Result<Self> {
        Self::new(dev_shm()?, Sort::Semaphores, buffer)
    }

    /// Lists the message queues in shared memory. Those that cannot be read are left out.
    ///
    /// # Errors
    /// As [`semaphores`](Self::semaphores).
    pub fn shared_queues(buffer: &'buffer mut [MaybeUninit<u8>]) -> Result<Self> {
        Self::new(dev_shm()?, Sort::SharedQueues, buffer)
    }

    /// Lists the shared memory objects, those that may be musl's semaphores included; they say so by their kind.
    /// Message queues in it are not among them.
    ///
    /// # Errors
    /// As [`semaphores`](Self::semaphores).
    ///
    /// # References
    /// [`shm_overview(7)`](https://man7.org/linux/man-pages/man7/shm_overview.7.html)
    pub fn shared_memory(buffer: &'buffer mut [MaybeUninit<u8>]) -> Result<Self> {
        Self::new(dev_shm()?, Sort::SharedMemory, buffer)
    }

    /// Returns the next object; `None` after the last one.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the buffer is too small for an entry; that ends the walk.
    #[allow(clippy::should_implement_trait, reason = "an entry borrows from the listing")]
    pub fn next(&mut self) -> Option<Result<Entry<'_>>> {
        let (kind, status) = loop {
            match self.find()? {
                Ok(Some(found)) => break found,
                // Not of this sort, or gone already.
                Ok(None) => {}
                Err(error) => return Some(Err(error)),
            }
        };
        Some(Ok(Entry::new(self.name.name(), &self.directory, kind, &status)))
    }

    fn new(directory: OwnedFd, sort: Sort, buffer: &'buffer mut [MaybeUninit<u8>]) -> Result<Self> {
        let own = openat(&directory, c".", DIRECTORY, Mode::empty()).map_err(list_error)?;
        Ok(Self { directory, entries: RawDir::new(own, buffer), sort, name: OwnedName::EMPTY, failed: false })
    }

    /// Looks at the next file; keeps its name if it is an object of the sort.
    fn find(&mut self) -> Option<Result<Option<(ObjectKind, Stat)>>> {
        if self.failed {
            return None;
        }
        let entry = match self.entries.next()? {
            Ok(entry) => entry,
            Err(errno) => {
                self.failed = true;
                return Some(Err(match errno {
                    Errno::INVAL => Error::argument(Operation::List, Argument::ListBuffer, 0),
                    errno => list_error(errno),
                }));
            }
        };
        let file = entry.file_name().to_bytes();
        let glibc = file.strip_prefix(b"sem.");
        let queue = file.strip_prefix(shared_queue::PREFIX);
        let name = match self.sort {
            Sort::Queues => Some(file),
            Sort::SharedQueues => queue,
            Sort::Semaphores => glibc.or(Some(file)),
            Sort::SharedMemory => glibc.is_none().then_some(file),
        };
        let Some(name) = name.and_then(OwnedName::of_file) else { return Some(Ok(None)) };
        let status = match statat(&self.directory, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(status) if FileType::from_raw_mode(status.st_mode) == FileType::RegularFile => status,
            Ok(_) | Err(Errno::NOENT) => return Some(Ok(None)),
            Err(errno) => return Some(Err(list_error(errno))),
        };
        let size = status.st_size as u64;
        let is_queue = || queue.is_some() && looks_like_queue(&self.directory, entry.file_name());
        let kind = match self.sort {
            Sort::Queues => ObjectKind::Queue,
            Sort::SharedQueues if is_queue() => ObjectKind::SharedQueue,
            _ if glibc.is_some() => ObjectKind::Semaphore,
            _ if looks_like_musl_semaphore(&self.directory, entry.file_name(), size) => ObjectKind::MuslSemaphore,
            Sort::SharedMemory if !is_queue() => ObjectKind::SharedMemory,
            _ => return Some(Ok(None)),
        };
        self.name = name;
        Some(Ok(Some((kind, status))))
    }
}

impl fmt::Debug for Listing<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Listing").field("directory", &self.directory).finish_non_exhaustive()
    }
}

impl<'listing> Entry<'listing> {
    fn new(name: &'listing Name, directory: &'listing OwnedFd, kind: ObjectKind, status: &Stat) -> Self {
        let time = |seconds, nanoseconds| Time::new(seconds, nanoseconds).unwrap_or(Time::ZERO);
        Self {
            name,
            directory,
            kind,
            size: if kind == ObjectKind::Queue { 0 } else { status.st_size as u64 },
            mode: status.st_mode & 0o7777,
            user: status.st_uid,
            group: status.st_gid,
            accessed: time(status.st_atime, status.st_atime_nsec as u32),
            modified: time(status.st_mtime, status.st_mtime_nsec as u32),
            changed: time(status.st_ctime, status.st_ctime_nsec as u32),
        }
    }

    /// Returns the name to open it by.
    #[must_use]
    pub fn name(&self) -> &'listing Name {
        self.name
    }

    /// Returns, for a queue, how many bytes are in it, and who is registered for notification.
    ///
    /// It opens and closes the queue, and closing any descriptor of a queue drops the registration that **this**
    /// process may have for it: not for a process that waits for notifications of listed queues.
    ///
    /// # Errors
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) without the right to receive;
    /// [`NotFound`](crate::ErrorKind::NotFound) if it is gone; [`InvalidInput`](crate::ErrorKind::InvalidInput) if it
    /// is no queue.
    pub fn queue_status(&self) -> Result<Status> {
        Status::read(self.open_file(OFlags::RDONLY)?.as_fd())
    }

    /// Opens a queue of the listing, nonblocking; for receiving if that is permitted, else for sending. It is the queue
    /// that was listed, also where the listing is of another IPC namespace, in which its name stands for something else
    /// or for nothing.
    ///
    /// # Errors
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) without either right;
    /// [`NotFound`](crate::ErrorKind::NotFound) if it is gone; [`InvalidInput`](crate::ErrorKind::InvalidInput) if it
    /// is no queue.
    pub fn open_queue(&self) -> Result<MessageQueue> {
        let queue = match self.open_file(OFlags::RDONLY) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => self.open_file(OFlags::WRONLY)?,
            result => result?,
        };
        Ok(MessageQueue::try_from(queue)?)
    }

    fn open_file(&self, access: OFlags) -> Result<OwnedFd> {
        if self.kind != ObjectKind::Queue {
            return Err(Error::argument(Operation::QueueStatus, Argument::NotAQueue, 0));
        }
        let name = OwnedName::new(self.name);
        let flags = access | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(self.directory, name.file(), flags, Mode::empty()).map_err(list_error)
    }
}

/// An mqueue file system of this IPC namespace that no path leads to.
fn unseen_mount() -> io::Result<OwnedFd> {
    let context = fsopen(c"mqueue", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(&context)?;
    let mount = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())?;
    openat(mount, c".", DIRECTORY, Mode::empty())
}

/// Returns `true` if [`Listing::queues`] is sure to work. A process with a filter does not find out by a call that may
/// end it.
pub(crate) fn can_list_queues() -> bool {
    mounted().is_ok() || !is_filtered() && unseen_mount().is_ok()
}

/// Returns `true` if this process has a system call filter and may ask.
fn is_filtered() -> bool {
    secure_computing_mode() != Ok(SecureComputingMode::Disabled)
}

fn mounted() -> io::Result<OwnedFd> {
    const PATH: &CStr = c"/dev/mqueue";
    if statfs(PATH)?.f_type as u64 != MQUEUE_MAGIC {
        return Err(Errno::NOENT);
    }
    open(PATH, DIRECTORY, Mode::empty())
}

fn dev_shm() -> Result<OwnedFd> {
    open(c"/dev/shm", DIRECTORY, Mode::empty()).map_err(|errno| match errno {
        Errno::NOENT | Errno::NOTDIR => Error::caused(Operation::List, errno, Cause::NoDevShm),
        errno => list_error(errno),
    })
}

/// Returns `true` if a file could be a semaphore of musl's: its size, and all words 0 but the value, the number of
/// waiters, and the fourth one, which musl leaves as it was and this crate marks its own by.
fn looks_like_musl_semaphore(directory: &OwnedFd, file: &CStr, size: u64) -> bool {
    if size != 16 && size != 32 {
        return false;
    }
    let mut image = [0; 32];
    let length = read_beginning(directory, file, &mut image);
    length.is_ok_and(|length| length as u64 == size) && image[8..12].iter().chain(&image[16..]).all(|byte| *byte == 0)
}

/// Returns `true` if a file begins as a message queue in shared memory.
fn looks_like_queue(directory: &OwnedFd, file: &CStr) -> bool {
    let mut magic = [0; 8];
    read_beginning(directory, file, &mut magic).is_ok() && magic == shared_queue::MAGIC
}

/// Reads up to the length of the buffer. Returns the number of bytes read.
fn read_beginning(directory: &OwnedFd, file: &CStr, bytes: &mut [u8]) -> io::Result<usize> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(directory, file, flags, Mode::empty()).and_then(|file| read(file, bytes))
}

fn list_error(errno: Errno) -> Error {
    Error::system(Operation::List, errno)
}
