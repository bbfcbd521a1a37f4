//! Being there, for the kernel and for this process itself, until the process is no more.

#![allow(unsafe_code)]

use core::ffi::c_void;
use core::ptr::{self, NonNull};
use core::sync::atomic::{
    AtomicPtr, AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};

use rustix::fd::OwnedFd;
use rustix::io::{Errno, Result};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, mmap_anonymous, munmap};
use rustix::thread::futex;

/// Less than a page, which the kernel rounds up in each of its calls.
const PAGE: usize = size_of::<AtomicU32>();

/// Somebody is at it. Above all other values, seen as a signed number below them.
const BUSY: u32 = 1 << 31;

/// A number that this process has got by locking something in a file, and the lock.
///
/// A mapping keeps the open file description, and with it its locks, when the descriptor is closed. The kernel drops it
/// with the process's memory, be it by death or by `exec`; and a child of `fork` does not inherit it, so it cannot keep
/// a dead parent's lock. The number lies in a page that is wiped for such a child: without a system call it finds that
/// it has none of its own.
pub(super) struct Presence {
    /// A page of this object's own.
    number: NonNull<AtomicU32>,
    /// What keeps the lock; of a parent's, perhaps, if there is no number.
    anchor: AtomicPtr<c_void>,
}

// SAFETY: the memory belongs to no thread, and what lies in it changes by atomic operations only.
unsafe impl Send for Presence {}
// SAFETY: as above.
unsafe impl Sync for Presence {}

impl Presence {
    /// Without a number.
    pub(super) fn new() -> Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses the address, so nothing that exists is replaced.
        let page = unsafe { mmap_anonymous(ptr::null_mut(), PAGE, access, MapFlags::PRIVATE) }?;
        let number = NonNull::new(page.cast()).ok_or(Errno::NOMEM)?;
        let presence = Self { number, anchor: AtomicPtr::new(ptr::null_mut()) };
        // SAFETY: the range is the page just made.
        unsafe { madvise(page, PAGE, Advice::LinuxWipeOnFork) }?;
        Ok(presence)
    }

    /// The number; `None` in a process that has got none yet.
    #[inline]
    pub(super) fn number(&self) -> Option<u32> {
        let number = self.word().load(Acquire);
        (number.cast_signed() > 0).then_some(number)
    }

    /// The number: once in this process, however many threads come. `lock` gets the description that holds the lock,
    /// and what then makes the number known to others; when it is done, nothing fails any more.
    #[cold]
    pub(super) fn establish<F: FnOnce() -> u32>(&self, lock: impl FnOnce() -> Result<(OwnedFd, F)>) -> Result<u32> {
        loop {
            match self.word().compare_exchange(0, BUSY, Acquire, Acquire) {
                Ok(_) => {}
                // It cannot fail but by a wake-up; whatever ends it, this looks again.
                Err(BUSY) => {
                    let _ = futex::wait(self.word(), futex::Flags::PRIVATE, BUSY, None);
                    continue;
                }
                Err(number) => return Ok(number),
            }
            let result = lock().and_then(|(file, publish)| Ok((anchor(&file)?, publish())));
            let number = result.as_ref().map_or(0, |(anchor, number)| {
                self.anchor.store(*anchor, Relaxed);
                *number
            });
            self.word().store(number, Release);
            let _ = futex::wake(self.word(), futex::Flags::PRIVATE, i32::MAX as u32);
            return result.map(|(_, number)| number);
        }
    }

    fn word(&self) -> &AtomicU32 {
        // SAFETY: the page is this object's own, and zeros are an atomic.
        unsafe { self.number.as_ref() }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        // Without a number the anchor is null, or a parent's, at whose address there may be anything here.
        if self.number().is_some() {
            // SAFETY: the mapping is this object's own, and nothing has ever been lent from it.
            let unmapped = unsafe { munmap(*self.anchor.get_mut(), PAGE) };
            debug_assert_eq!(unmapped, Ok(()));
        }
        // SAFETY: the page is this object's own.
        let unmapped = unsafe { munmap(self.number.as_ptr().cast(), PAGE) };
        debug_assert_eq!(unmapped, Ok(()));
    }
}

/// A mapping that nobody can touch, for the sake of the open file description behind it.
fn anchor(file: &OwnedFd) -> Result<*mut c_void> {
    // SAFETY: the kernel chooses the address, so nothing that exists is replaced.
    let anchor = unsafe { mmap(ptr::null_mut(), PAGE, ProtFlags::empty(), MapFlags::SHARED, file, 0) }?;
    // SAFETY: the range is the mapping just made, of which nothing can be lent.
    let kept_from_children = unsafe { madvise(anchor, PAGE, Advice::LinuxDontFork) };
    kept_from_children.map(|()| anchor).inspect_err(|_| {
        // SAFETY: as above.
        let _ = unsafe { munmap(anchor, PAGE) };
    })
}
