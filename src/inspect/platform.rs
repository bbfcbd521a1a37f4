//! What this kernel supports.

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, open, stat, unlink};
use rustix::io::{Errno, Result};

use core::sync::atomic::AtomicU32;

use super::listing::can_list_queues;
use crate::creation::random_suffix;
use crate::dev_shm::FilePath;
use crate::error::Cause;
use crate::mqueue::notification_socket;
use crate::name::{Name, OwnedName};
use crate::shm::SharedMemory;
use crate::sync::RobustMutex;
use crate::sys::{self, Timespec};

/// What this kernel and the sandbox around this process support, found out by trying it.
///
/// A feature that cannot be tried at the moment counts as missing: no descriptor is free, or `/dev/shm` is full.
/// `docs/deployment.md` has a table of the kernels and options that each feature needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Platform {
    /// Message queues: opening them, sending and receiving. Not without CONFIG_POSIX_MQUEUE, nor in some sandboxes.
    #[doc(alias = "MESSAGE_QUEUES_SUPPORTED")]
    pub message_queues: bool,
    /// Notification of message queues. Not under qemu's user mode.
    pub notification: bool,
    /// The netlink sockets that a [`NotificationSocket`](crate::NotificationSocket) is made of. Not for services whose
    /// `RestrictAddressFamilies=` leaves out AF_NETLINK, nor in some sandboxes.
    pub notification_sockets: bool,
    /// [`Listing::queues`](crate::inspect::Listing::queues): an mqueue file system is mounted on `/dev/mqueue`, or
    /// Linux 5.2 and CAP_SYS_ADMIN. In a process with a system call filter only a mounted one counts, because a filter
    /// may end the process for trying.
    pub queue_listing: bool,
    /// Directory `/dev/shm` for named semaphores, named shared memory and shared queues.
    pub dev_shm: bool,
    /// Named shared memory can be created: `/dev/shm` is writable and reserves space.
    pub shared_memory: bool,
    /// Shared memory without a name, [`SharedMemory::anonymous`]: Linux 3.17 and CONFIG_MEMFD_CREATE.
    pub anonymous_memory: bool,
    /// Values that are initialized once, [`Shared`](crate::Shared): CONFIG_FILE_LOCKING.
    pub shared_values: bool,
    /// Sleeping until another process wakes the thread: CONFIG_FUTEX. All semaphores need it to wait.
    pub semaphores: bool,
    /// Named semaphores can be created and waited for.
    pub named_semaphores: bool,
    /// [`RobustMutex`]: Linux 4.14, CONFIG_ADVISE_SYSCALLS and CONFIG_FILE_LOCKING.
    pub robust_mutexes: bool,
    /// [`SharedQueue`](crate::SharedQueue): the same, and named shared memory.
    pub shared_queues: bool,
    /// The size of a memory page, in bytes.
    pub page_size: usize,
}

impl Platform {
    /// Asks the kernel. Nothing is left behind.
    ///
    /// It makes about 40 system calls, so a program probes once. A file without a name is created in `/dev/shm` and
    /// closed again; on a file system that has no such files, a file whose name is removed at once.
    #[must_use]
    pub fn probe() -> Self {
        let file = scratch_file().ok();
        let has_file = file.is_some();
        let named = file.and_then(|file| SharedMemory::try_from(file).ok());
        let named = named.filter(|memory| memory.resize(SCRATCH as u64).is_ok());
        let anonymous = SharedMemory::anonymous(SCRATCH as u64).create().ok().filter(|memory| memory.map().is_ok());
        let semaphores = sys::futex_wake(&AtomicU32::new(0), rustix::thread::futex::Flags::empty(), 1).is_ok();
        let takes_part = |memory: &SharedMemory| semaphores && can_take_part(memory);
        let shared_queues = named.as_ref().is_some_and(takes_part);
        Self {
            message_queues: has_queues(),
            notification: is_known(sys::mq_notify(CWD, None)),
            notification_sockets: notification_socket().is_ok(),
            queue_listing: can_list_queues(),
            dev_shm: stat(c"/dev/shm/.").is_ok(),
            shared_memory: named.is_some(),
            anonymous_memory: anonymous.is_some(),
            shared_values: named.as_ref().is_some_and(is_lockable),
            semaphores,
            named_semaphores: has_file && semaphores,
            robust_mutexes: shared_queues || anonymous.as_ref().is_some_and(takes_part),
            shared_queues,
            page_size: sys::page_size(),
        }
    }
}

/// The size of the memory that features are tried on.
const SCRATCH: usize = 4096;

/// Returns `true` if a call is known that must refuse its arguments. None of the queues' calls has an EPERM of its own
/// for them: it is a sandbox's.
fn is_known<T>(result: Result<T>) -> bool {
    !matches!(result, Err(Errno::NOSYS | Errno::PERM))
}

/// Each call is asked, because a sandbox may know some of them only. The current directory is no queue, and no name is
/// empty.
fn has_queues() -> bool {
    let expired = Some(&Timespec::EXPIRED);
    is_known(sys::mq_open(c"/", OFlags::CLOEXEC.bits(), 0, None))
        && is_known(sys::mq_getsetattr(CWD, None))
        && is_known(sys::mq_timedsend(CWD, &[], 0, expired))
        && is_known(sys::mq_timedreceive(CWD, &mut [], expired))
}

/// What the name of a file begins with that is there for a moment.
const PROBE: &Name = crate::name::name!("/rawipc-probe-");

/// A file in `/dev/shm` that no name leads to.
fn scratch_file() -> Result<OwnedFd> {
    let mode = Mode::RUSR | Mode::WUSR;
    match open(c"/dev/shm", OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, mode) {
        // Such files are not there, or only files of certain names are allowed.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::ACCESS) => {}
        result => return result,
    }
    let path = FilePath::new(OwnedName::joined(PROBE, &random_suffix()?).name(), b"").ok_or(Errno::NAMETOOLONG)?;
    let file = open(path.c_str(), OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC, mode)?;
    unlink(path.c_str()).map(|()| file)
}

fn is_lockable(memory: &SharedMemory) -> bool {
    flock(memory, FlockOperation::NonBlockingLockExclusive).is_ok()
}

/// Returns `true` if a process can attach to a robust mutex or a shared queue in such memory.
fn can_take_part(memory: &SharedMemory) -> bool {
    match RobustMutex::in_memory(memory, 0) {
        Ok(_) => true,
        // Without `/proc` it can if the memory has a name. What is left to try are the locks.
        Err(error) if error.cause() == Cause::NoSecondDescription && memory.name().is_none() => {
            sys::lock_byte(memory.as_fd(), 0) == Ok(true)
        }
        Err(_) => false,
    }
}
