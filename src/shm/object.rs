//! Shared memory objects.

use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use rustix::fs::{FallocateFlags, FileType, fallocate, fstat, ftruncate, unlink};
use rustix::io::{Errno, FdFlags, fcntl_dupfd_cloexec, fcntl_setfd, pread, pwrite};

use super::shortage::within_file_limit;
use super::space::unit_of;
use super::{MapOptions, Mapping, SharedMemoryOptions, space};
use crate::creation::MODE_BITS;
use crate::dev_shm::{FilePath, Identity, ObjectName};
use crate::error::{Argument, Cause, Error, Operation, RejectedError, Result};
use crate::name::Name;
use crate::sys;

/// A shared memory object: bytes that processes map, found by a name, or nameless and passed on as a descriptor.
///
/// The same object that `shm_open` of C and Python's `posix_ipc` and `multiprocessing.shared_memory` open: a file in
/// `/dev/shm`.
///
/// ```
/// use core::sync::atomic::{AtomicU64, Ordering};
/// use rawipc::{name, SharedMemory};
/// let memory = SharedMemory::options().write(true).create(true).size(4096)
///     .unlink_on_drop(true).open(name!("/rawipc-doc-memory"))?;
/// let mapping = memory.map()?;
/// let counter: &AtomicU64 = mapping.get(0)?; // Fresh memory is zero.
/// counter.fetch_add(1, Ordering::Relaxed);
/// # Ok::<(), rawipc::Error>(())
/// ```
///
/// # Sizes
/// Space is reserved when an object is created, so that a full `/dev/shm` is an error then, and not a SIGBUS when the
/// memory is touched. An object never changes its size but by [`resize`](Self::resize), which says what peers see of
/// it, or [`truncate`](SharedMemoryOptions::truncate). A process that may write to it may shrink it, though, and
/// touching what has been cut off is a SIGBUS for every process that has it mapped: [`read_at`](Self::read_at) and
/// [`write_at`](Self::write_at) of the object itself do not touch the mapping and fail instead; and an
/// [anonymous](Self::anonymous) object can have its size [sealed](Self::seal_size), which no process can undo.
///
/// # Python
/// Before 3.13, `multiprocessing.shared_memory` removes the name of every object that it has attached to when its
/// process ends, also of one that another program has created. From 3.13 on it can be attached with `track=False`.
///
/// # Fork, exec, threads, death
/// A child of `fork` has the same object open and mapped. Descriptors are closed by `exec`, and mappings are gone. All
/// methods may be called by any number of threads at once. What a process wrote stays when it dies, however it dies.
///
/// # References
/// [`shm_overview(7)`](https://man7.org/linux/man-pages/man7/shm_overview.7.html),
/// [`shm_open` in POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/shm_open.html)
#[doc(alias = "shm_open")]
pub struct SharedMemory {
    name: Option<ObjectName>,
    descriptor: OwnedFd,
    /// The size it was created with, until it is mapped or resized; 0 otherwise. It saves the first mapping a look.
    created_size: AtomicUsize,
    /// What the length of a mapping is a multiple of: the size of huge pages, for memory made of them.
    unit: usize,
}

impl SharedMemory {
    /// Options for opening or creating an object; nothing is chosen yet but the mode 0o600 and the size 0.
    pub const fn options() -> SharedMemoryOptions {
        SharedMemoryOptions::new()
    }

    /// Removes an object's name. Those who have it open or mapped go on using it.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound); [`PermissionDenied`](crate::ErrorKind::PermissionDenied), with EPERM
    /// for another user's in the sticky `/dev/shm` (glibc makes EACCES of it).
    ///
    /// # References
    /// [`shm_unlink(3)`](https://man7.org/linux/man-pages/man3/shm_unlink.3.html),
    /// [in POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/shm_unlink.html)
    #[doc(alias = "unlink_shared_memory")]
    #[doc(alias = "shm_unlink")]
    pub fn unlink(name: &Name) -> Result<()> {
        let system = |errno| Error::system(Operation::UnlinkMemory, errno);
        let path = FilePath::new(name, b"").ok_or(system(Errno::NAMETOOLONG))?;
        unlink(path.c_str()).map_err(system)
    }

