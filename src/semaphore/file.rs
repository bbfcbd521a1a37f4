//! The files that named semaphores are: where they lie, what they hold, how they come into being whole.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::OFlags;
use rustix::io::{Errno, Result, read, write};

use super::abi::{Abi, GNU_SHARED};
use crate::dev_shm::{self, FilePath, Identity, Unfit};
use crate::error::SemaphoreFault;
use crate::name::Name;
use crate::shm::{Mapping, within_file_limit};

/// How many bytes a semaphore has at most.
pub(super) const SIZE: usize = 32;

/// The most bytes that may follow the slash in the name of one of glibc's semaphores.
pub(crate) const GNU_NAME_MAX: usize = Name::MAX_LEN - GNU_PREFIX.len();

/// What glibc puts before the name.
const GNU_PREFIX: &[u8] = b"sem.";

/// What this crate writes into the fourth word of musl's semaphores, of which musl uses three. The library itself
/// leaves there what lay on its stack, so a file with any other word may be musl's too, or shared memory.
const MUSL_MARK: u32 = u32::from_ne_bytes(*b"rIPC");

/// What the layout's C library puts before the name.
pub(super) const fn prefix(abi: Abi) -> &'static [u8] {
    if abi.is_gnu() { GNU_PREFIX } else { b"" }
}

/// An existing file that may be a semaphore.
pub(super) struct Found {
    pub(super) file: OwnedFd,
    words: [u32; SIZE / 4],
    size: usize,
}

impl Found {
    /// The layout that the file shows, in the place of glibc's semaphores or of musl's.
    pub(super) fn abi(&self, is_gnu_place: bool) -> Option<Abi> {
        detect(self.words, self.size, is_gnu_place)
    }
}

/// Opens an existing file for this access and reads what it holds: the words of a semaphore, of which those beyond a
/// short one are zero.
///
/// One read tells the size too: it is 16 or 32 bytes, and nothing but a regular file has an end there. To look into the
/// mapping instead would cost more, since touching it for the first time does.
pub(super) fn open_existing(path: &FilePath, access: OFlags) -> Result<core::result::Result<Found, SemaphoreFault>> {
    let file = match dev_shm::open_file(path, access)? {
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

/// Returns `true` if there is a file of this path that says of itself that it is a semaphore: glibc's say so, and of
/// musl's those that this crate has made. What cannot be read says nothing.
pub(super) fn says_semaphore(path: &FilePath, is_gnu_place: bool) -> bool {
    match open_existing(path, OFlags::RDONLY) {
        Ok(Ok(found)) => match found.abi(is_gnu_place) {
            Some(Abi::Musl) => found.words.get(3) == Some(&MUSL_MARK),
            abi => abi.is_some(),
        },
        _ => false,
    }
}

/// The layout that a file's size and words show; the words beyond a short file are zero.
///
/// glibc marks its semaphores. musl does not, and so whatever has the size and is not marked as private may be one, if
/// it lies where musl's do: that place is looked into only if it is the machine's, or asked for.
fn detect(words: [u32; 8], size: usize, is_gnu_place: bool) -> Option<Abi> {
    match (words, size) {
        ([_, _, GNU_SHARED, 0, 0, 0, 0, 0], 32) if is_gnu_place => Some(Abi::Gnu64),
        ([_, GNU_SHARED, 0, _, 0, 0, 0, 0], 16) if is_gnu_place => Some(Abi::Gnu32),
        ([_, _, 0, ..], _) if !is_gnu_place => Some(Abi::Musl),
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
        Abi::Musl => ([value, 0, 0, MUSL_MARK, 0, 0, 0, 0], size_of::<usize>()),
    }
}

/// A semaphore that is whole, and mapped.
pub(super) struct Made {
    file: OwnedFd,
    pub(super) mapping: Mapping,
    pub(super) identity: Identity,
}

impl AsFd for Made {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Makes a new file a semaphore and maps it.
pub(super) fn fill(file: OwnedFd, abi: Abi, value: u32) -> Result<Made> {
    let (words, count) = image(abi, value);
    let mut bytes = [0; 32];
    for (to, word) in bytes.chunks_exact_mut(4).zip(words) {
        to.copy_from_slice(&word.to_ne_bytes());
    }
    let bytes = bytes.get(..4 * count).unwrap_or(&bytes);
    within_file_limit(bytes.len() as u64)?;
    if write(&file, bytes)? != bytes.len() {
        return Err(Errno::NOSPC);
    }
    Ok(Made { mapping: map(&file)?, identity: Identity::of_file(&file)?, file })
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
        for is_gnu_place in [true, false] {
            assert_eq!(detect([1, 2, 3, 4, 5, 6, 7, 8], 32, is_gnu_place), None);
            assert_eq!(detect([0, 0, GNU_SHARED, 0, 0, 0, 0, 0], 16, is_gnu_place), None);
        }
        assert_eq!(detect([0, 0, GNU_SHARED, 0, 0, 0, 0, 0], 32, false), None);
        assert_eq!(detect([0, GNU_SHARED, 0, 0, 0, 0, 0, 0], 32, true), None);
    }

    #[test]
    fn zeros_are_no_semaphore_of_glibcs() {
        for (words, size) in
            [([0; 8], 32), ([0; 8], 16), ([7, 9, 0, 0, 0, 0, 0, 0], 16), ([5, 0, 0, 0, 0, 0, 0, 0], 32)]
        {
            assert_eq!(detect(words, size, true), None);
        }
        // Of musl's, what follows the three words is not initialized.
        assert_eq!(detect([5, 0, 0, 1, 2, 3, 4, 5], 32, false), Some(Abi::Musl));
    }
}
