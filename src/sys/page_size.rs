//! The size of a memory page.

use core::ptr;

use rustix::io::Errno;
use rustix::mm::{MprotectFlags, mprotect};

/// The sizes that there are on the architectures of this crate.
const SIZES: [usize; 5] = [1 << 12, 1 << 13, 1 << 14, 1 << 15, 1 << 16];

/// The size of a memory page, in bytes.
///
/// The kernel is asked without `/proc` and without the auxiliary vector, which programs do not have that start without
/// a C library. Where even that is refused, the smallest size there is.
pub(crate) fn page_size() -> usize {
    let begins_page = |address: &usize| {
        // SAFETY: nothing is protected: the range has no bytes. The kernel refuses an address that begins no page.
        let protected = unsafe { mprotect(ptr::without_provenance_mut(*address), 0, MprotectFlags::empty()) };
        protected != Err(Errno::INVAL)
    };
    SIZES.into_iter().find(begins_page).unwrap_or(SIZES[0])
}