    /// Returns the name that it was opened by; `None` for an anonymous or adopted one. The name may be gone, or stand
    /// for another object by now.
    #[must_use]
    pub fn name(&self) -> Option<&Name> {
        self.name.as_ref().map(ObjectName::name)
    }

    /// Returns how many bytes it has now.
    ///
    /// # Errors
    /// None in practice: the descriptor is open.
    #[doc(alias = "fstat")]
    pub fn size(&self) -> Result<u64> {
        Ok(fstat(&self.descriptor).map_err(status_error)?.st_size.cast_unsigned())
    }

    /// Returns `true` if the name that it was opened by still stands for this object.
    ///
    /// `false` means that the name was removed, or stands for another object by now: a server that removes its name
    /// when it ends was restarted, and whatever is written to this memory reaches no process that opens the name from
    /// now on. Open the name again.
    ///
    /// ```
    /// use rawipc::{name, SharedMemory};
    /// let options = SharedMemory::options().write(true).create(true).size(64).unlink_on_drop(true);
    /// let server = options.open(name!("/rawipc-doc-memory-linked"))?;
    /// let client = SharedMemory::options().read(true).open(name!("/rawipc-doc-memory-linked"))?;
    /// assert!(client.is_linked()?);
    ///
    /// drop(server);
    /// let server = options.open(name!("/rawipc-doc-memory-linked"))?; // It was restarted.
    /// assert!(server.is_linked()? && !client.is_linked()?);
    /// # Ok::<(), rawipc::Error>(())
    /// ```
    ///
    /// Two system calls (`stat`): the file that the name stands for now, in this process's mount namespace, is compared
    /// with this one. A handle that knows no name, because it is adopted, has one call to make: it returns `true` if
    /// the object has any name in its file system. [Anonymous](Self::anonymous) memory has none. The answer is as old
    /// as the call: the name may be removed right after it. A child of `fork` gets the same answer as its parent.
    ///
    /// # Errors
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) if `/dev/shm` may not be searched.
    #[doc(alias = "st_nlink")]
    #[doc(alias = "stale")]
    pub fn is_linked(&self) -> Result<bool> {
        self.is_linked_with(b"").map_err(status_error)
    }

    /// The same for an object whose file has this before its name.
    pub(crate) fn is_linked_with(&self, prefix: &[u8]) -> rustix::io::Result<bool> {
        let status = fstat(&self.descriptor)?;
        match &self.name {
            Some(name) => name.stands_for(prefix, Identity::of(&status)),
            None => Ok(status.st_nlink != 0),
        }
    }

    /// Its permission bits, 0o000 to 0o777.
    ///
    /// # Errors
    /// None in practice: the descriptor is open.
    pub fn mode(&self) -> Result<u32> {
        Ok(fstat(&self.descriptor).map_err(status_error)?.st_mode & MODE_BITS)
    }

    /// Maps all of it: for reading and writing.
    ///
    /// The handle that created the object knows its size the first time: if another process has resized it before, map
    /// again, or not before it is settled. After [`seal_size`](Self::seal_size) the handle asks for the size.
    ///
    /// # Errors
    /// As [`MapOptions::map`].
    #[doc(alias = "mmap")]
    pub fn map(&self) -> Result<Mapping> {
        self.map_options().map()
    }

    /// Options for mapping a part of it, for reading only, locked into memory, and so on.
    pub const fn map_options(&self) -> MapOptions<'_> {
        MapOptions::new(self)
    }

    /// Copies bytes out of it, by a system call; all of them or an error. Safe whatever others do to the object's size.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) with both numbers if it ends before them.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let asked = buffer.len();
        // The kernel would refuse such numbers without a look at the size.
        if offset.saturating_add(asked as u64) > OFFSET_MAX && asked > 0 {
            let there = self.size()?.saturating_sub(offset);
            return Err(short(Operation::ReadMemory, usize::try_from(there).unwrap_or(usize::MAX), asked));
        }
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match pread(&self.descriptor, rest, offset.saturating_add(done as u64)) {
                Ok(0) => return Err(short(Operation::ReadMemory, done, asked)),
                Ok(count) => done += count,
                Err(errno) => return Err(Error::system(Operation::ReadMemory, errno)),
            }
        }
        Ok(())
    }

    /// Copies bytes into it, by a system call; all of them or an error. It never becomes longer than it was when this
    /// was called.
    ///
    /// The size is read before the bytes are written, and the kernel has no call that does both. If a peer shortens the
    /// object between the two, the write lengthens it again, up to the end of `bytes`; what lies between is zero then.
    /// An object whose size is [sealed](Self::seal_size) cannot be shortened, so this does not happen to it.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) with both numbers if it ends before them (nothing is written
    /// then); [`BadDescriptor`](crate::ErrorKind::BadDescriptor) if it is open for reading only;
    /// [`LimitExceeded(FileSize)`](crate::error::Limit::FileSize) beyond RLIMIT_FSIZE, which counts inside of an object
    /// too (nothing is written then); [`LimitExceeded(DevShm)`](crate::error::Limit::DevShm) for memory without its
    /// space.
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let room = self.size()?.saturating_sub(offset);
        if room < bytes.len() as u64 {
            return Err(short(Operation::WriteMemory, usize::try_from(room).unwrap_or(usize::MAX), bytes.len()));
        }
        let failed = |errno| self.size_error(Operation::WriteMemory, errno, offset.saturating_add(bytes.len() as u64));
        // RLIMIT_FSIZE counts for what is written inside of a file too.
        if !bytes.is_empty() {
            within_file_limit(offset.saturating_add(bytes.len() as u64)).map_err(failed)?;
        }
        let mut done = 0;
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            done += pwrite(&self.descriptor, rest, offset.saturating_add(done as u64)).map_err(failed)?;
        }
        Ok(())
    }

    /// Returns another handle of the same object, with a descriptor of its own, close-on-exec. It never removes the
    /// name.
    ///
    /// # Errors
    /// [`LimitExceeded(Descriptors)`](crate::error::Limit::Descriptors).
    pub fn try_clone(&self) -> Result<Self> {
        let descriptor =
            fcntl_dupfd_cloexec(&self.descriptor, 0).map_err(|errno| Error::system(Operation::CloneMemory, errno))?;
        let clone = Self::from_parts(descriptor, self.name().map(ObjectName::kept));
        Ok(Self { unit: self.unit, ..clone })
    }

    /// Closes the descriptor, after removing the name if [`unlink_on_drop`](SharedMemoryOptions::unlink_on_drop) asks
    /// for it. Mappings stay. Dropping does the same and has nowhere to report an error.
    ///
    /// # Errors
    /// Those of [`unlink`](Self::unlink), except that a name that is gone already is as good.
    #[doc(alias = "close_fd")]
    pub fn close(mut self) -> Result<()> {
        let removed = self.remove_name();
        let closed = sys::close(self.descriptor);
        removed.map_err(|errno| Error::system(Operation::UnlinkMemory, errno))?;
        closed.map_err(|errno| Error::system(Operation::CloseMemory, errno))
    }

    /// Removes the name, if the handle is to do so.
    pub(crate) fn remove_name(&mut self) -> rustix::io::Result<()> {
        self.name.as_mut().map_or(Ok(()), ObjectName::remove)
    }

    pub(crate) const fn from_parts(descriptor: OwnedFd, name: Option<ObjectName>) -> Self {
        Self { name, descriptor, created_size: AtomicUsize::new(0), unit: 1 }
    }

    /// One that has just been made, of this size.
    pub(super) fn created(descriptor: OwnedFd, name: Option<ObjectName>, size: u64) -> Self {
        let created_size = AtomicUsize::new(usize::try_from(size).unwrap_or(0));
        Self { name, descriptor, created_size, unit: 1 }
    }

    /// From now on it has this name.
    pub(crate) fn set_name(&mut self, name: ObjectName) {
        self.name = Some(name);
    }

    /// The same, once it is known what lengths it can be mapped in.
    pub(super) fn in_units(self, unit: usize) -> Self {
        Self { unit, ..self }
    }

    /// What the length of a mapping is a multiple of: 1, or the size of huge pages.
    pub(crate) const fn unit(&self) -> usize {
        self.unit
    }

    /// Another process may have changed the size before it was sealed. What is sealed must be mapped as it is.
    pub(super) fn forget_created_size(&self) {
        self.created_size.store(0, Relaxed);
    }

    /// Returns how many bytes there are to be mapped.
    pub(super) fn size_to_map(&self) -> Result<u64> {
        match self.created_size.swap(0, Relaxed) {
            0 => self.size(),
            size => Ok(size as u64),
        }
    }

    pub(super) const fn descriptor(&self) -> &OwnedFd {
        &self.descriptor
    }

    /// Closes the descriptor and keeps what is to be done with the name.
    pub(super) fn into_name(self) -> Option<ObjectName> {
        self.name
    }
}

