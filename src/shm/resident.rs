//! Mapped memory that is there before it is touched: populated or locked; and advice about it.

#![allow(unsafe_code)]

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use rustix::mm::{Advice, ProtFlags, madvise, mlock};

use super::SharedMemory;
use super::mapping::Region;
use super::shortage::above_limit;
use crate::error::{Cause, Error, Limit, Operation, Result};
use crate::sys;

impl Region {
    /// Does what was asked for beside the mapping itself.
    pub(super) fn apply_usage(&self, memory: &SharedMemory, protection: ProtFlags) -> Result<()> {
        if self.usage.populate {
            self.populate(memory, protection)?;
        }
        if self.usage.locked {
            // SAFETY: the range is the region, and locking changes no byte.
            let locked = unsafe { mlock(self.start.as_ptr(), self.length) };
            locked.map_err(|errno| self.lock_error(memory, protection, errno))?;
        }
        let Some(advice) = self.usage.advice else { return Ok(()) };
        // SAFETY: the range is the region. No advice that is offered changes a byte or takes memory away, be it from
        // this process or from its children.
        unsafe { madvise(self.start.as_ptr(), self.length, advice.of_kernel()) }
            .map_err(|errno| Error::system(Operation::MapMemory, errno))
    }

    /// Makes sure that each page has its memory. The mapping's own flag does not tell when one has none.
    fn populate(&self, memory: &SharedMemory, protection: ProtFlags) -> Result<()> {
        let is_writable = protection.contains(ProtFlags::WRITE);
        let advice = if is_writable { Advice::LinuxPopulateWrite } else { Advice::LinuxPopulateRead };
        // SAFETY: the range is the region, and populating changes no byte.
        let populated = match unsafe { madvise(self.start.as_ptr(), self.length, advice) } {
            // Before Linux 5.14, or refused: the pages that the mapping's flag got are there, and space for
            // the rest can be reserved.
            Err(Errno::INVAL | Errno::NOSYS | Errno::PERM) if is_writable => {
                match fallocate(memory, FallocateFlags::KEEP_SIZE, self.offset, self.length as u64) {
                    Err(Errno::OPNOTSUPP) => Ok(()),
                    reserved => reserved,
                }
            }
            Err(Errno::INVAL | Errno::NOSYS | Errno::PERM) => Ok(()),
            // Where touching a page would raise SIGBUS.
            Err(Errno::FAULT) => Err(Errno::NOSPC),
            populated => populated,
        };
        populated.map_err(|errno| memory.size_error(Operation::MapMemory, errno, self.length as u64))
    }

    /// Why the memory could not be locked: it lacks its space, or is more than the process may lock.
    #[cold]
    fn lock_error(&self, memory: &SharedMemory, protection: ProtFlags, errno: Errno) -> Error {
        let maximum = sys::limit(sys::Resource::LockedMemory);
        let cause = match errno {
            Errno::NOMEM => {
                if let Err(error) = self.populate(memory, protection) {
                    return error;
                }
                above_limit(Limit::LockedMemory, self.length as u64, maximum)
            }
            Errno::PERM if maximum == 0 => above_limit(Limit::LockedMemory, self.length as u64, maximum),
            _ => Cause::System,
        };
        Error::caused(Operation::MapMemory, errno, cause)
    }
}
