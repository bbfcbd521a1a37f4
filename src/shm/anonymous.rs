//! Shared memory without a name.

use core::ffi::CStr;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;

use super::SharedMemory;
use super::object::{cut, reserve, size_error, unit_of};
use crate::error::{Error, Operation, Result};

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
    /// For peers that are not trusted: with the size [sealed](Self::seal_size), a mapping cannot raise SIGBUS.
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
}

impl AnonymousOptions {
    /// Leaves out reserving the space: memory is taken as it is touched.
    pub const fn sparse(self, sparse: bool) -> Self {
        Self { sparse, ..self }
    }

    /// Makes it of huge pages; its size must be a multiple of theirs, and there must be enough in the system's pool.
    #[doc(alias = "MFD_HUGETLB")]
    pub const fn huge_pages(self, huge_pages: bool) -> Self {
        Self { huge_pages, ..self }
    }

    /// Creates it. The descriptor is close-on-exec.
    ///
    /// No file system bounds it, as the size of `/dev/shm` does what has a name: for more than the memory that is free
    /// the kernel ends processes. So make sure of a size that somebody else has chosen.
    ///
    /// # Errors
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) without space or descriptors;
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) beyond 2⁶³ − 1 bytes, or for a size that huge pages do not
    /// make; [`OutOfMemory`](crate::ErrorKind::OutOfMemory) without huge pages;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) before Linux 3.17.
    ///
    /// # References
    /// [`memfd_create(2)`](https://man7.org/linux/man-pages/man2/memfd_create.2.html)
    pub fn create(&self) -> Result<SharedMemory> {
        const LABEL: &CStr = c"rawipc";
        let huge = if self.huge_pages { MemfdFlags::HUGETLB } else { MemfdFlags::empty() };
        let descriptor = memfd_create(LABEL, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING | huge)
            .map_err(|errno| Error::system(Operation::CreateMemory, errno))?;
        let unit = if self.huge_pages { unit_of(&descriptor)?.unwrap_or(1) } else { 1 };
        // The kernel would reserve whole pages and leave the odd size.
        if !self.size.is_multiple_of(unit as u64) {
            return Err(Error::system(Operation::CreateMemory, Errno::INVAL));
        }
        let sized = if self.sparse { cut(&descriptor, self.size) } else { reserve(&descriptor, 0, self.size) };
        sized.map_err(|errno| size_error(Operation::CreateMemory, errno))?;
        Ok(SharedMemory::created(descriptor, None, self.size).in_units(unit))
    }
}
