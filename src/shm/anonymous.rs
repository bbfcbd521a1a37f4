//! Shared memory without a name.

use core::ffi::CStr;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, memfd_create};
use rustix::io::Errno;

use super::SharedMemory;
use super::object::{cut, reserve};
use super::shortage::memory_error;
use super::space::unit_of;
use crate::error::{Cause, Error, Need, Operation, Result};

/// How to create shared memory without a name; made by [`SharedMemory::anonymous`].
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct AnonymousOptions {
    size: u64,
    sparse: bool,
    huge_pages: bool,
}

impl SharedMemory {
    /// Options for memory of this size without a name: passed on by `fork`, or as a descriptor over a socket.
    ///
    /// For peers that are not trusted: once the size is [sealed](Self::seal_size), no peer can cut off what is mapped,
    /// which would raise SIGBUS. [`seal_size`](Self::seal_size) lists what else could.
    ///
    /// ```
    /// use rawipc::SharedMemory;
    /// let memory = SharedMemory::anonymous(4096).create()?;
    /// memory.seal_size()?;
    /// assert!(memory.is_size_sealed() && memory.resize(8192).is_err());
    /// # Ok::<(), rawipc::Error>(())
    /// ```
    #[doc(alias = "memfd_create")]
    pub const fn anonymous(size: u64) -> AnonymousOptions {
        AnonymousOptions { size, sparse: false, huge_pages: false }
    }

    /// Fixes the size for ever, in all processes that have the object. For [anonymous](Self::anonymous) objects only.
    /// No other seal can be added afterwards.
    ///
    /// No process can cut off then what is mapped: touching it raises no SIGBUS for that reason. This holds for
    /// mappings that are made afterwards. One that is older may be longer than the object was when it was sealed.
    ///
    /// What can still raise SIGBUS in memory whose size is sealed:
    /// - Memory of [huge pages](AnonymousOptions::huge_pages), where a peer that can write to it has punched holes
    ///   (with `fallocate`). Touching a hole takes a page from the system's pool, and raises SIGBUS if the pool is
    ///   empty. If a peer is not trusted, refuse memory that [has huge pages](Self::has_huge_pages). In other memory, a
    ///   hole reads as zeros.
    /// - Holes, and [sparse](AnonymousOptions::sparse) memory that is touched for the first time, on a system that does
    ///   not overcommit memory (`vm.overcommit_memory` is 2) and has none left.
    /// - Memory that is defective.
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
        self.seal_unshared_size()?;
        self.forget_created_size();
        Ok(())
    }

    /// The same for an object that no other process has had yet: its size is what it was created with.
    pub(crate) fn seal_unshared_size(&self) -> Result<()> {
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        fcntl_add_seals(self, seals).map_err(|errno| Error::system(Operation::SealMemory, errno))
    }

    /// Forbids all writes from now on, in all processes, except through mappings that exist already. For
    /// [anonymous](Self::anonymous) objects only. Call it before [`seal_size`](Self::seal_size), after which no seal
    /// can be added.
    ///
    /// A program that publishes data maps the object, seals it, and passes it on: it goes on changing the data, and its
    /// peers can only read. They map it with [`MapOptions::map_read_only`](super::MapOptions::map_read_only).
    ///
    /// ```
    /// use rawipc::{ErrorKind, SharedMemory};
    /// let memory = SharedMemory::anonymous(4096).create()?;
    /// let mapping = memory.map()?;
    /// memory.seal_future_writes()?;
    /// memory.seal_size()?;
    /// mapping.write_at(0, b"published")?;
    ///
    /// let peers = memory.try_clone()?;
    /// assert_eq!(peers.write_at(0, b"x").unwrap_err().kind(), ErrorKind::PermissionDenied);
    /// assert_eq!(peers.map().unwrap_err().kind(), ErrorKind::PermissionDenied);
    /// let mut bytes = [0; 9];
    /// peers.map_options().map_read_only()?.read_at(0, &mut bytes)?;
    /// assert_eq!(&bytes, b"published");
    /// # Ok::<(), rawipc::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) or [`InvalidInput`](crate::ErrorKind::InvalidInput) for
    /// an object that cannot be sealed, and before Linux 5.1.
    ///
    /// # References
    /// [`F_SEAL_FUTURE_WRITE`](https://man7.org/linux/man-pages/man2/F_GET_SEALS.2const.html)
    #[doc(alias = "F_SEAL_FUTURE_WRITE")]
    pub fn seal_future_writes(&self) -> Result<()> {
        fcntl_add_seals(self, SealFlags::FUTURE_WRITE).map_err(|errno| Error::system(Operation::SealMemory, errno))
    }

    /// Returns `true` if no process can make it shorter any more: see [`seal_size`](Self::seal_size). Map it after
    /// asking, not before.
    #[must_use]
    #[doc(alias = "F_GET_SEALS")]
    pub fn is_size_sealed(&self) -> bool {
        let is_sealed = fcntl_get_seals(self).is_ok_and(|seals| seals.contains(SealFlags::SHRINK));
        if is_sealed {
            self.forget_created_size();
        }
        is_sealed
    }

    /// Returns `true` if it is made of [huge pages](AnonymousOptions::huge_pages). Its mappings have a length of whole
    /// ones.
    #[must_use]
    #[doc(alias = "HUGETLBFS_MAGIC")]
    pub const fn has_huge_pages(&self) -> bool {
        self.unit() > 1
    }
}

