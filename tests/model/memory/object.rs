//! An object of the model, and what a process has of it.

use rawipc::ErrorKind;

/// What is mapped begins at multiples of it.
pub const PAGE: u64 = 4096;

#[derive(Debug)]
pub struct Object {
    pub bytes: Vec<u8>,
    pub may_be_sealed: bool,
    pub is_sealed: bool,
}

#[derive(Debug)]
pub struct Handle {
    pub object: usize,
    pub write: bool,
    /// The name that goes with it.
    pub removes: Option<usize>,
    pub mapping: Option<Mapped>,
    /// It created the object and takes it to be of that size still.
    pub trusts_size: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct Mapped {
    pub offset: u64,
    pub length: usize,
    pub write: bool,
}

impl Object {
    /// The bytes of a range; nothing if it does not lie inside. An empty one lies everywhere.
    pub fn range(&mut self, offset: u64, length: usize) -> Option<&mut [u8]> {
        if length == 0 {
            return Some(&mut []);
        }
        let start = usize::try_from(offset).ok()?;
        self.bytes.get_mut(start..start.checked_add(length)?)
    }

    pub fn resize(&mut self, size: u64) -> Result<(), ErrorKind> {
        if size > i64::MAX as u64 {
            return Err(ErrorKind::InvalidInput);
        }
        if self.is_sealed && size != self.bytes.len() as u64 {
            return Err(ErrorKind::PermissionDenied);
        }
        self.bytes.resize(size as usize, 0);
        Ok(())
    }
}

impl Mapped {
    /// Where a range of the mapping lies in the object; nothing if it does not lie in the mapping.
    pub fn place(&self, offset: usize, length: usize) -> Option<u64> {
        let end = offset.checked_add(length)?;
        (end <= self.length).then(|| self.offset + offset as u64)
    }
}
