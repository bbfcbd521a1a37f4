//! A queue's name, and removing it with the handle that created the queue.

use rustix::fd::RawFd;
use rustix::io::{Errno, Result};

use crate::name::OwnedName;
use crate::open::Creator;
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
    creator: Creator,
}

impl QueueName {
    /// A name that stays.
    pub(super) fn kept(name: Option<OwnedName>) -> Self {
        Self { name, removal: None }
    }

    /// The name of a queue just created here, to be removed.
    pub(super) fn removed_on_drop(name: OwnedName, descriptor: RawFd) -> Self {
        Self { name: Some(name), removal: Some(Removal { descriptor, creator: Creator::this_process() }) }
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
        // The queue has lost its name: whatever bears that name now is somebody else's.
        if sys::link_count(removal.descriptor)? == 0 {
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
        // There is nobody to tell; `close` reports it.
        let _ = self.remove();
    }
}
