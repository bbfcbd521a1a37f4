//! Two things about descriptors that rustix does not offer safely.

use rustix::fd::{BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use rustix::fs::Stat;
use rustix::io::Result;

/// Closes a descriptor and reports what the kernel says. The descriptor is gone in any case.
pub(crate) fn close(descriptor: OwnedFd) -> Result<()> {
    // SAFETY: the number comes from an owned descriptor that is given up here, so nothing uses it afterwards.
    unsafe { rustix::io::try_close(descriptor.into_raw_fd()) }
}

/// Returns how many names the file behind an open descriptor has: 0 once its name has been removed.
pub(crate) fn link_count(descriptor: RawFd) -> Result<u64> {
    Ok(status(descriptor)?.st_nlink as u64)
}

/// What is known of the file behind a descriptor's number, whatever that stands for by now.
///
/// A number that is not open gives an error; `fstat` changes nothing.
pub(crate) fn status(descriptor: RawFd) -> Result<Stat> {
    // SAFETY: the borrow lasts for the one call below, which the kernel refuses if the number is not open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
    rustix::fs::fstat(borrowed)
}