impl AnonymousOptions {
    /// Leaves out reserving the space: memory is taken as it is touched.
    pub const fn sparse(self, sparse: bool) -> Self {
        Self { sparse, ..self }
    }

    /// Makes it of huge pages; its size must be a multiple of theirs, and there must be enough in the system's pool.
    ///
    /// Pages that a peer returns to the pool, by punching holes with `fallocate`, are taken from it again when they
    /// are touched: if the pool is empty then, that raises SIGBUS, even if the size is
    /// [sealed](SharedMemory::seal_size). So do not share huge pages with peers that are not trusted.
    #[doc(alias = "MFD_HUGETLB")]
    pub const fn huge_pages(self, huge_pages: bool) -> Self {
        Self { huge_pages, ..self }
    }

    /// Creates it. The descriptor is close-on-exec. The file's mode allows to execute it where the kernel does
    /// (`vm.memfd_noexec`): it is not created with MFD_NOEXEC_SEAL.
    ///
    /// No file system bounds it, as the size of `/dev/shm` does what has a name: for more than the memory that is free
    /// the kernel ends processes. So make sure of a size that another process has chosen.
    ///
    /// # Errors
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) without descriptors, beyond RLIMIT_FSIZE, or without enough
    /// huge pages in the system's pool;
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) beyond 2⁶³ − 1 bytes, or for a size that huge pages do not
    /// make; [`OutOfMemory`](crate::ErrorKind::OutOfMemory) without memory;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) before Linux 3.17.
    ///
    /// # References
    /// [`memfd_create(2)`](https://man7.org/linux/man-pages/man2/memfd_create.2.html)
    pub fn create(&self) -> Result<SharedMemory> {
        const LABEL: &CStr = c"rawipc";
        let huge = if self.huge_pages { MemfdFlags::HUGETLB } else { MemfdFlags::empty() };
        let descriptor =
            memfd_create(LABEL, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING | huge).map_err(not_created)?;
        let unit = if self.huge_pages { unit_of(&descriptor)?.unwrap_or(1) } else { 1 };
        // The kernel would reserve whole pages and leave the odd size.
        if !self.size.is_multiple_of(unit as u64) {
            return Err(Error::system(Operation::CreateMemory, Errno::INVAL));
        }
        let sized = if self.sparse { cut(&descriptor, self.size) } else { reserve(&descriptor, 0, self.size) };
        sized.map_err(|errno| memory_error(Operation::CreateMemory, errno, self.size, unit))?;
        Ok(SharedMemory::created(descriptor, None, self.size).in_units(unit))
    }
}

#[cold]
fn not_created(errno: Errno) -> Error {
    let cause = if errno == Errno::NOSYS { Cause::Needs(Need::Memfd) } else { Cause::System };
    Error::caused(Operation::CreateMemory, errno, cause)
}
