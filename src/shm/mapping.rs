//! A file's bytes in memory.

#![allow(unsafe_code)]

use core::ffi::c_void;
use core::ptr::{self, NonNull};

use rustix::fd::BorrowedFd;
use rustix::io::{Errno, Result};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// The start of a file, mapped for reading and writing and shared with everybody who maps it. Unmapped when dropped.
pub(crate) struct Mapping {
    start: NonNull<c_void>,
    length: usize,
}

// SAFETY: the memory belongs to no thread, and what it lends are atomics.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `length` bytes; the file must be at least as long, or touching them raises SIGBUS.
    pub(crate) fn new(file: BorrowedFd<'_>, length: usize) -> Result<Self> {
        // SAFETY: the kernel chooses the address, so nothing that exists is replaced.
        let start =
            unsafe { mmap(ptr::null_mut(), length, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, file, 0) }?;
        Ok(Self { start: NonNull::new(start).ok_or(Errno::NOMEM)?, length })
    }

    /// What lies at the start.
    ///
    /// # Safety
    /// Any bytes are a `T`, it changes only by atomic operations, and it is not longer than the file.
    #[inline]
    pub(crate) unsafe fn at_start<T: Sync>(&self) -> &T {
        // SAFETY: a mapping begins at a page, which aligns every type used here, and lives as long as `self`; the
        // caller vouches for the rest.
        unsafe { self.start.cast().as_ref() }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is this one's own, and whatever it lent has ended.
        let unmapped = unsafe { munmap(self.start.as_ptr(), self.length) };
        // It cannot fail: the range is a whole mapping.
        debug_assert_eq!(unmapped, Ok(()));
    }
}
