//! Being there, for the kernel and for this process itself, until the process is no more.

#![allow(unsafe_code)]

use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use rustix::fd::OwnedFd;
use rustix::io::{Errno, Result};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap};

use super::once;
#[cfg(loom)]
use crate::futex::model::Page;
use crate::futex::primitive::AtomicU32;
#[cfg(not(loom))]
use crate::sys::WipedPage as Page;

/// Less than a page, which the kernel rounds up in each of its calls.
const PAGE: usize = 1;

/// A number that this process has got by locking something in a file, and the lock.
///
/// A mapping keeps the open file description, and with it its locks, when the descriptor is closed. The kernel drops it
/// with the process's memory, be it by death or by `exec`; and a child of `fork` does not inherit it, so it cannot keep
/// a dead parent's lock. The number lies in a page that is wiped for such a child: without a system call it finds that
/// it has none of its own.
pub(in crate::sync) struct LivenessToken {
    page: Page,
    /// What keeps the lock; of a parent's, perhaps, if there is no number.
    ofd_anchor: AtomicPtr<c_void>,
}

/// What is locked, as [`LivenessToken::acquire`] needs to know it.
pub(in crate::sync) trait Claim {
    type Error: From<Errno>;

    /// Makes known to others that this process has it; the number.
    fn publish(&self) -> u32;

    /// Makes sure that it is still locked, now that a mapping alone keeps the lock.
    fn confirm(&self) -> core::result::Result<(), Self::Error>;

    /// Undoes what [`publish`](Self::publish) did.
    fn withdraw(&self);
}

impl LivenessToken {
    /// Without a number.
    pub(in crate::sync) fn new() -> Result<Self> {
        Ok(Self { page: Page::new()?, ofd_anchor: AtomicPtr::new(ptr::null_mut()) })
    }

    /// The number; `None` in a process that has got none yet.
    #[inline]
    pub(in crate::sync) fn peer_id(&self) -> Option<u32> {
        once::peer_id(self.word())
    }

    /// The number: once in this process, however many threads come. `lock` gets what is claimed, and the description
    /// that holds the lock. If it fails, nothing is left of it.
    #[cold]
    pub(in crate::sync) fn acquire<C: Claim>(
        &self,
        lock: impl FnOnce() -> core::result::Result<(OwnedFd, C), C::Error>,
    ) -> core::result::Result<u32, C::Error> {
        once::acquire(self.word(), || {
            let (ofd_anchor, number) = lock().and_then(|(file, claim)| keep(file, &claim))?;
            // The number tells whether it is there.
            self.ofd_anchor.store(ofd_anchor, Relaxed);
            Ok(number)
        })
    }

    #[inline]
    fn word(&self) -> &AtomicU32 {
        let [number, _] = self.page.words();
        number
    }
}

impl Drop for LivenessToken {
    fn drop(&mut self) {
        // Without a number the ofd_anchor is null, or a parent's, at whose address there may be anything here.
        if self.peer_id().is_some() {
            release(*self.ofd_anchor.get_mut());
        }
    }
}

/// Keeps a lock by a mapping instead of the descriptor: the mapping, and the number.
///
/// What is claimed is published before the descriptor is closed. Where the file system drops the lock at that moment,
/// another process that begins at the same time would take it, and each would confirm the other's.
fn keep<C: Claim>(file: OwnedFd, claim: &C) -> core::result::Result<(*mut c_void, u32), C::Error> {
    let ofd_anchor = ofd_anchor(&file)?;
    let number = claim.publish();
    drop(file);
    match claim.confirm() {
        Ok(()) => Ok((ofd_anchor, number)),
        Err(error) => {
            claim.withdraw();
            release(ofd_anchor);
            Err(error)
        }
    }
}

/// A mapping that cannot be accessed. It exists for the open file description behind it.
fn ofd_anchor(file: &OwnedFd) -> Result<*mut c_void> {
    // SAFETY: the kernel chooses the address, so nothing that exists is replaced.
    let ofd_anchor = unsafe { mmap(ptr::null_mut(), PAGE, ProtFlags::empty(), MapFlags::SHARED, file, 0) }?;
    // SAFETY: the range is the mapping just made, of which nothing can be lent.
    let kept_from_children = unsafe { madvise(ofd_anchor, PAGE, Advice::LinuxDontFork) };
    kept_from_children.map(|()| ofd_anchor).inspect_err(|_| release(ofd_anchor))
}

/// Gives up what [`ofd_anchor`] has made in this process.
fn release(ofd_anchor: *mut c_void) {
    // SAFETY: the mapping is the caller's own, and nothing has ever been lent from it.
    let unmapped = unsafe { munmap(ofd_anchor, PAGE) };
    debug_assert_eq!(unmapped, Ok(()));
}
