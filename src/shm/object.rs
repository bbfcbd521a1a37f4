//! Shared memory objects.

use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use rustix::fs::{
    FallocateFlags, FileType, Mode, SealFlags, fallocate, fchmod, fcntl_add_seals, fcntl_get_seals, fstat, fstatfs,
    ftruncate, unlink,
};
use rustix::io::{Errno, FdFlags, fcntl_dupfd_cloexec, fcntl_setfd, pread, pwrite};

use super::{MapOptions, Mapping, SharedMemoryOptions};
use crate::devshm::{FilePath, ObjectName};
use crate::error::{Argument, Cause, Error, Operation, Refused, Result};
use crate::name::Name;
use crate::open::MODE_BITS;
use crate::sys;

/// A shared memory object: bytes that processes map, found by a name, or nameless and passed on as a descriptor.
///
/// The same object that `shm_open` of C and Python's `posix_ipc` and `multiprocessing.shared_memory` open: a file in
/// `/dev/shm`.
///
/// ```
/// use core::sync::atomic::{AtomicU64, Ordering};
/// use rawipc::{SharedMemory, name};
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
/// memory is touched. An object never changes its size but by [`resize`](Self::resize) or
/// [`truncate`](SharedMemoryOptions::truncate). Who may write to it may shrink it, though, and touching what has been
/// cut off is a SIGBUS for everybody who has it mapped: [`read_at`](Self::read_at) and [`write_at`](Self::write_at) of
/// the object itself do not touch the mapping and fail instead; and an [anonymous](Self::anonymous) object can have its
/// size [sealed](Self::seal_size), which nobody can undo.
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
    /// [`NotFound`](crate::ErrorKind::NotFound), [`PermissionDenied`](crate::ErrorKind::PermissionDenied).
    ///
    /// # References
    /// [`shm_unlink(3)`](https://man7.org/linux/man-pages/man3/shm_unlink.3.html),
    /// [in POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/shm_unlink.html)
    #[doc(alias = "shm_unlink")]
    pub fn unlink(name: &Name) -> Result<()> {
        let system = |errno| Error::system(Operation::UnlinkMemory, errno);
        let path = FilePath::new(name, b"").ok_or(system(Errno::NAMETOOLONG))?;
        unlink(path.c_str()).map_err(system)
    }

    /// The name it was opened by; `None` for an anonymous or adopted one. The name may be gone, or stand for another
    /// object by now.
    #[must_use]
    pub fn name(&self) -> Option<&Name> {
        self.name.as_ref().map(ObjectName::name)
    }

    /// How many bytes it has now.
    ///
    /// # Errors
    /// None in practice: the descriptor is open.
    #[doc(alias = "fstat")]
    pub fn size(&self) -> Result<u64> {
        Ok(fstat(&self.descriptor).map_err(status_error)?.st_size.cast_unsigned())
    }

    /// Its permission bits, 0o000 to 0o777.
    ///
    /// # Errors
    /// None in practice: the descriptor is open.
    pub fn mode(&self) -> Result<u32> {
        Ok(fstat(&self.descriptor).map_err(status_error)?.st_mode & MODE_BITS)
    }

    /// Makes it longer or shorter. New bytes are zero, and their space is reserved.
    ///
    /// Cutting it takes the memory away from everybody who has it mapped: touching what was cut off raises SIGBUS
    /// there.
    ///
    /// # Errors
    /// [`LimitExceeded(DevShm)`](crate::Limit::DevShm) without space for it;
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) beyond 2⁶³ − 1 bytes;
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) if the size is sealed;
    /// [`BadDescriptor`](crate::ErrorKind::BadDescriptor) or `InvalidInput` if it is open for reading only;
    /// [`Interrupted`](crate::ErrorKind::Interrupted). The size is what it was then.
    #[doc(alias = "ftruncate")]
    pub fn resize(&self, size: u64) -> Result<()> {
        self.created_size.store(0, Relaxed);
        let old = self.size()?;
        let result = if size > old { reserve(&self.descriptor, old, size - old) } else { cut(&self.descriptor, size) };
        result.map_err(|errno| size_error(Operation::ResizeMemory, errno))
    }

    /// Maps all of it: for reading and writing.
    ///
    /// The handle that created the object knows its size the first time: if another process has resized it before, map
    /// again, or not before it is settled.
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
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) with both numbers if it ends before them (nothing is written
    /// then); [`BadDescriptor`](crate::ErrorKind::BadDescriptor) if it is open for reading only.
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let room = self.size()?.saturating_sub(offset);
        if room < bytes.len() as u64 {
            return Err(short(Operation::WriteMemory, usize::try_from(room).unwrap_or(usize::MAX), bytes.len()));
        }
        let mut done = 0;
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            done += pwrite(&self.descriptor, rest, offset.saturating_add(done as u64))
                .map_err(|errno| size_error(Operation::WriteMemory, errno))?;
        }
        Ok(())
    }

    /// Fixes the size for ever, for everybody who has the object: a mapping of it can then raise no SIGBUS. For
    /// [anonymous](Self::anonymous) objects only. No other seal can be added afterwards.
    ///
    /// # Errors
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) or [`InvalidInput`](crate::ErrorKind::InvalidInput) for
    /// an object that cannot be sealed: a named one, or one whose seals are sealed.
    ///
    /// # References
    /// [`memfd_create(2)`](https://man7.org/linux/man-pages/man2/memfd_create.2.html),
    /// [`F_ADD_SEALS`](https://man7.org/linux/man-pages/man2/F_GET_SEALS.2const.html)
    #[doc(alias = "F_ADD_SEALS")]
    pub fn seal_size(&self) -> Result<()> {
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        fcntl_add_seals(&self.descriptor, seals).map_err(|errno| Error::system(Operation::SealMemory, errno))
    }

    /// Whether nobody can make it shorter any more.
    #[must_use]
    #[doc(alias = "F_GET_SEALS")]
    pub fn is_size_sealed(&self) -> bool {
        fcntl_get_seals(&self.descriptor).is_ok_and(|seals| seals.contains(SealFlags::SHRINK))
    }

    /// Another handle of the same object, with a descriptor of its own, close-on-exec. It never removes the name.
    ///
    /// # Errors
    /// [`LimitExceeded(Descriptors)`](crate::Limit::Descriptors).
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

    /// The same, once it is known what lengths it can be mapped in.
    pub(super) fn in_units(self, unit: usize) -> Self {
        Self { unit, ..self }
    }

    pub(super) const fn unit(&self) -> usize {
        self.unit
    }

    /// How many bytes there are to be mapped.
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

