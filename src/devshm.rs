//! Files in `/dev/shm`: where named semaphores and shared memory objects lie, and who removes their names.

use core::ffi::CStr;

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fchmod, fstat, linkat, open, statat, unlink};
use rustix::io::{Errno, Result};

use crate::name::{NAME_MAX, Name, OwnedName};
use crate::open::{Creator, random_suffix};
use crate::text::Text;

const DIRECTORY: &[u8] = b"/dev/shm/";

/// The path of an object's file.
#[derive(Clone, Copy)]
pub(crate) struct FilePath(Text<{ DIRECTORY.len() + NAME_MAX + 1 }>);

impl FilePath {
    /// Of a name, whose file is called so with a prefix; `None` if that is too long for a file.
    pub(crate) fn new(name: &Name, prefix: &[u8]) -> Option<Self> {
        Self::joined(prefix, name.as_bytes().get(1..)?)
    }

    /// Of a file called by these parts, which hold no slash and no NUL.
    pub(crate) fn joined(start: &[u8], end: &[u8]) -> Option<Self> {
        let fits = start.len() + end.len() <= NAME_MAX;
        fits.then(|| Self(Text::joined(&[DIRECTORY, start, end])))
    }

    pub(crate) fn c_str(&self) -> &CStr {
        self.0.c_str()
    }
}

/// Opens an existing file, which may be anything that has bytes: never through a symbolic link, and without waiting for
/// a fifo's other end. The inner error is for what has none.
pub(crate) fn open_file(path: &FilePath, access: OFlags) -> Result<core::result::Result<OwnedFd, Unfit>> {
    match open(path.c_str(), access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()) {
        Err(Errno::LOOP) => Ok(Err(Unfit::SymbolicLink)),
        Err(Errno::ISDIR | Errno::NXIO) => Ok(Err(Unfit::NotRegular)),
        file => file.map(Ok),
    }
}

/// Opens an existing file and makes sure that it is a regular one.
pub(crate) fn open_regular(path: &FilePath, access: OFlags) -> Result<core::result::Result<OwnedFd, Unfit>> {
    let file = match open_file(path, access)? {
        Ok(file) => file,
        unfit => return Ok(unfit),
    };
    let kind = FileType::from_raw_mode(fstat(&file)?.st_mode);
    Ok(if kind == FileType::RegularFile { Ok(file) } else { Err(Unfit::NotRegular) })
}

/// Why a file is no object.
#[derive(Clone, Copy)]
pub(crate) enum Unfit {
    SymbolicLink,
    NotRegular,
}

/// Makes a file whole, as `fill` does it, and then gives it its name; EEXIST if the name is taken. At no moment does
/// anybody see a part of it, and a process killed meanwhile leaves nothing. What `fill` gets ready is ready too: once
/// the file has its name, nothing can fail.
pub(crate) fn create_whole<T>(
    path: &FilePath,
    mode: u32,
    exact_mode: bool,
    fill: impl Fn(&OwnedFd) -> Result<T>,
) -> Result<(OwnedFd, T)> {
    let mode = Mode::from_raw_mode(mode);
    let finish = |file: &OwnedFd| {
        if exact_mode {
            fchmod(file, mode)?;
        }
        fill(file)
    };
    match open(c"/dev/shm", OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, mode) {
        Ok(file) => {
            let result = finish(&file)?;
            match link_nameless(&file, path) {
                // Neither the right to link by descriptor nor /proc.
                Err(Errno::NOENT) => create_renamed(path, mode, finish),
                linked => linked.map(|()| (file, result)),
            }
        }
        // A file system without such files.
        Err(Errno::OPNOTSUPP | Errno::ISDIR) => create_renamed(path, mode, finish),
        Err(errno) => Err(errno),
    }
}

/// As [`create_whole`], by a temporary name, which a process killed at the wrong moment leaves behind.
fn create_renamed<T>(path: &FilePath, mode: Mode, finish: impl Fn(&OwnedFd) -> Result<T>) -> Result<(OwnedFd, T)> {
    let temporary = FilePath::joined(b"sem.rawipc-", &random_suffix()?).ok_or(Errno::NAMETOOLONG)?;
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
    let file = open(temporary.c_str(), flags, mode)?;
    let result = finish(&file).and_then(|result| {
        linkat(CWD, temporary.c_str(), CWD, path.c_str(), AtFlags::empty())?;
        Ok(result)
    });
    // The file is this call's own, so this cannot hit another's.
    let _ = unlink(temporary.c_str());
    result.map(|result| (file, result))
}

/// Gives a nameless file its name: by its descriptor, which takes CAP_DAC_READ_SEARCH before Linux 6.10, else through
/// `/proc`.
fn link_nameless(file: &OwnedFd, path: &FilePath) -> Result<()> {
    match linkat(file.as_fd(), c"", CWD, path.c_str(), AtFlags::EMPTY_PATH) {
        Err(Errno::NOENT) => {
            linkat(CWD, DescriptorPath::new(file.as_fd()).c_str(), CWD, path.c_str(), AtFlags::SYMLINK_FOLLOW)
        }
        result => result,
    }
}

/// `/proc/self/fd/N`: a path to what a descriptor is open for.
pub(crate) struct DescriptorPath(Text<32>);

impl DescriptorPath {
    pub(crate) fn new(descriptor: BorrowedFd<'_>) -> Self {
        Self::of_number(descriptor.as_raw_fd())
    }

    fn of_number(descriptor: RawFd) -> Self {
        const START: &[u8] = b"/proc/self/fd/";
        let mut number = descriptor.cast_unsigned();
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
        Self(Text::joined(&[START, digits.get(first..).unwrap_or_default()]))
    }

    pub(crate) fn c_str(&self) -> &CStr {
        self.0.c_str()
    }
}

/// Which file it is, whatever its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    pub(crate) fn of_file(file: impl AsFd) -> Result<Self> {
        fstat(file).map(|status| Self::of(&status))
    }

    /// In letters: the same for the same file, and for no other one.
    pub(crate) fn digits(self) -> [u8; 32] {
        let number = u128::from(self.device) << 64 | u128::from(self.inode);
        core::array::from_fn(|place| match (number >> (124 - 4 * place)) as u8 & 15 {
            digit @ 0..=9 => b'0' + digit,
            digit => b'a' - 10 + digit,
        })
    }

    fn of_path(path: &FilePath) -> Result<Self> {
        statat(CWD, path.c_str(), AtFlags::SYMLINK_NOFOLLOW).map(|status| Self::of(&status))
    }

    fn of(status: &Stat) -> Self {
        Self { device: status.st_dev, inode: status.st_ino }
    }
}

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
        // There is nobody to tell; `close` reports it.
        let _ = self.remove();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_off_nowhere() {
        let name = std::format!("/{}", "x".repeat(252));
        let name = Name::new(name.as_str()).unwrap();
        assert!(FilePath::new(name, b"sem.").is_none());
        let path = FilePath::new(name, b"").unwrap();
        assert_eq!(path.c_str().to_bytes().len(), "/dev/shm/".len() + 252);
        assert_eq!(FilePath::new(crate::name!("/a"), b"sem.").unwrap().c_str(), c"/dev/shm/sem.a");
    }

    #[test]
    fn descriptors_have_their_path() {
        for (number, path) in
            [(0, c"/proc/self/fd/0"), (73, c"/proc/self/fd/73"), (i32::MAX, c"/proc/self/fd/2147483647")]
        {
            assert_eq!(DescriptorPath::of_number(number).c_str(), path);
        }
    }
}
