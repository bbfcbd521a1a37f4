//! Memory that a child of `fork` finds empty.

use core::mem;
use core::ptr::{self, NonNull};
use core::sync::atomic::{
    AtomicPtr, AtomicU32,
    Ordering::{AcqRel, Acquire},
};

use rustix::io::{Errno, Result};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// What lies in a page: zeros at first, and again in each child of `fork`.
pub(crate) type Words = [AtomicU32; 2];

/// Less than a page, which the kernel rounds up in each of its calls.
const LENGTH: usize = size_of::<Words>();

/// A page of words that is wiped for a child of `fork`: what it holds belongs to one process, and a child finds out
/// without a system call that it has none of it. Nothing stands in for it before Linux 4.14: see `DESIGN.md`.
pub(crate) struct WipedPage {
    words: NonNull<Words>,
}

// SAFETY: the memory belongs to no thread, and what lies in it changes by atomic operations only.
unsafe impl Send for WipedPage {}
// SAFETY: as above.
unsafe impl Sync for WipedPage {}

impl WipedPage {
    /// A page of zeros; EINVAL from a kernel that does not know how to wipe it (before Linux 4.14).
    pub(crate) fn new() -> Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses the address, so nothing that exists is replaced.
        let page = unsafe { mmap_anonymous(ptr::null_mut(), LENGTH, access, MapFlags::PRIVATE) }?;
        let page = Self { words: NonNull::new(page.cast()).ok_or(Errno::NOMEM)? };
        // SAFETY: the range is the page just made.
        unsafe { madvise(page.words.as_ptr().cast(), LENGTH, Advice::LinuxWipeOnFork) }?;
        Ok(page)
    }

    #[cfg_attr(loom, allow(dead_code))]
    #[inline]
    pub(crate) fn words(&self) -> &Words {
        // SAFETY: the page is this object's own, and zeros are atomics.
        unsafe { self.words.as_ref() }
    }
}

impl Drop for WipedPage {
    fn drop(&mut self) {
        // SAFETY: the page is this object's own.
        let unmapped = unsafe { munmap(self.words.as_ptr().cast(), LENGTH) };
        debug_assert_eq!(unmapped, Ok(()));
    }
}

/// The one such page of a process, made on first use and kept until the process ends.
pub(crate) struct ProcessPage(AtomicPtr<Words>);

impl ProcessPage {
    pub(crate) const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// The page, if it has been made.
    pub(crate) fn get(&'static self) -> Option<&'static Words> {
        // SAFETY: the pointer is null, or to a page that is never unmapped.
        // Ordering: the kernel has made the page, and this process has written nothing into it before.
        unsafe { self.0.load(Acquire).as_ref() }
    }

    /// The page; EINVAL as from [`WipedPage::new`], and where advice is ignored.
    ///
    /// However many threads come first, they get the same. It is published only once a child would find it empty, so
    /// another thread may fork at any moment.
    pub(crate) fn get_or_make(&'static self) -> Result<&'static Words> {
        if let Some(words) = self.get() {
            return Ok(words);
        }
        let page = WipedPage::new()?;
        // The kernel refuses this for such memory. Where it succeeds, an emulator ignores all advice, as qemu's user
        // mode (7.2) does, and the page would not be wiped either.
        // SAFETY: the range is the page just made, of which nothing is needed yet.
        if unsafe { madvise(page.words.as_ptr().cast(), LENGTH, Advice::LinuxRemove) }.is_ok() {
            return Err(Errno::INVAL);
        }
        // Ordering: as in `get`.
        if self.0.compare_exchange(ptr::null_mut(), page.words.as_ptr(), AcqRel, Acquire).is_ok() {
            mem::forget(page);
        }
        self.get().ok_or(Errno::NOMEM)
    }
}
