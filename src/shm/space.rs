//! Reserving space where one `fallocate` does not do: where a signal handler interrupts it, and where the file system
//! or the kernel does not know it. And in what units a file can be mapped.

use rustix::fd::OwnedFd;
use rustix::fs::{FallocateFlags, fallocate, fstatfs, ftruncate};
use rustix::io::{Errno, Result, pwrite};

use super::object::status_error;
use crate::error;

/// How often in a row a part may be interrupted. Handlers that run more often than every few microseconds are an error
/// then, and no endless loop.
const INTERRUPTIONS: u32 = 100;

/// The size of the smallest parts, which takes some microseconds.
const SMALLEST: u64 = 1 << 16;

/// How many zeros are written at once; they lie on the stack.
const ZEROS: usize = 1 << 12;

/// Does what `fallocate` of the same arguments has failed to do, with this errno. If this fails too, the file ends
/// where the space was to begin.
///
/// On tmpfs a signal that arrives meanwhile undoes all of the call (before Linux 6.11). So the rest is reserved in
/// parts, which become smaller each time: under a timer that is faster than the whole there is still an end. A file
/// system that has no `fallocate` has zeros written to it, which take their space as well.
#[cold]
#[inline(never)]
pub(super) fn reserve_in_parts(file: &OwnedFd, offset: u64, length: u64, errno: Errno) -> Result<()> {
    let mut done = 0;
    let result = if errno == Errno::INTR {
        allocate(file, offset, length, &mut done)
    } else {
        write_zeros(file, offset, length, &mut done)
    };
    if result.is_err() && done > 0 {
        // The first failure is the one to report.
        let _ = ftruncate(file, offset);
    }
    result
}

fn allocate(file: &OwnedFd, offset: u64, length: u64, done: &mut u64) -> Result<()> {
    let mut part = length / 2;
    in_parts(length, done, |done| {
        let count = part.max(SMALLEST).min(length - done);
        let result = fallocate(file, FallocateFlags::empty(), offset + done, count).map(|()| count);
        if result == Err(Errno::INTR) {
            part /= 2;
        }
        result
    })
}

fn write_zeros(file: &OwnedFd, offset: u64, length: u64, done: &mut u64) -> Result<()> {
    let zeros = [0; ZEROS];
    in_parts(length, done, |done| {
        let count = (length - done).min(ZEROS as u64) as usize;
        match pwrite(file, zeros.get(..count).unwrap_or(&zeros), offset + done)? {
            // No kernel does so; it would be an endless loop.
            0 => Err(Errno::NOSPC),
            count => Ok(count as u64),
        }
    })
}

/// Calls `next` with how much is done, until that is all; it does more and tells how much.
fn in_parts(length: u64, done: &mut u64, mut next: impl FnMut(u64) -> Result<u64>) -> Result<()> {
    let mut interruptions = 0;
    while *done < length {
        match next(*done) {
            Ok(count) => {
                *done += count;
                interruptions = 0;
            }
            Err(Errno::INTR) if interruptions < INTERRUPTIONS => interruptions += 1,
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// In what lengths a regular file can be mapped; `None` if it is a message queue, which is one to the kernel.
pub(super) fn unit_of(descriptor: &OwnedFd) -> error::Result<Option<usize>> {
    const MQUEUE_MAGIC: u32 = 0x1980_0202;
    const HUGETLBFS_MAGIC: u32 = 0x9584_58f6;
    let status = fstatfs(descriptor).map_err(status_error)?;
    // The fields' types are others on each architecture; magic numbers have 32 bits.
    Ok(match status.f_type as u32 {
        MQUEUE_MAGIC => None,
        HUGETLBFS_MAGIC => Some(status.f_bsize as usize),
        _ => Some(1),
    })
}
