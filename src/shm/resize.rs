//! Changing an object's size.

use rustix::fd::OwnedFd;
use rustix::fs::{OFlags, SealFlags, fcntl_get_seals, fcntl_getfl, fstat, fstatfs, ftruncate};
use rustix::io::Errno;

use super::SharedMemory;
use super::object::{cut, reserve};
use crate::error::{Argument, Cause, Error, Operation, Result};

impl SharedMemory {
    /// Makes it longer or shorter. New bytes are zero, and their space is reserved.
    ///
    /// An error leaves the size and the content as they were. Works for named, anonymous and adopted
    /// objects. Growing reserves space for what is new also in a [sparse](crate::shm::SharedMemoryOptions::sparse)
    /// object, whose other bytes stay as they are; [`resize_sparse`](Self::resize_sparse) reserves none. Memory of
    /// [huge pages](Self::has_huge_pages) has a size of whole ones; another size is refused, not rounded.
    ///
    /// # What peers see
    /// No process is notified, and no mapping changes its length: **each process that has the object mapped maps it
    /// again**, with [`Mapping::remap`](crate::Mapping::remap), when it learns of the new size.
    ///
    /// | | a mapping that is older | |
    /// |---|---|---|
    /// | the object grows | stays valid, at its place and with its bytes, during the call and after it | the new bytes are beyond its end until it is mapped again |
    /// | the object shrinks | **SIGBUS** where it touches a page beyond the new end | bytes between the new end and the end of that page read as zeros, and what is written there is lost |
    ///
    /// So growing disturbs no peer. To shrink, let all peers map the shorter part first: each calls `remap` with the
    /// new length and says so, and then one process calls `resize`. [`read_at`](Self::read_at) and
    /// [`write_at`](Self::write_at) of the object touch no mapping: they fail with
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) beyond the end, and never raise SIGBUS for it. A peer that is
    /// not trusted can shrink whatever it can write, unless the size is [sealed](Self::seal_size): then every resize
    /// is refused, in every process.
    ///
    /// How peers learn of a new size is up to the program. An atomic in the part that all have mapped is enough:
    /// ```
    /// use core::sync::atomic::{AtomicU64, Ordering};
    /// use rawipc::{name, SharedMemory};
    ///
    /// let memory = SharedMemory::options().write(true).create(true).size(4096)
    ///     .unlink_on_drop(true).open(name!("/rawipc-doc-grow"))?;
    /// memory.map()?.get::<AtomicU64>(0)?.store(4096, Ordering::Release);
    /// # let peer = SharedMemory::options().write(true).open(name!("/rawipc-doc-grow"))?;
    /// # let mut mapping = peer.map()?;
    ///
    /// // The process that grows it: first the object, then the number.
    /// memory.resize(16_384)?;
    /// memory.map()?.get::<AtomicU64>(0)?.store(16_384, Ordering::Release);
    ///
    /// // A peer, before it goes on: `mapping` is its own, of `peer`.
    /// let size = mapping.get::<AtomicU64>(0)?.load(Ordering::Acquire) as usize;
    /// if size > mapping.len() {
    ///     mapping.remap(&peer, size)?; // An error, not a SIGBUS, if the number is wrong.
    /// }
    /// assert_eq!(mapping.len(), 16_384);
    /// # Ok::<(), rawipc::Error>(())
    /// ```
    /// [`Shared`](crate::Shared) values and [`SharedQueue`](crate::SharedQueue)s have a fixed size. An object of
    /// theirs that was resized is no longer opened; handles that were open before go on if it was made longer.
    ///
    /// # Several processes that resize
    /// Let one process resize at a time, for example with a [`RobustMutex`](crate::RobustMutex). Two that grow at the
    /// same time leave the larger size, which is more than one of them asked for. If one grows and one shrinks, either
    /// size may result, and what is new may be without reserved space.
    ///
    /// # Threads, fork, signals, death
    /// Any thread and any child of `fork` may call it. A process that is killed in the call leaves the old size, the
    /// new one, or, where the kernel does not grow the object in one step (files that are not on a tmpfs, huge pages, a
    /// signal handler that runs meanwhile), one in between; what there is can be used then, and resized again. A signal
    /// handler that runs while the space is reserved can end the call with
    /// [`Interrupted`](crate::ErrorKind::Interrupted).
    ///
    /// # Errors
    /// | kind | when |
    /// |---|---|
    /// | [`LimitExceeded`](crate::ErrorKind::LimitExceeded) | there is no space for what is new; the size is above RLIMIT_FSIZE |
    /// | [`InvalidInput`](crate::ErrorKind::InvalidInput) | more than 2⁶³ − 1 bytes; not a multiple of the size of huge pages |
    /// | [`PermissionDenied`](crate::ErrorKind::PermissionDenied) | the size is sealed |
    /// | [`BadDescriptor`](crate::ErrorKind::BadDescriptor) | the object is open for reading only |
    /// | [`Interrupted`](crate::ErrorKind::Interrupted) | a signal handler ran while the space was reserved |
    ///
    /// # References
    /// [`ftruncate(2)`](https://man7.org/linux/man-pages/man2/ftruncate.2.html),
    /// [`fallocate(2)`](https://man7.org/linux/man-pages/man2/fallocate.2.html)
    #[doc(alias = "ftruncate")]
    #[doc(alias = "grow")]
    #[doc(alias = "shrink")]
    pub fn resize(&self, size: u64) -> Result<()> {
        self.check_multiple(size)?;
        self.forget_created_size();
        let old = self.size()?;
        let result = if size > old { self.grow(old, size) } else { ftruncate(self.descriptor(), size) };
        result.map_err(|errno| self.resize_error(errno, size))
    }

    /// Makes it longer or shorter without reserving space: new memory is taken as it is touched, and touching it when
    /// there is none left raises SIGBUS.
    ///
    /// For objects that are larger than what will ever be used of them. In all else as [`resize`](Self::resize), except
    /// that it takes one system call and is never interrupted.
    ///
    /// # Errors
    /// Those of [`resize`](Self::resize).
    pub fn resize_sparse(&self, size: u64) -> Result<()> {
        self.check_multiple(size)?;
        self.forget_created_size();
        cut(self.descriptor(), size).map_err(|errno| self.resize_error(errno, size))
    }

    /// The kernel refuses to cut huge pages, and reserves whole ones for a part of one.
    fn check_multiple(&self, size: u64) -> Result<()> {
        if size.is_multiple_of(self.unit() as u64) {
            return Ok(());
        }
        let unit = u32::try_from(self.unit()).unwrap_or(u32::MAX);
        Err(Error::argument(Operation::ResizeMemory, Argument::HugePageMultiple, unit))
    }

    fn grow(&self, old: u64, size: u64) -> rustix::io::Result<()> {
        reserve(self.descriptor(), old, size - old).inspect_err(|_| undo_growth(self.descriptor(), old, size))
    }

    #[cold]
    fn resize_error(&self, errno: Errno, size: u64) -> Error {
        let is = |cause| Error::caused(Operation::ResizeMemory, errno, cause);
        match errno {
            // The kernel says the one when it grows, the other when it shrinks.
            Errno::BADF | Errno::INVAL if self.is_read_only() => {
                Error::caused(Operation::ResizeMemory, Errno::BADF, Cause::ReadOnlyMemory)
            }
            Errno::PERM if self.has_sealed_size() => is(Cause::SizeSealed),
            errno => self.size_error(Operation::ResizeMemory, errno, size),
        }
    }

    fn is_read_only(&self) -> bool {
        fcntl_getfl(self).is_ok_and(|flags| flags & OFlags::RWMODE == OFlags::RDONLY)
    }

    /// In either direction.
    fn has_sealed_size(&self) -> bool {
        fcntl_get_seals(self).is_ok_and(|seals| seals.intersects(SealFlags::SHRINK | SealFlags::GROW))
    }
}

