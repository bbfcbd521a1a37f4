//! Shared memory mapped into this process.

#![allow(unsafe_code)]

use core::ffi::c_void;
use core::fmt;
use core::ptr::{self, NonNull};
use core::sync::atomic::AtomicU8;

use rustix::fd::AsFd;
use rustix::io::{self, Errno};
use rustix::mm::{self, MapFlags, MremapFlags, ProtFlags, madvise, mlock, mmap, mremap, munmap};

use super::{Shareable, SharedMemory};
use crate::bytes;
use crate::error::{Argument, Cause, Error, Operation, Result};

/// A mapped part of a file, shared with everybody who maps it. Unmapped when dropped.
struct Region {
    start: NonNull<c_void>,
    length: usize,
    /// Where it begins in the file.
    offset: u64,
}

// SAFETY: the memory belongs to no thread, and what it lends changes by atomic operations only.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    fn new(file: impl AsFd, length: usize, protection: ProtFlags, flags: MapFlags, offset: u64) -> io::Result<Self> {
        // SAFETY: the kernel chooses the address, so nothing that exists is replaced.
        let start = unsafe { mmap(ptr::null_mut(), length, protection, MapFlags::SHARED | flags, file, offset) }?;
        Ok(Self { start: NonNull::new(start).ok_or(Errno::NOMEM)?, length, offset })
    }

    /// Where `count` values of a type lie; an error if they are not all inside, or not aligned.
    fn place<T>(&self, offset: usize, count: usize) -> Result<NonNull<T>> {
        let size = size_of::<T>().checked_mul(count);
        let end = size.and_then(|size| offset.checked_add(size)).unwrap_or(usize::MAX);
        if end > self.length {
            let cause = Cause::out_of_bounds(self.length as u64, end as u64);
            return Err(Error::caused(Operation::AccessMemory, Errno::INVAL, cause));
        }
        // SAFETY: the offset is not beyond the end of the region, which is one object.
        let place = unsafe { self.start.cast::<u8>().add(offset) }.cast::<T>();
        if !place.is_aligned() {
            return Err(Error::argument(Operation::AccessMemory, Argument::Unaligned, align_of::<T>() as u32));
        }
        Ok(place)
    }

    fn bytes(&self, offset: usize, count: usize) -> Result<&[AtomicU8]> {
        let place = self.place::<AtomicU8>(offset, count)?;
        // SAFETY: so many bytes lie there, for as long as the region is borrowed, and all access is atomic.
        Ok(unsafe { NonNull::slice_from_raw_parts(place, count).as_ref() })
    }

    fn apply(&self, options: &MapOptions<'_>) -> io::Result<()> {
        if options.locked {
            // SAFETY: the range is the region, and locking changes no byte.
            unsafe { mlock(self.start.as_ptr(), self.length) }?;
        }
        match options.advice {
            // SAFETY: the range is the region, and none of the advices offered changes a byte.
            Some(advice) => unsafe { madvise(self.start.as_ptr(), self.length, advice.of_kernel()) },
            None => Ok(()),
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the region is this one's own, and whatever it lent has ended.
        let unmapped = unsafe { munmap(self.start.as_ptr(), self.length) };
        // It cannot fail: the range is a whole mapping.
        debug_assert_eq!(unmapped, Ok(()));
    }
}

/// Shared memory mapped for reading and writing; unmapped when dropped. The object's handle may be closed before.
///
/// It never lends `&[u8]` or `&mut` anything, since other processes may write there at any time: only [`Shareable`]
/// types, which change by atomic operations, and copies of bytes.
///
/// If the object is made shorter, touching what was cut off raises SIGBUS: see [`SharedMemory`] for what prevents that.
///
/// What others could change behind the compiler's back is not lent, and what is lent keeps the mapping where it is:
/// ```compile_fail,E0277
/// let mapping = rawipc::SharedMemory::anonymous(64).create()?.map()?;
/// let number: &u32 = mapping.get(0)?;
/// # Ok::<(), rawipc::Error>(())
/// ```
/// ```compile_fail,E0502
/// # use core::sync::atomic::{AtomicU32, Ordering};
/// let memory = rawipc::SharedMemory::anonymous(64).create()?;
/// let mut mapping = memory.map()?;
/// let number: &AtomicU32 = mapping.get(0)?;
/// mapping.remap(&memory, 32)?;
/// number.store(1, Ordering::Relaxed);
/// # Ok::<(), rawipc::Error>(())
/// ```
pub struct Mapping(Region);

