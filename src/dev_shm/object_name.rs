//! The name that a handle removes.

use rustix::fs::unlink;
use rustix::io::{Errno, Result};

use super::{FilePath, Identity};
use crate::creation::Creator;
use crate::name::{Name, OwnedName};

/// The name that a handle knows; removed when this is dropped, if the handle is to do so, in the process that created
/// the object and in no other, and only as long as the name stands for that object.
pub(crate) struct ObjectName {
    name: OwnedName,
    removal: Option<Removal>,
}

#[derive(Clone, Copy)]
struct Removal {
    prefix: &'static [u8],
    file: Identity,
    creator: Creator,
}

impl ObjectName {
    /// A name that stays.
    pub(crate) fn kept(name: &Name) -> Self {
        Self { name: OwnedName::new(name), removal: None }
    }

    /// The name of an object just created here, to be removed.
    pub(crate) fn removed_on_drop(name: &Name, prefix: &'static [u8], file: Identity) -> Self {
        let removal = Removal { prefix, file, creator: Creator::this_process() };
        Self { name: OwnedName::new(name), removal: Some(removal) }
    }

    pub(crate) fn name(&self) -> &Name {
        self.name.name()
    }

    /// Returns whether the name stands for this file now.
    pub(crate) fn stands_for(&self, prefix: &[u8], file: Identity) -> Result<bool> {
        let Some(path) = FilePath::new(self.name.name(), prefix) else { return Ok(false) };
        match Identity::of_path(&path) {
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(false),
            now => now.map(|now| now == file),
        }
    }

    /// Leaves the name where it is.
    pub(crate) fn keep(&mut self) {
        self.removal = None;
    }

    /// Removes the name now, if it is to be removed at all. A name that is gone already is as good.
    pub(crate) fn remove(&mut self) -> Result<()> {
        let Some(Removal { prefix, file, creator }) = self.removal.take() else { return Ok(()) };
        let Some(path) = FilePath::new(self.name.name(), prefix) else { return Ok(()) };
        if !creator.is_this_process() {
            return Ok(());
        }
        match Identity::of_path(&path).and_then(|now| if now == file { unlink(path.c_str()) } else { Ok(()) }) {
            Err(Errno::NOENT) => Ok(()),
            result => result,
        }
    }
}

impl Drop for ObjectName {
    fn drop(&mut self) {
        // A drop cannot report it; `close` does.
        let _ = self.remove();
    }
}
