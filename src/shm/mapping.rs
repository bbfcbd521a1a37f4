//! Shared memory mapped into this process.

#![allow(unsafe_code)]

use core::ffi::c_void;
use core::fmt;
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};
use core::slice;
use core::sync::atomic::AtomicU8;

use rustix::fd::AsFd;
use rustix::io::{self, Errno};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::map_options::Usage;
use super::{MapOptions, Shareable, SharedMemory};
use crate::atomic_copy::{self, Word};
use crate::error::{Argument, Cause, Error, Operation, Result};

/// A mapped part of a file, shared with all that map it. Unmapped when dropped.
pub(super) struct Region {
    pub(super) start: NonNull<c_void>,
    pub(super) length: usize,
    /// Where it begins in the file.
    pub(super) offset: u64,
    /// How it was mapped.
    pub(super) usage: Usage,
}

// SAFETY: the memory belongs to no thread, and what it lends changes by atomic operations and copies only.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    pub(super) fn new(
        file: impl AsFd,
        length: usize,
        protection: ProtFlags,
        usage: Usage,
        offset: u64,
    ) -> io::Result<Self> {
        let populate = if usage.populate { MapFlags::POPULATE } else { MapFlags::empty() };
        // SAFETY: the kernel chooses the address, so nothing that exists is replaced.
        let start = unsafe { mmap(ptr::null_mut(), length, protection, MapFlags::SHARED | populate, file, offset) }?;
        Ok(Self { start: NonNull::new(start).ok_or(Errno::NOMEM)?, length, offset, usage })
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
        // SAFETY: that many bytes lie there for as long as the region is borrowed, and all access is atomic or a copy.
        Ok(unsafe { NonNull::slice_from_raw_parts(place, count).as_ref() })
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
/// It never lends `&[u8]` or `&mut` anything, because other processes may write there at any time: only [`Shareable`]
/// types, which change by atomic operations, and copies of bytes.
///
/// If the object is made shorter, touching what was cut off raises SIGBUS: see [`SharedMemory`] for what prevents that.
///
/// # Copies and atomics on the same bytes
/// [`read_at`](Self::read_at) and [`write_at`](Self::write_at) do to mapped memory what `pread` and `pwrite` do: the
/// bytes are read and written from outside of the program, one by one, from the point of view of the program. So copies
/// may overlap with each other, with atomics of any size that are used at the same time, and with what other processes
/// do:
/// - A byte that is read has one of the values that it had during the copy. A byte that is written has the new value
///   when the copy returns, unless others write it too.
/// - The bytes of a value of more than one byte need not stay together: a copy may read it half old and half new, or
///   leave it half overwritten, and a change that an atomic operation makes meanwhile may be lost.
/// - A copy orders nothing, but atomics order copies: what is copied before a store with `Release` is seen by copies
///   after the load with `Acquire` that reads it.
///
/// What remains for the program to see to are its own atomics. Rust's memory model does not define what happens if two
/// threads of a program use atomics of *different sizes* on the same bytes at the same time, as
/// `get::<AtomicU8>(0)` and `get::<AtomicU32>(0)` allow, with nothing that orders them. On all supported processors,
/// and by the rules of LLVM, by which the compiler works, each byte then has one of the values that were written to it.
/// But do not rely on it: give each byte of an object one type, best by a single [`shareable!`](crate::shareable!)
/// struct. About other processes, and about the same object mapped at two places, Rust's model says nothing; there the
/// processor's rules hold.
///
/// # What cannot be done
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
pub struct Mapping(pub(super) Region);

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
pub struct ReadOnlyMapping(pub(super) Region);

impl Mapping {
    /// Maps the start of a file whose size has been checked; the crate's own objects use it.
    pub(crate) fn of_file(file: impl AsFd, length: usize) -> io::Result<Self> {
        Region::new(file, length, ProtFlags::READ | ProtFlags::WRITE, Usage::default(), 0).map(Self)
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
    /// Copies of the same bytes may be made at the same time. Use atomics of another size on them only in an order that
    /// other atomics make: see [above](Self#copies-and-atomics-on-the-same-bytes).
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

    /// Copies bytes out of it. If others write there meanwhile, by copies or by atomics of any size, the copy is a mix
    /// of old and new bytes: see [above](Self#copies-and-atomics-on-the-same-bytes).
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) with both numbers if they do not lie inside; nothing is copied.
    pub fn read_at(&self, offset: usize, buffer: &mut [u8]) -> Result<()> {
        self.0.bytes(offset, buffer.len()).map(|memory| _ = atomic_copy::load(memory, atomic_copy::as_uninit(buffer)))
    }

    /// Copies bytes into it. If others write there meanwhile, by copies or by atomics of any size, it holds a mix of
    /// their bytes and these: see [above](Self#copies-and-atomics-on-the-same-bytes).
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) with both numbers if they do not fit; nothing is copied.
    pub fn write_at(&self, offset: usize, bytes: &[u8]) -> Result<()> {
        self.0.bytes(offset, bytes.len()).map(|memory| atomic_copy::store(memory, bytes))
    }

    /// Returns a pointer to the start of the mapping, for `unsafe` code.
    #[must_use]
    pub fn as_ptr(&self) -> *mut u8 {
        self.0.start.as_ptr().cast()
    }

    /// Returns how many bytes are mapped; never 0.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a mapping is never empty")]
    pub fn len(&self) -> usize {
        self.0.length
    }

    /// Maps `length` bytes of `memory` in place of what is mapped, from the same offset in the object and with the same
    /// options: to follow an object that was [resized](SharedMemory::resize). The mapping may move.
    ///
    /// `memory` is mapped again, so it may also be another object. What it has is checked as by
    /// [`MapOptions::map`]. For a moment both mappings exist, and both count against limits of memory. Pages that were
    /// touched before are touched for the first time again, unless the mapping is one that
    /// [populates](MapOptions::populate).
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) with both numbers if the object is shorter, or if nothing would
    /// be left; else as [`MapOptions::map`]. The mapping is what it was then.
    #[doc(alias = "mremap")]
    pub fn remap(&mut self, memory: &SharedMemory, length: usize) -> Result<()> {
        let Region { offset, usage, .. } = self.0;
        let options = MapOptions::again(memory, offset, length, usage);
        // What the object's creator remembers of its size may be old.
        self.0 = options.region(ProtFlags::READ | ProtFlags::WRITE, memory.size()?)?;
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

/// A mapping for reading of which one place is known to hold a `T`.
pub(super) struct PlacedReadOnly<T> {
    place: NonNull<T>,
    /// What the place lies in.
    _mapping: ReadOnlyMapping,
}

// SAFETY: the mapping belongs to no thread, and nothing is lent from it.
unsafe impl<T: Shareable> Send for PlacedReadOnly<T> {}
// SAFETY: as above.
unsafe impl<T: Shareable> Sync for PlacedReadOnly<T> {}

impl<T: Shareable> PlacedReadOnly<T> {
    pub(super) fn load(&self) -> T {
        // SAFETY: the place was found inside the mapping, which stays where it is for as long as `self` lives.
        unsafe { copy_out(self.place) }
    }
}

/// Copies a value out of mapped memory: by whole words, if it begins with one.
///
/// # Safety
/// A `T` lies there, and stays mapped for as long as this takes.
unsafe fn copy_out<T: Shareable>(place: NonNull<T>) -> T {
    let mut copy = MaybeUninit::<T>::uninit();
    let first = copy.as_mut_ptr().cast::<MaybeUninit<u8>>();
    // SAFETY: the copy has this many bytes, none of which need be initialized, and nothing else borrows it.
    let bytes = unsafe { slice::from_raw_parts_mut(first, size_of::<T>()) };
    let words = place.cast::<Word>();
    if words.is_aligned() {
        let words = NonNull::slice_from_raw_parts(words, size_of::<T>().div_ceil(size_of::<Word>()));
        // SAFETY: whole pages are mapped, so the rest of the value's last word is too. Copies only read these words.
        let words = unsafe { words.as_ref() };
        atomic_copy::load_words(words, bytes, size_of::<T>());
    } else {
        let memory = NonNull::slice_from_raw_parts(place.cast::<AtomicU8>(), size_of::<T>());
        // SAFETY: the value has this many bytes, and all access to them is atomic or a copy.
        let memory = unsafe { memory.as_ref() };
        atomic_copy::load(memory, bytes);
    }
    // SAFETY: all bytes have just been written, and any bytes are a `Shareable`.
    unsafe { copy.assume_init() }
}

impl ReadOnlyMapping {
    /// Copies bytes out of it. If others write there meanwhile, by copies or by atomics of any size, the copy is a mix
    /// of old and new bytes: see [`Mapping`](Mapping#copies-and-atomics-on-the-same-bytes).
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) with both numbers if they do not lie inside; nothing is copied.
    pub fn read_at(&self, offset: usize, buffer: &mut [u8]) -> Result<()> {
        self.0.bytes(offset, buffer.len()).map(|memory| _ = atomic_copy::load(memory, atomic_copy::as_uninit(buffer)))
    }

    /// Returns a copy of the value that lies at an offset in bytes.
    ///
    /// If others write there meanwhile, the copy is a mix of old and new. At an offset that is a multiple of a
    /// pointer's size, each field of up to that size is read as a whole.
    ///
    /// ```
    /// use core::sync::atomic::{AtomicU32, Ordering};
    /// let memory = rawipc::SharedMemory::anonymous(64).create()?;
    /// memory.map()?.get::<AtomicU32>(8)?.store(7, Ordering::Relaxed);
    /// let reader = memory.map_options().map_read_only()?;
    /// assert_eq!(reader.load::<AtomicU32>(8)?.into_inner(), 7);
    /// # Ok::<(), rawipc::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) with both numbers if it does not lie inside, or if the offset
    /// does not suit the type's alignment.
    pub fn load<T: Shareable>(&self, offset: usize) -> Result<T> {
        let place = self.0.place(offset, 1)?;
        // SAFETY: the place is inside and aligned.
        Ok(unsafe { copy_out(place) })
    }

    pub(super) fn into_placed<T: Shareable>(self, offset: usize) -> Result<PlacedReadOnly<T>> {
        Ok(PlacedReadOnly { place: self.0.place(offset, 1)?, _mapping: self })
    }

    /// Returns a pointer to the start of the mapping, for `unsafe` code.
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.0.start.as_ptr().cast()
    }

    /// Returns how many bytes are mapped; never 0.
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
