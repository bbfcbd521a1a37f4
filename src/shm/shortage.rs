//! Limits: looked at before the kernel makes a signal of them, and found out after a failure.

use rustix::fs::{fstatfs, statfs};
use rustix::io::Errno;

use super::SharedMemory;
use super::object::TOO_LARGE;
use crate::error::{Argument, Cause, Error, Limit, Operation};
use crate::sys;
use crate::sysctl::Sysctl;

/// EFBIG for a file that RLIMIT_FSIZE does not allow to have that length. The kernel would say the same, and end the
/// process by SIGXFSZ.
pub(crate) fn within_file_limit(end: u64) -> rustix::io::Result<()> {
    if end > sys::limit(sys::Resource::FileSize) { Err(Errno::FBIG) } else { Ok(()) }
}

/// What a failure to get space in `/dev/shm` means, for an object of this size.
#[cold]
#[inline(never)]
pub(crate) fn size_error(operation: Operation, errno: Errno, size: u64) -> Error {
    let cause = match errno {
        Errno::NOSPC => dev_shm_exhausted(size),
        Errno::FBIG => above_limit(Limit::FileSize, size, sys::limit(sys::Resource::FileSize)),
        Errno::NOMEM => above_limit(Limit::AddressSpace, size, sys::limit(sys::Resource::AddressSpace)),
        TOO_LARGE => return Error::argument(operation, Argument::MemorySize, 0),
        _ => Cause::System,
    };
    Error::caused(operation, errno, cause)
}

/// What a failure to get memory without a name means; it has no file system that could be full.
#[cold]
#[inline(never)]
pub(super) fn memory_error(operation: Operation, errno: Errno, size: u64, unit: usize) -> Error {
    let cause = match errno {
        Errno::NOSPC | Errno::NOMEM if unit > 1 => {
            Cause::above(Limit::HugePages, size / unit as u64, Sysctl::NR_HUGEPAGES.read().unwrap_or(0))
        }
        Errno::NOSPC => Cause::NoCommit,
        _ => return size_error(operation, errno, size),
    };
    Error::caused(operation, errno, cause)
}

/// A limit that is in force.
pub(super) fn above_limit(limit: Limit, asked: u64, maximum: u64) -> Cause {
    if maximum == u64::MAX { Cause::System } else { Cause::above(limit, asked, maximum) }
}

/// `/dev/shm` lacks space or files: files, if what was asked for would have its space.
fn dev_shm_exhausted(size: u64) -> Cause {
    let Ok(there) = statfs(c"/dev/shm") else { return Cause::DevShmFull };
    // The fields' types are others on each architecture.
    let [files, free_files, free_blocks, block]: [u64; 4] =
        [there.f_files as _, there.f_ffree as _, there.f_bavail as _, there.f_bsize as _];
    if files > 0 && free_files == 0 && size <= free_blocks.saturating_mul(block) {
        Cause::above(Limit::Inodes, files.saturating_add(1), files)
    } else {
        Cause::DevShmFull
    }
}

impl SharedMemory {
    /// What a failure to get space for this object means.
    #[cold]
    pub(super) fn size_error(&self, operation: Operation, errno: Errno, size: u64) -> Error {
        // Memory without a name lies in a file system without a size; what was adopted may lie in `/dev/shm`.
        let is_bounded = || fstatfs(self.descriptor()).is_ok_and(|there| there.f_blocks > 0);
        if self.name().is_some() || (self.unit() == 1 && is_bounded()) {
            size_error(operation, errno, size)
        } else {
            memory_error(operation, errno, size, self.unit())
        }
    }
}