/// Shared memory mapped for reading only: it lends nothing that could be written. Unmapped when dropped.
///
/// ```
/// let mapping = rawipc::SharedMemory::anonymous(64).create()?.map_options().map_read_only()?;
/// let mut bytes = [1; 4];
/// mapping.read_at(60, &mut bytes)?;
/// assert_eq!(bytes, [0; 4]);
/// # Ok::<(), rawipc::Error>(())
/// ```
/// ```compile_fail,E0599
/// # use core::sync::atomic::AtomicU32;
/// let mapping = rawipc::SharedMemory::anonymous(64).create()?.map_options().map_read_only()?;
/// let number = mapping.get::<AtomicU32>(0)?; // To write there would be a SIGSEGV.
/// # Ok::<(), rawipc::Error>(())
/// ```
pub struct ReadOnlyMapping(Region);

/// How to map a shared memory object; made by [`SharedMemory::map_options`].
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct MapOptions<'memory> {
    memory: &'memory SharedMemory,
    offset: u64,
    length: Option<usize>,
    populate: bool,
    locked: bool,
    advice: Option<Advice>,
}

/// How mapped memory will be used.
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
    /// Not by children of `fork`: they do not inherit the mapping.
    DontFork,
}

impl Advice {
    const fn of_kernel(self) -> mm::Advice {
        match self {
            Self::Random => mm::Advice::Random,
            Self::Sequential => mm::Advice::Sequential,
            Self::WillNeed => mm::Advice::WillNeed,
            Self::HugePages => mm::Advice::LinuxHugepage,
            Self::DontFork => mm::Advice::LinuxDontFork,
        }
    }
}

impl<'memory> MapOptions<'memory> {
    pub(super) const fn new(memory: &'memory SharedMemory) -> Self {
        Self { memory, offset: 0, length: None, populate: false, locked: false, advice: None }
    }

    /// Where the mapping begins in the object, in bytes: a multiple of the page size. Default 0.
    pub const fn offset(self, bytes: u64) -> Self {
        Self { offset: bytes, ..self }
    }

    /// How many bytes to map; of huge pages, whole ones. Default: up to the object's end.
    pub const fn length(self, bytes: usize) -> Self {
        Self { length: Some(bytes), ..self }
    }

    /// Whether to fill in all pages now, so that touching them first costs nothing later.
    #[doc(alias = "MAP_POPULATE")]
    pub const fn populate(self, populate: bool) -> Self {
        Self { populate, ..self }
    }

    /// Whether to keep the memory from being swapped out. Counts against RLIMIT_MEMLOCK.
    #[doc(alias = "mlock")]
    pub const fn locked(self, locked: bool) -> Self {
        Self { locked, ..self }
    }

    /// Tells the kernel how the memory will be used.
    pub const fn advice(self, advice: Advice) -> Self {
        Self { advice: Some(advice), ..self }
    }

    /// Maps for reading and writing.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an offset that is no multiple of the page size;
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) with both numbers if the object ends before the part asked for,
    /// or is empty; [`PermissionDenied`](crate::ErrorKind::PermissionDenied) if it is open for reading only;
    /// [`OutOfMemory`](crate::ErrorKind::OutOfMemory).
    ///
    /// # References
    /// [`mmap(2)`](https://man7.org/linux/man-pages/man2/mmap.2.html)
    pub fn map(&self) -> Result<Mapping> {
        self.region(ProtFlags::READ | ProtFlags::WRITE).map(Mapping)
    }

    /// Maps for reading only.
    ///
    /// # Errors
    /// As [`map`](Self::map), but the right to read is enough.
    pub fn map_read_only(&self) -> Result<ReadOnlyMapping> {
        self.region(ProtFlags::READ).map(ReadOnlyMapping)
    }

    fn region(&self, protection: ProtFlags) -> Result<Region> {
        let there = self.memory.size_to_map()?.saturating_sub(self.offset);
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
        let flags = if self.populate { MapFlags::POPULATE } else { MapFlags::empty() };
        let region = Region::new(self.memory, length, protection, flags, self.offset).map_err(system)?;
        region.apply(self).map_err(system)?;
        Ok(region)
    }
}

impl Mapping {
    /// Maps the start of a file whose size has been checked; the crate's own objects use it.
    pub(crate) fn of_file(file: impl AsFd, length: usize) -> io::Result<Self> {
        Region::new(file, length, ProtFlags::READ | ProtFlags::WRITE, MapFlags::empty(), 0).map(Self)
    }

    /// What lies at the start, where that is known to fit.
    ///
    /// # Safety
    /// The mapped pages hold at least a `T`, which begins at a page at most as strictly aligned.
    #[inline]
    pub(crate) unsafe fn at_start<T: Shareable>(&self) -> &T {
        // SAFETY: the caller vouches for the size; a `Shareable` may be lent.
        unsafe { self.0.start.cast().as_ref() }
    }

