//! The files that named semaphores are: where they lie, what they hold, how they come into being whole.

use rustix::fd::OwnedFd;
use rustix::fs::OFlags;
use rustix::io::{Errno, Result, read, write};

use super::abi::{Abi, GNU_SHARED};
use crate::devshm::{self, FilePath, Unfit};
use crate::error::SemaphoreFault;
use crate::name::NAME_MAX;
use crate::shm::Mapping;

/// How many bytes a semaphore has at most.
pub(super) const SIZE: usize = 32;

/// The most bytes that may follow the slash in the name of one of glibc's semaphores.
pub(crate) const GNU_NAME_MAX: usize = NAME_MAX - GNU_PREFIX.len();

/// What glibc puts before the name.
const GNU_PREFIX: &[u8] = b"sem.";

/// What the layout's C library puts before the name.
pub(super) const fn prefix(abi: Abi) -> &'static [u8] {
    match abi {
        Abi::Musl => b"",
        Abi::Gnu64 | Abi::Gnu32 => GNU_PREFIX,
    }
}

/// An existing file that may be a semaphore.
pub(super) struct Found {
    pub(super) file: OwnedFd,
    words: [u32; SIZE / 4],
    size: usize,
}

impl Found {
    /// The layout that the file shows.
    pub(super) fn abi(&self, is_gnu_path: bool) -> Option<Abi> {
        detect(self.words, self.size, is_gnu_path)
    }
}

/// Opens an existing file and reads what it holds: the words of a semaphore, of which those beyond a short one are
/// zero.
///
/// One read tells the size too: it is 16 or 32 bytes, and nothing but a regular file has an end there. To look into the
/// mapping instead would cost more, since touching it for the first time does.
pub(super) fn open_existing(path: &FilePath) -> Result<core::result::Result<Found, SemaphoreFault>> {
    let file = match devshm::open_file(path, OFlags::RDWR)? {
        Err(Unfit::SymbolicLink) => return Ok(Err(SemaphoreFault::SymbolicLink)),
        Err(Unfit::NotRegular) => return Ok(Err(SemaphoreFault::NotRegular)),
        Ok(file) => file,
    };
    let mut bytes = [0; SIZE + 1];
    let length = match read(&file, &mut bytes) {
        Err(Errno::AGAIN) => return Ok(Err(SemaphoreFault::NotRegular)),
        length => length?,
    };
    if !matches!(length, 16 | SIZE) {
        return Ok(Err(SemaphoreFault::Size));
    }
    let mut words = [0; SIZE / 4];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = bytes.try_into().map_or(0, u32::from_ne_bytes);
    }
    Ok(Ok(Found { file, words, size: length }))
}

/// The layout that a file's size and words show; the words beyond a short file are zero.
fn detect(words: [u32; 8], size: usize, is_gnu_path: bool) -> Option<Abi> {
    match (words, size) {
        ([_, _, GNU_SHARED, 0, 0, 0, 0, 0], 32) if is_gnu_path => Some(Abi::Gnu64),
        // As long as 64-bit semaphores are, it is none, and not one of musl's with 128 waiters.
        ([_, GNU_SHARED, 0, _, 0, 0, 0, 0], _) if is_gnu_path => (size == 16).then_some(Abi::Gnu32),
        ([_, _, 0, 0, 0, 0, 0, 0], _) => Some(Abi::Musl),
        _ => None,
    }
}

/// The words of a new semaphore.
fn image(abi: Abi, value: u32) -> ([u32; 8], usize) {
    match abi {
        // The value is the low half of a 64-bit word.
        Abi::Gnu64 if cfg!(target_endian = "big") => ([0, value, GNU_SHARED, 0, 0, 0, 0, 0], 8),
        Abi::Gnu64 => ([value, 0, GNU_SHARED, 0, 0, 0, 0, 0], 8),
        Abi::Gnu32 => ([value << 1, GNU_SHARED, 0, 0, 0, 0, 0, 0], 4),
        Abi::Musl => ([value, 0, 0, 0, 0, 0, 0, 0], size_of::<usize>()),
    }
}

/// Makes a whole semaphore and then gives it its name; EEXIST if the name is taken.
pub(super) fn create(path: &FilePath, abi: Abi, value: u32, mode: u32, exact_mode: bool) -> Result<(OwnedFd, Mapping)> {
    devshm::create_whole(path, mode, exact_mode, |file| fill(file, abi, value))
}

/// Makes a new file a semaphore and maps it.
fn fill(file: &OwnedFd, abi: Abi, value: u32) -> Result<Mapping> {
    let (words, count) = image(abi, value);
    let mut bytes = [0; 32];
    for (to, word) in bytes.chunks_exact_mut(4).zip(words) {
        to.copy_from_slice(&word.to_ne_bytes());
    }
    let bytes = bytes.get(..4 * count).unwrap_or(&bytes);
    if write(file, bytes)? != bytes.len() {
        return Err(Errno::NOSPC);
    }
    map(file)
}

/// Maps a file of a semaphore's size.
pub(super) fn map(file: &OwnedFd) -> Result<Mapping> {
    Mapping::of_file(file, SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_images_are_detected_as_what_they_are() {
        for abi in [Abi::Gnu64, Abi::Gnu32, Abi::Musl] {
            let (words, count) = image(abi, 5);
            assert_eq!(detect(words, 4 * count, abi != Abi::Musl), Some(abi));
        }
        assert_eq!(detect([1, 2, 3, 4, 5, 6, 7, 8], 32, true), None);
        assert_eq!(detect([0, 0, GNU_SHARED, 0, 0, 0, 0, 0], 32, false), None);
        assert_eq!(detect([0, 0, GNU_SHARED, 0, 0, 0, 0, 0], 16, true), None);
        assert_eq!(detect([0, GNU_SHARED, 0, 0, 0, 0, 0, 0], 32, true), None);
    }
}
