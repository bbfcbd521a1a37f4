//! Locks on single bytes of a file, held by an open file description: rustix has only those that a process holds.

use core::ffi::{c_int, c_short};
use core::ptr;

use rustix::fd::{AsRawFd, BorrowedFd};
use rustix::io::{Errno, Result};

use super::arch::{number, syscall};
use super::check;

pub(super) const F_OFD_GETLK: usize = 36;
pub(super) const F_OFD_SETLK: usize = 37;
pub(super) const F_WRLCK: c_short = 1;
pub(super) const F_UNLCK: c_short = 2;

/// The kernel's `struct flock`, on 32-bit machines `struct flock64`.
#[repr(C)]
pub(super) struct FileLock {
    kind: c_short,
    whence: c_short,
    pub(super) start: i64,
    pub(super) length: i64,
    process: c_int,
}

impl FileLock {
    fn of_byte(byte: u64) -> Self {
        Self { kind: F_WRLCK, whence: 0, start: byte.cast_signed(), length: 1, process: 0 }
    }
}

/// Locks a byte, which may lie beyond the file's end, for the open file description: until the last descriptor and the
/// last mapping of it are gone. `false` if another description holds it.
pub(crate) fn lock_byte(file: BorrowedFd<'_>, byte: u64) -> Result<bool> {
    match control(file, F_OFD_SETLK, &mut FileLock::of_byte(byte)) {
        // Not EACCES, which POSIX has for it too: Linux says so where a security module forbids locks.
        Err(Errno::AGAIN) => Ok(false),
        result => result.map(|()| true),
    }
}

/// Whether another open file description than this one has locked the byte.
pub(crate) fn is_byte_locked(file: BorrowedFd<'_>, byte: u64) -> Result<bool> {
    let mut lock = FileLock::of_byte(byte);
    control(file, F_OFD_GETLK, &mut lock)?;
    Ok(lock.kind != F_UNLCK)
}

fn control(file: BorrowedFd<'_>, command: usize, lock: &mut FileLock) -> Result<()> {
    let arguments = [file.as_raw_fd() as usize, command, ptr::from_mut(lock).expose_provenance(), 0, 0];
    // SAFETY: `lock` is a whole `struct flock` that the kernel may overwrite.
    let result = check(unsafe { syscall(number::FCNTL, arguments) });
    // EINVAL: the command is not known, as in some sandboxes.
    result.map(drop).map_err(|errno| if errno == Errno::INVAL { Errno::NOSYS } else { errno })
}