    /// Lends what lies at an offset in bytes.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) with both numbers if it does not lie inside, or if the offset
    /// does not suit the type's alignment.
    pub fn get<T: Shareable>(&self, offset: usize) -> Result<&T> {
        let place = self.0.place::<T>(offset, 1)?;
        // SAFETY: the place is inside and aligned; a `Shareable` may be lent from memory that others change.
        Ok(unsafe { place.as_ref() })
    }

    /// Lends `count` values that lie one after the other from an offset in bytes.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn slice<T: Shareable>(&self, offset: usize, count: usize) -> Result<&[T]> {
        let place = self.0.place::<T>(offset, count)?;
        // SAFETY: the place is inside and aligned; a `Shareable` may be lent from memory that others change.
        Ok(unsafe { NonNull::slice_from_raw_parts(place, count).as_ref() })
    }

    /// Copies bytes out of it. If others write there meanwhile, the copy is a mix of old and new bytes.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) with both numbers if they do not lie inside; nothing is copied.
    pub fn read_at(&self, offset: usize, buffer: &mut [u8]) -> Result<()> {
        self.0.bytes(offset, buffer.len()).map(|memory| _ = bytes::load(memory, bytes::as_uninit(buffer)))
    }

    /// Copies bytes into it.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) with both numbers if they do not fit; nothing is copied.
    pub fn write_at(&self, offset: usize, bytes: &[u8]) -> Result<()> {
        self.0.bytes(offset, bytes.len()).map(|memory| bytes::store(memory, bytes))
    }

    /// Where it begins, for code that knows what it does.
    #[must_use]
    pub fn as_ptr(&self) -> *mut u8 {
        self.0.start.as_ptr().cast()
    }

    /// How many bytes are mapped; never 0.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a mapping is never empty")]
    pub fn len(&self) -> usize {
        self.0.length
    }

    /// Maps more or less of `memory`, the object that it is a mapping of, from the same start; it may come to lie
    /// elsewhere.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) with both numbers if the object is shorter, or nothing would be
    /// left; [`OutOfMemory`](crate::ErrorKind::OutOfMemory). The mapping is what it was then.
    #[doc(alias = "mremap")]
    pub fn remap(&mut self, memory: &SharedMemory, length: usize) -> Result<()> {
        let there = memory.size()?.saturating_sub(self.0.offset);
        if length == 0 || length as u64 > there {
            let cause = Cause::out_of_bounds(there, length.max(1) as u64);
            return Err(Error::caused(Operation::MapMemory, Errno::INVAL, cause));
        }
        let system = |errno| Error::system(Operation::MapMemory, errno);
        if !length.is_multiple_of(memory.unit()) {
            return Err(system(Errno::INVAL));
        }
        let Region { start, length: old, .. } = self.0;
        // SAFETY: the range is the whole region, and `&mut self` shows that nothing of it is lent.
        let moved = unsafe { mremap(start.as_ptr(), old, length, MremapFlags::MAYMOVE) };
        let start = moved.and_then(|start| NonNull::new(start).ok_or(Errno::NOMEM));
        self.0.start = start.map_err(system)?;
        self.0.length = length;
        Ok(())
    }
}

/// A mapping of which one place is known to hold a `T`.
pub(crate) struct Placed<T> {
    place: NonNull<T>,
    /// What the place lies in.
    _mapping: Mapping,
}

// SAFETY: the mapping belongs to no thread, and a `Shareable` may be used by several.
unsafe impl<T: Shareable> Send for Placed<T> {}
// SAFETY: as above.
unsafe impl<T: Shareable> Sync for Placed<T> {}

impl Mapping {
    pub(crate) fn into_placed<T: Shareable>(self, offset: usize) -> Result<Placed<T>> {
        Ok(Placed { place: self.0.place(offset, 1)?, _mapping: self })
    }
}

impl<T: Shareable> Placed<T> {
    #[inline]
    pub(crate) fn get(&self) -> &T {
        // SAFETY: the place was found inside the mapping, which stays where it is for as long as `self` lives.
        unsafe { self.place.as_ref() }
    }
}

impl ReadOnlyMapping {
    /// Copies bytes out of it. If others write there meanwhile, the copy is a mix of old and new bytes.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) with both numbers if they do not lie inside; nothing is copied.
    pub fn read_at(&self, offset: usize, buffer: &mut [u8]) -> Result<()> {
        self.0.bytes(offset, buffer.len()).map(|memory| _ = bytes::load(memory, bytes::as_uninit(buffer)))
    }

    /// Where it begins, for code that knows what it does.
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.0.start.as_ptr().cast()
    }

    /// How many bytes are mapped; never 0.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a mapping is never empty")]
    pub fn len(&self) -> usize {
        self.0.length
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes at {:p}", self.length, self.start)
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Mapping").field(&self.0).finish()
    }
}

impl fmt::Debug for ReadOnlyMapping {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("ReadOnlyMapping").field(&self.0).finish()
    }
}
