//! A queue's name, and removing it with the handle that created the queue.

use rustix::fd::{AsRawFd, OwnedFd, RawFd};
use rustix::io::{Errno, Result};

use crate::creation::Creator;
use crate::dev_shm::Identity;
use crate::name::OwnedName;
use crate::sys;

/// The name a handle knows, if any; removed when this is dropped, if the handle is to do so, in the process that
/// created the queue and in no other.
pub(super) struct QueueName {
    name: Option<OwnedName>,
    removal: Option<Removal>,
}

#[derive(Clone, Copy)]
struct Removal {
    /// The queue's own descriptor, open for as long as the name is kept.
    descriptor: RawFd,
    /// What it was open for at first: a process may have closed all its descriptors and opened others.
    queue: Identity,
    creator: Creator,
}

impl QueueName {
    /// A name that stays.
    pub(super) fn kept(name: Option<OwnedName>) -> Self {
        Self { name, removal: None }
    }

    /// The name of a queue just created here, to be removed.
    pub(super) fn removed_on_drop(name: OwnedName, descriptor: &OwnedFd) -> Result<Self> {
        let queue = Identity::of_file(descriptor)?;
        let removal = Removal { descriptor: descriptor.as_raw_fd(), queue, creator: Creator::this_process() };
        Ok(Self { name: Some(name), removal: Some(removal) })
    }

    pub(super) fn get(&self) -> Option<&OwnedName> {
        self.name.as_ref()
    }

    pub(super) fn is_removed_on_drop(&self) -> bool {
        self.removal.is_some()
    }

    /// Leaves the name where it is.
    pub(super) fn keep(&mut self) {
        self.removal = None;
    }

    /// Removes the name now, if it is to be removed at all. A name that is gone already is as good.
    pub(super) fn remove(&mut self) -> Result<()> {
        let (Some(name), Some(removal)) = (&self.name, self.removal.take()) else { return Ok(()) };
        if !removal.creator.is_this_process() {
            return Ok(());
        }
        let status = sys::status(removal.descriptor)?;
        // The number is another file's by now, which says nothing about the name.
        if Identity::of(&status) != removal.queue {
            return Err(Errno::BADF);
        }
        // The queue has lost its name: whatever bears that name now is another process's.
        if status.st_nlink == 0 {
            return Ok(());
        }
        match sys::mq_unlink(name.c_str()) {
            Err(Errno::NOENT) => Ok(()),
            result => result,
        }
    }
}

impl Drop for QueueName {
    fn drop(&mut self) {
        // A drop cannot report it; `close` does.
        let _ = self.remove();
    }
}