/// Where reserving may fail halfway, frees what it has reserved.
///
/// On a tmpfs it fails as a whole. There the size, if it is another than before, is what another process has made it.
#[cold]
fn undo_growth(file: &OwnedFd, old: u64, size: u64) {
    const TMPFS_MAGIC: u32 = 0x0102_1994;
    // The field's type is another on each architecture; magic numbers have 32 bits.
    if fstatfs(file).is_ok_and(|status| status.f_type as u32 == TMPFS_MAGIC) {
        return;
    }
    let now = fstat(file).map_or(old, |status| status.st_size.cast_unsigned());
    // Huge pages that were reserved lie beyond the end, where only cutting finds them.
    if (old..=size).contains(&now) {
        // The error that is reported is the first one.
        let _ = ftruncate(file, old);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, remove_file};

    use rustix::fs::memfd_create;

    use super::*;

    /// A disk is where the kernel leaves such files.
    #[test]
    fn growth_that_failed_halfway_is_undone() {
        let path = std::format!("{}/target/growth-{}", env!("CARGO_MANIFEST_DIR"), std::process::id());
        let file = OwnedFd::from(File::options().write(true).create_new(true).open(&path).unwrap());
        remove_file(path).unwrap();
        let memory = memfd_create(c"test", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        let is_tmpfs = |file: &OwnedFd| fstatfs(file).unwrap().f_type == fstatfs(&memory).unwrap().f_type;
        // The size that is found: the old one, one in between, the new one, and what another process has made it.
        for (found, left) in [(100, 100), (5000, 100), (9000, 100), (9001, 9001), (50, 50)] {
            for file in [&file, &memory] {
                cut(file, found).unwrap();
                undo_growth(file, 100, 9000);
                let size = fstat(file).unwrap().st_size.cast_unsigned();
                assert_eq!(size, if is_tmpfs(file) { found } else { left });
            }
        }
    }
}
