//! The files that named semaphores are: where they lie, what they hold, how they come into being whole.

use core::ffi::CStr;

use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fchmod, fstat, linkat, open, stat, unlink};
use rustix::io::{Errno, Result, write};

use super::layout::Abi;
use super::{gnu32, gnu64};
use crate::error::SemaphoreFault;
use crate::name::{NAME_MAX, Name};
use crate::open::random_suffix;
use crate::shm::Mapping;

/// How many bytes a semaphore has at most.
pub(super) const SIZE: usize = 32;

/// The most bytes that may follow the slash in the name of one of glibc's semaphores, whose files are `sem.` and the
/// name.
pub(crate) const GNU_NAME_MAX: usize = NAME_MAX - GNU_PREFIX.len();

const DIRECTORY: &[u8] = b"/dev/shm/";
const GNU_PREFIX: &[u8] = b"sem.";

/// The file of a semaphore.
#[derive(Clone, Copy)]
pub(super) struct FilePath {
    bytes: [u8; DIRECTORY.len() + NAME_MAX + 1],
}

impl FilePath {
    /// As the C library names it; `None` if the name is too long for that.
    pub(super) fn new(name: &Name, abi: Abi) -> Option<Self> {
        let prefix = if abi == Abi::Musl { &[][..] } else { GNU_PREFIX };
        let name = name.as_bytes().get(1..)?;
        if prefix.len() + name.len() > NAME_MAX {
            return None;
        }
        let mut bytes = [0; DIRECTORY.len() + NAME_MAX + 1];
        for (to, from) in bytes.iter_mut().zip(DIRECTORY.iter().chain(prefix).chain(name)) {
            *to = *from;
        }
        Some(Self { bytes })
    }

    /// A name for the time until the semaphore is whole, where there are no files without a name.
    fn temporary() -> Result<Self> {
        let suffix = random_suffix()?;
        let mut bytes = [0; DIRECTORY.len() + NAME_MAX + 1];
        for (to, from) in bytes.iter_mut().zip(DIRECTORY.iter().chain(b"sem.rawipc-").chain(&suffix)) {
            *to = *from;
        }
        Ok(Self { bytes })
    }

    pub(super) fn c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }
}

/// Which file it is, whatever its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    fn of(status: &Stat) -> Self {
        Self { device: status.st_dev, inode: status.st_ino }
    }

    pub(super) fn of_file(file: &OwnedFd) -> Result<Self> {
        fstat(file).map(|status| Self::of(&status))
    }

    pub(super) fn of_path(path: &FilePath) -> Result<Self> {
        stat(path.c_str()).map(|status| Self::of(&status))
    }
}

/// Opens an existing file, whose size is that of some semaphore, and tells the size.
pub(super) fn open_existing(path: &FilePath) -> Result<core::result::Result<(OwnedFd, usize), SemaphoreFault>> {
    // Nonblocking, since the name may stand for a fifo.
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match open(path.c_str(), flags, Mode::empty()) {
        Err(Errno::LOOP) => return Ok(Err(SemaphoreFault::SymbolicLink)),
        Err(Errno::ISDIR | Errno::NXIO) => return Ok(Err(SemaphoreFault::NotRegular)),
        file => file?,
    };
    let status = fstat(&file)?;
    if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        return Ok(Err(SemaphoreFault::NotRegular));
    }
    Ok(match status.st_size {
        16 => Ok((file, 16)),
        32 => Ok((file, 32)),
        _ => Err(SemaphoreFault::Size),
    })
}

/// The layout that a file's size and words show; the words beyond a short file are zero.
pub(super) fn detect(words: [u32; 8], size: usize, is_gnu_path: bool) -> Option<Abi> {
    match (words, size) {
        ([_, _, gnu64::SHARED, 0, 0, 0, 0, 0], 32) if is_gnu_path => Some(Abi::Gnu64),
        // As long as 64-bit semaphores are, it is none, and not one of musl's with 128 waiters.
        ([_, gnu32::SHARED, 0, _, 0, 0, 0, 0], _) if is_gnu_path => (size == 16).then_some(Abi::Gnu32),
        ([_, _, 0, 0, 0, 0, 0, 0], _) => Some(Abi::Musl),
        _ => None,
    }
}

/// The words of a new semaphore.
fn image(abi: Abi, value: u32) -> ([u32; 8], usize) {
    match abi {
        // The value is the low half of a 64-bit word.
        Abi::Gnu64 if cfg!(target_endian = "big") => ([0, value, gnu64::SHARED, 0, 0, 0, 0, 0], 8),
        Abi::Gnu64 => ([value, 0, gnu64::SHARED, 0, 0, 0, 0, 0], 8),
        Abi::Gnu32 => ([value << 1, gnu32::SHARED, 0, 0, 0, 0, 0, 0], 4),
        Abi::Musl => ([value, 0, 0, 0, 0, 0, 0, 0], size_of::<usize>()),
    }
}

