//! Locks on bytes of a file, held by an open file description: rustix has only those that a process holds.

use core::ffi::{c_int, c_short};
use core::ptr;

use rustix::fd::{AsRawFd, BorrowedFd};
use rustix::io::{Errno, Result};

use super::arch::{number, syscall};
use super::check;

pub(super) const F_OFD_GETLK: usize = 36;
pub(super) const F_OFD_SETLK: usize = 37;
pub(super) const F_RDLCK: c_short = 0;
pub(super) const F_WRLCK: c_short = 1;
pub(super) const F_UNLCK: c_short = 2;

/// What the kernel names as the process of a lock that an open file description holds.
const NO_PROCESS: c_int = -1;

/// The kernel's `struct flock`, on 32-bit machines `struct flock64`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct FileLock {
    pub(super) kind: c_short,
    pub(super) whence: c_short,
    pub(super) start: i64,
    pub(super) length: i64,
    pub(super) process: c_int,
}

impl FileLock {
    fn of_byte(byte: u64, kind: c_short) -> Self {
        Self::of_range((byte, 1), kind)
    }

    fn of_range((start, length): (u64, u64), kind: c_short) -> Self {
        Self { kind, whence: 0, start: start.cast_signed(), length: length.cast_signed(), process: 0 }
    }

    /// Returns `true` if it is what [`lock_byte`] makes: exclusive, of this byte alone, held by an open file
    /// description.
    pub(super) fn is_ours(self, byte: u64) -> bool {
        self.kind == F_WRLCK && self.start == byte.cast_signed() && self.length == 1 && self.process == NO_PROCESS
    }
}

/// Locks a byte, which may lie beyond the file's end, for the open file description: until the last descriptor and the
/// last mapping of it are gone. `false` if another lock is in the way.
pub(crate) fn lock_byte(file: BorrowedFd<'_>, byte: u64) -> Result<bool> {
    lock_range(file, (byte, 1))
}

/// Locks all bytes of a range, given by its start and its length, as [`lock_byte`] locks one.
pub(crate) fn lock_range(file: BorrowedFd<'_>, range: (u64, u64)) -> Result<bool> {
    match control(file, F_OFD_SETLK, FileLock::of_range(range, F_WRLCK)) {
        // Not EACCES, which POSIX has for it too: Linux says so where a security module forbids locks.
        Err(Errno::AGAIN) => Ok(false),
        result => result.map(|_| true),
    }
}

/// Returns whether another open file description than this one holds a lock on the byte that [`lock_byte`] has made.
///
/// The kernel reports the first lock that is in the way of the one asked for. A shared one is asked for, which only an
/// exclusive lock is in the way of; and a byte that is locked exclusively is locked by one owner alone. So there is at
/// most one lock to be reported, and no other lock can hide it. What takes no more than the right to read, a shared
/// lock, is not reported at all.
pub(crate) fn is_byte_locked(file: BorrowedFd<'_>, byte: u64) -> Result<bool> {
    Ok(control(file, F_OFD_GETLK, FileLock::of_byte(byte, F_RDLCK))?.is_ours(byte))
}

/// Returns the process whose lock is in the way of [`lock_byte`], if it is not a lock of that function's: 0 if the
/// kernel does not name the process.
pub(crate) fn foreign_lock(file: BorrowedFd<'_>, byte: u64) -> Result<Option<u32>> {
    let lock = control(file, F_OFD_GETLK, FileLock::of_byte(byte, F_WRLCK))?;
    let is_foreign = lock.kind != F_UNLCK && !lock.is_ours(byte);
    Ok(is_foreign.then(|| u32::try_from(lock.process).unwrap_or(0)))
}

/// Returns the range that another open file description has locked by [`lock_range`] and that the byte lies in: its
/// start and its length.
pub(crate) fn locked_range(file: BorrowedFd<'_>, byte: u64) -> Result<Option<(u64, u64)>> {
    let lock = control(file, F_OFD_GETLK, FileLock::of_byte(byte, F_RDLCK))?;
    let is_locked = lock.kind != F_UNLCK && lock.process == NO_PROCESS;
    Ok(is_locked.then_some((lock.start.cast_unsigned(), lock.length.cast_unsigned())))
}

fn control(file: BorrowedFd<'_>, command: usize, mut lock: FileLock) -> Result<FileLock> {
    let arguments = [file.as_raw_fd() as usize, command, ptr::from_mut(&mut lock).expose_provenance(), 0, 0];
    // SAFETY: `lock` is a whole `struct flock` that the kernel may overwrite.
    let result = check(unsafe { syscall(number::FCNTL, arguments) });
    // EINVAL: the command is not known, as in some sandboxes.
    result.map(|_| lock).map_err(|errno| if errno == Errno::INVAL { Errno::NOSYS } else { errno })
}