/// Adds bytes at the end, with their space.
pub(crate) fn reserve(file: &OwnedFd, offset: u64, length: u64) -> rustix::io::Result<()> {
    if offset.checked_add(length).is_none_or(|end| end > OFFSET_MAX) {
        return Err(TOO_LARGE);
    }
    if length == 0 { Ok(()) } else { fallocate(file, FallocateFlags::empty(), offset, length) }
}

/// Sets the size without reserving space.
pub(super) fn cut(file: &OwnedFd, size: u64) -> rustix::io::Result<()> {
    if size > OFFSET_MAX { Err(TOO_LARGE) } else { ftruncate(file, size) }
}

pub(super) fn set_mode(file: &OwnedFd, mode: u32) -> rustix::io::Result<()> {
    fchmod(file, Mode::from_raw_mode(mode))
}

/// What a failure to get space means.
pub(crate) fn size_error(operation: Operation, errno: Errno) -> Error {
    match errno {
        Errno::NOSPC => Error::caused(operation, errno, Cause::DevShmFull),
        TOO_LARGE => Error::argument(operation, Argument::MemorySize, 0),
        errno => Error::system(operation, errno),
    }
}

fn short(operation: Operation, there: usize, asked: usize) -> Error {
    Error::caused(operation, Errno::INVAL, Cause::out_of_bounds(there as u64, asked as u64))
}

/// In what lengths a regular file can be mapped; `None` if it is a message queue, which is one to the kernel.
pub(super) fn unit_of(descriptor: &OwnedFd) -> Result<Option<usize>> {
    const MQUEUE_MAGIC: u32 = 0x1980_0202;
    const HUGETLBFS_MAGIC: u32 = 0x9584_58f6;
    let status = fstatfs(descriptor).map_err(status_error)?;
    // The fields' types are others on each architecture; magic numbers have 32 bits.
    Ok(match status.f_type as u32 {
        MQUEUE_MAGIC => None,
        HUGETLBFS_MAGIC => Some(status.f_bsize as usize),
        _ => Some(1),
    })
}

fn status_error(errno: Errno) -> Error {
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
    type Error = Refused<OwnedFd>;

    /// Takes over a descriptor that a peer passed on, after making sure that it is a regular file and no message queue.
    /// It becomes close-on-exec.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if it is anything else; it is given back as it was.
    fn try_from(descriptor: OwnedFd) -> core::result::Result<Self, Refused<OwnedFd>> {
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
            Err(error) => Err(Refused { error, value: descriptor }),
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