/// Makes a whole semaphore and then gives it its name; EEXIST if the name is taken. At no moment does anybody see a
/// part of it, and a process killed meanwhile leaves nothing. It is mapped first too: once it has its name, nothing can
/// fail.
pub(super) fn create(path: &FilePath, abi: Abi, value: u32, mode: u32, exact_mode: bool) -> Result<(OwnedFd, Mapping)> {
    let mode = Mode::from_raw_mode(mode);
    match open(c"/dev/shm", OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, mode) {
        Ok(file) => {
            let mapping = fill(&file, abi, value, exact_mode.then_some(mode))?;
            match link_nameless(&file, path) {
                // Neither the right to link by descriptor nor /proc.
                Err(Errno::NOENT) => create_renamed(path, abi, value, mode, exact_mode),
                result => result.map(|()| (file, mapping)),
            }
        }
        // A file system without such files.
        Err(Errno::OPNOTSUPP | Errno::ISDIR) => create_renamed(path, abi, value, mode, exact_mode),
        Err(errno) => Err(errno),
    }
}

/// As [`create`], by a temporary name, which a process killed at the wrong moment leaves behind.
fn create_renamed(path: &FilePath, abi: Abi, value: u32, mode: Mode, exact_mode: bool) -> Result<(OwnedFd, Mapping)> {
    let temporary = FilePath::temporary()?;
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
    let file = open(temporary.c_str(), flags, mode)?;
    let result = fill(&file, abi, value, exact_mode.then_some(mode)).and_then(|mapping| {
        linkat(CWD, temporary.c_str(), CWD, path.c_str(), AtFlags::empty())?;
        Ok(mapping)
    });
    // The file is this call's own, so this cannot hit another's.
    let _ = unlink(temporary.c_str());
    result.map(|mapping| (file, mapping))
}

/// Makes a new file a semaphore and maps it.
fn fill(file: &OwnedFd, abi: Abi, value: u32, exact_mode: Option<Mode>) -> Result<Mapping> {
    let (words, count) = image(abi, value);
    let mut bytes = [0; 32];
    for (to, word) in bytes.chunks_exact_mut(4).zip(words) {
        to.copy_from_slice(&word.to_ne_bytes());
    }
    let bytes = bytes.get(..4 * count).unwrap_or(&bytes);
    if write(file, bytes)? != bytes.len() {
        return Err(Errno::NOSPC);
    }
    exact_mode.map_or(Ok(()), |mode| fchmod(file, mode))?;
    map(file)
}

/// Maps a file of a semaphore's size.
pub(super) fn map(file: &OwnedFd) -> Result<Mapping> {
    Mapping::new(file.as_fd(), SIZE)
}

/// Gives a nameless file its name: by its descriptor, which takes CAP_DAC_READ_SEARCH before Linux 6.10, else through
/// `/proc`.
fn link_nameless(file: &OwnedFd, path: &FilePath) -> Result<()> {
    match linkat(file.as_fd(), c"", CWD, path.c_str(), AtFlags::EMPTY_PATH) {
        Err(Errno::NOENT) => {
            let mut buffer = [0; 32];
            let link = descriptor_path(&mut buffer, file.as_raw_fd().cast_unsigned());
            linkat(CWD, link, CWD, path.c_str(), AtFlags::SYMLINK_FOLLOW)
        }
        result => result,
    }
}

/// `/proc/self/fd/N`.
fn descriptor_path(buffer: &mut [u8; 32], mut number: u32) -> &CStr {
    const START: &[u8] = b"/proc/self/fd/";
    let mut digits = [0; 10];
    let mut first = digits.len();
    loop {
        first -= 1;
        if let Some(digit) = digits.get_mut(first) {
            *digit = b'0' + (number % 10) as u8;
        }
        number /= 10;
        if number == 0 || first == 0 {
            break;
        }
    }
    for (to, from) in buffer.iter_mut().zip(START.iter().chain(digits.get(first..).unwrap_or_default())) {
        *to = *from;
    }
    CStr::from_bytes_until_nul(buffer).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_have_their_path() {
        for (number, path) in
            [(0, c"/proc/self/fd/0"), (73, c"/proc/self/fd/73"), (u32::MAX, c"/proc/self/fd/4294967295")]
        {
            assert_eq!(descriptor_path(&mut [0; 32], number), path);
        }
    }

    #[test]
    fn new_images_are_detected_as_what_they_are() {
        for abi in [Abi::Gnu64, Abi::Gnu32, Abi::Musl] {
            let (words, count) = image(abi, 5);
            assert_eq!(detect(words, 4 * count, abi != Abi::Musl), Some(abi));
        }
        assert_eq!(detect([1, 2, 3, 4, 5, 6, 7, 8], 32, true), None);
        assert_eq!(detect([0, 0, gnu64::SHARED, 0, 0, 0, 0, 0], 32, false), None);
        assert_eq!(detect([0, 0, gnu64::SHARED, 0, 0, 0, 0, 0], 16, true), None);
        assert_eq!(detect([0, gnu32::SHARED, 0, 0, 0, 0, 0, 0], 32, true), None);
    }

    #[test]
    fn names_are_cut_off_nowhere() {
        let name = std::format!("/{}", "x".repeat(252));
        let name = Name::new(name.as_str()).unwrap();
        assert!(FilePath::new(name, Abi::Gnu64).is_none());
        let path = FilePath::new(name, Abi::Musl).unwrap();
        assert_eq!(path.c_str().to_bytes().len(), "/dev/shm/".len() + 252);
        assert_eq!(FilePath::new(crate::name!("/a"), Abi::Gnu32).unwrap().c_str(), c"/dev/shm/sem.a");
    }
}