/// The kernel's offsets are signed.
pub(super) const OFFSET_MAX: u64 = i64::MAX as u64;

/// A size beyond that. The kernel's own EFBIG has other causes: RLIMIT_FSIZE, and smaller maxima of 32-bit machines.
pub(super) const TOO_LARGE: Errno = Errno::OVERFLOW;

/// Adds bytes at the end, with their space. If that fails, the size is what it was.
///
/// This is the one place where space is reserved.
pub(crate) fn reserve(file: &OwnedFd, offset: u64, length: u64) -> rustix::io::Result<()> {
    if offset.checked_add(length).is_none_or(|end| end > OFFSET_MAX) {
        return Err(TOO_LARGE);
    }
    if length == 0 {
        return Ok(());
    }
    within_file_limit(offset + length)?;
    match fallocate(file, FallocateFlags::empty(), offset, length) {
        Err(errno @ (Errno::INTR | Errno::OPNOTSUPP | Errno::NOSYS)) => {
            space::reserve_in_parts(file, offset, length, errno)
        }
        result => result,
    }
}

/// Sets the size without reserving space.
pub(super) fn cut(file: &OwnedFd, size: u64) -> rustix::io::Result<()> {
    if size > OFFSET_MAX {
        return Err(TOO_LARGE);
    }
    if size > 0 {
        within_file_limit(size)?;
    }
    ftruncate(file, size)
}

