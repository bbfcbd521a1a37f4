//! How shared memory is mapped.

use rustix::io::Errno;
use rustix::mm::{self, ProtFlags};

use super::mapping::Region;
use super::shortage::memory_error;
use super::{Mapping, ReadOnlyMapping, SharedMemory};
use crate::error::{Cause, Error, Operation, Result};

/// How to map a shared memory object; made by [`SharedMemory::map_options`].
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct MapOptions<'memory> {
    memory: &'memory SharedMemory,
    offset: u64,
    length: Option<usize>,
    usage: Usage,
}

/// How mapped memory will be used.
///
/// Advice changes how fast the memory is, and nothing else. In particular, a mapping cannot be kept from children of
/// `fork`: safe code of a child could use or drop it, and would hit whatever lies at its address there.
/// ```compile_fail,E0599
/// let advice = rawipc::Advice::DontFork;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "madvise")]
pub enum Advice {
    /// In no order.
    Random,
    /// From start to end.
    Sequential,
    /// Soon, and all of it.
    WillNeed,
    /// In huge pages where the system offers them for shared memory.
    HugePages,
}

impl Advice {
    pub(super) const fn of_kernel(self) -> mm::Advice {
        match self {
            Self::Random => mm::Advice::Random,
            Self::Sequential => mm::Advice::Sequential,
            Self::WillNeed => mm::Advice::WillNeed,
            Self::HugePages => mm::Advice::LinuxHugepage,
        }
    }
}

impl<'memory> MapOptions<'memory> {
    pub(super) const fn new(memory: &'memory SharedMemory) -> Self {
        Self { memory, offset: 0, length: None, usage: Usage { populate: false, locked: false, advice: None } }
    }

    /// As a mapping is, for another object or length.
    pub(super) const fn again(memory: &'memory SharedMemory, offset: u64, length: usize, usage: Usage) -> Self {
        Self { memory, offset, length: Some(length), usage }
    }

    /// Sets where the mapping begins in the object, in bytes: a multiple of the page size. Default 0.
    pub const fn offset(self, bytes: u64) -> Self {
        Self { offset: bytes, ..self }
    }

    /// Sets how many bytes to map; of huge pages, whole ones. Default: up to the object's end.
    pub const fn length(self, bytes: usize) -> Self {
        Self { length: Some(bytes), ..self }
    }

    /// Fills in all pages now, so that touching them first costs nothing later. If there is no space for
    /// them, which can happen to [sparse](crate::shm::SharedMemoryOptions::sparse) memory, mapping fails. What was
    /// filled in until then stays in the object.
    ///
    /// Before Linux 5.14, the space is reserved, and pages are filled in until the kernel fails; a mapping for
    /// reading only is then not checked: touching a page without space raises SIGBUS.
    #[doc(alias = "MAP_POPULATE")]
    pub const fn populate(self, populate: bool) -> Self {
        Self { usage: Usage { populate, ..self.usage }, ..self }
    }

    /// Keeps the memory from being swapped out. Counts against RLIMIT_MEMLOCK. In children of `fork` the
    /// memory is mapped and not locked.
    #[doc(alias = "mlock")]
    pub const fn locked(self, locked: bool) -> Self {
        Self { usage: Usage { locked, ..self.usage }, ..self }
    }

    /// Tells the kernel how the memory will be used.
    pub const fn advice(self, advice: Advice) -> Self {
        Self { usage: Usage { advice: Some(advice), ..self.usage }, ..self }
    }

    /// Maps for reading and writing.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an offset that is no multiple of the page size;
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) with both numbers if the object ends before the part asked for,
    /// or is empty; [`PermissionDenied`](crate::ErrorKind::PermissionDenied) if it is open for reading only;
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) beyond RLIMIT_AS or, for memory to be locked, RLIMIT_MEMLOCK,
    /// and without space for memory to be populated or without huge pages;
    /// [`OutOfMemory`](crate::ErrorKind::OutOfMemory).
    ///
    /// # References
    /// [`mmap(2)`](https://man7.org/linux/man-pages/man2/mmap.2.html)
    pub fn map(&self) -> Result<Mapping> {
        self.region(ProtFlags::READ | ProtFlags::WRITE, self.memory.size_to_map()?).map(Mapping)
    }

    /// Maps for reading only.
    ///
    /// # Errors
    /// As [`map`](Self::map), but the right to read is enough.
    pub fn map_read_only(&self) -> Result<ReadOnlyMapping> {
        self.region(ProtFlags::READ, self.memory.size_to_map()?).map(ReadOnlyMapping)
    }

    /// Maps it, of an object of this size.
    pub(super) fn region(&self, protection: ProtFlags, size: u64) -> Result<Region> {
        let there = size.saturating_sub(self.offset);
        let length = self.length.map_or(there, |length| length as u64);
        if length > there || length == 0 {
            let cause = Cause::out_of_bounds(there, length.max(1));
            return Err(Error::caused(Operation::MapMemory, Errno::INVAL, cause));
        }
        let system = |errno| Error::system(Operation::MapMemory, errno);
        let length = usize::try_from(length).map_err(|_| system(Errno::NOMEM))?;
        if !length.is_multiple_of(self.memory.unit()) {
            return Err(system(Errno::INVAL));
        }
        let region =
            Region::new(self.memory, length, protection, self.usage, self.offset).map_err(|errno| match errno {
                Errno::NOMEM => memory_error(Operation::MapMemory, errno, length as u64, self.memory.unit()),
                errno => system(errno),
            })?;
        region.apply_usage(self.memory, protection)?;
        Ok(region)
    }
}

/// What was asked of the kernel for a mapping, beside its place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    pub(super) populate: bool,
    pub(super) locked: bool,
    pub(super) advice: Option<Advice>,
}