fn short(operation: Operation, there: usize, asked: usize) -> Error {
    Error::caused(operation, Errno::INVAL, Cause::out_of_bounds(there as u64, asked as u64))
}

pub(super) fn status_error(errno: Errno) -> Error {
    Error::system(Operation::MemoryStatus, errno)
}

impl AsFd for SharedMemory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl AsRawFd for SharedMemory {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }
}

impl From<SharedMemory> for OwnedFd {
    /// Gives the descriptor away. The name stays, whatever [`unlink_on_drop`](SharedMemoryOptions::unlink_on_drop)
    /// said.
    fn from(mut memory: SharedMemory) -> Self {
        if let Some(name) = &mut memory.name {
            name.keep();
        }
        memory.descriptor
    }
}

impl TryFrom<OwnedFd> for SharedMemory {
    type Error = RejectedError<OwnedFd>;

    /// Takes over a descriptor that a peer passed on, after making sure that it is a regular file and no message queue.
    /// It becomes close-on-exec.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if it is anything else; it is given back as it was.
    fn try_from(descriptor: OwnedFd) -> core::result::Result<Self, RejectedError<OwnedFd>> {
        let adopt = || {
            let status = fstat(&descriptor).map_err(status_error)?;
            let no_memory = Error::argument(Operation::OpenMemory, Argument::NotMemory, 0);
            if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
                return Err(no_memory);
            }
            let unit = unit_of(&descriptor)?.ok_or(no_memory)?;
            fcntl_setfd(&descriptor, FdFlags::CLOEXEC).map_err(status_error)?;
            Ok(unit)
        };
        match adopt() {
            Ok(unit) => Ok(Self::from_parts(descriptor, None).in_units(unit)),
            Err(error) => Err(RejectedError { error, value: descriptor }),
        }
    }
}

impl fmt::Debug for SharedMemory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SharedMemory")
            .field("name", &self.name())
            .field("descriptor", &self.descriptor)
            .finish()
    }
}
