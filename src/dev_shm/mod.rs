//! Files in `/dev/shm`: where named semaphores and shared memory objects lie, and who removes their names.

mod object_name;

pub(crate) use object_name::ObjectName;

use core::ffi::CStr;

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, RenameFlags, Stat, fchmod, fchown, fstat, linkat, open, renameat_with,
    statat, unlink,
};
use rustix::io::{Errno, Result};

use crate::creation::random_suffix;
use crate::error::{self, Error};
use crate::inline_cstr::InlineCStr;
use crate::name::{Name, OwnedName};

const DIRECTORY: &[u8] = b"/dev/shm/";

/// The path of an object's file.
#[derive(Clone, Copy)]
pub(crate) struct FilePath(InlineCStr<{ DIRECTORY.len() + Name::MAX_LEN + 1 }>);

impl FilePath {
    /// Of a name, whose file is called so with a prefix; `None` if that is too long for a file.
    pub(crate) fn new(name: &Name, prefix: &[u8]) -> Option<Self> {
        let name = name.as_bytes().get(1..)?;
        let fits = prefix.len() + name.len() <= Name::MAX_LEN;
        fits.then(|| Self(InlineCStr::joined(&[DIRECTORY, prefix, name])))
    }

    pub(crate) fn c_str(&self) -> &CStr {
        self.0.c_str()
    }

    /// The name of the object that would lie there, if files of its kind have this prefix.
    pub(crate) fn name(&self, prefix: &[u8]) -> Option<OwnedName> {
        OwnedName::of_file(self.0.as_bytes().get(DIRECTORY.len()..)?.strip_prefix(prefix)?)
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

/// What a new object is to be like, whatever its kind.
pub(crate) struct Creation {
    /// What comes before the object's name in its file's.
    pub(crate) prefix: &'static [u8],
    pub(crate) mode: u32,
    pub(crate) exact_mode: bool,
    pub(crate) group: Option<u32>,
    pub(crate) unlink_on_drop: bool,
}

/// Makes a file whole, as `try_send_all` does it, and then gives it its name; EEXIST if the name is taken.
///
/// No process ever sees a part of it under its name, and a process that is killed meanwhile leaves nothing there. What
/// `fill` gets ready is ready too: once the file has its name, nothing can fail.
///
/// The file has no name until it is whole. Where the system knows no such files, or a security module refuses them or
/// their links, it has a private name, which `fill` gets: a process killed at the wrong moment leaves that behind.
pub(crate) fn create_whole<T: AsFd>(
    name: &Name,
    path: &FilePath,
    creation: &Creation,
    failed: impl Fn(Errno) -> Error,
    fill: impl Fn(OwnedFd, Option<&FilePath>) -> error::Result<T>,
) -> error::Result<(T, ObjectName)> {
    let mut draft = Draft { private: None, file: None };
    loop {
        let file = draft.begin(path, creation).map_err(&failed)?;
        match fill(file, draft.private.as_ref()) {
            Ok(whole) => match draft.publish(whole.as_fd(), path) {
                Ok(true) => return Ok((whole, draft.object_name(name, creation))),
                Ok(false) => {}
                Err(errno) => return Err(failed(errno)),
            },
            // Without `/proc` there is no other way to the file than a name.
            Err(error) if draft.private.is_none() && error.errno() == Errno::NOENT => {}
            Err(error) => return Err(error),
        }
        draft.private = Some(private_path(path, creation).map_err(&failed)?);
    }
}

/// A file that has not its name yet.
struct Draft {
    /// The name that it has meanwhile, which is removed with this; or it has none.
    private: Option<FilePath>,
    /// Which file it is, if that is to be known.
    file: Option<Identity>,
}

impl Draft {
    /// Makes the file, empty.
    fn begin(&mut self, path: &FilePath, creation: &Creation) -> Result<OwnedFd> {
        let mode = Mode::from_raw_mode(creation.mode);
        let file = if self.private.is_some() {
            self.create_private(mode)
        } else {
            match open(c"/dev/shm", OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, mode) {
                // If it is the directory that may not be written to, the next attempt will tell.
                Err(errno) if is_refusal(errno) => {
                    self.private = Some(private_path(path, creation)?);
                    self.create_private(mode)
                }
                file => file,
            }
        }?;
        if let Some(group) = creation.group {
            set_group(&file, group)?;
        }
        if creation.exact_mode {
            fchmod(&file, mode)?;
        }
        if creation.unlink_on_drop {
            self.file = Some(Identity::of_file(&file)?);
        }
        Ok(file)
    }

    #[cold]
    #[inline(never)]
    fn create_private(&mut self, mode: Mode) -> Result<OwnedFd> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
        let path = self.private.take().ok_or(Errno::NOENT)?;
        let file = open(path.c_str(), flags, mode)?;
        // From now on it is this call's own, so removing it cannot hit another's.
        self.private = Some(path);
        Ok(file)
    }

    /// Gives the file its name; `false` if a file without a name cannot be given one.
    fn publish(&mut self, file: BorrowedFd<'_>, path: &FilePath) -> Result<bool> {
        if self.private.is_some() {
            return self.rename(path).map(|()| true);
        }
        match link_nameless(file, path) {
            Err(errno) if errno == Errno::NOENT || is_refusal(errno) => Ok(false),
            linked => linked.map(|()| true),
        }
    }

    #[cold]
    #[inline(never)]
    fn rename(&mut self, path: &FilePath) -> Result<()> {
        let Some(private) = self.private.as_ref() else { return Ok(()) };
        match renameat_with(CWD, private.c_str(), CWD, path.c_str(), RenameFlags::NOREPLACE) {
            Ok(()) => self.private = None,
            // Linux before 3.15 and some file systems do not know it. The private name is removed with the draft.
            Err(errno) if is_refusal(errno) => linkat(CWD, private.c_str(), CWD, path.c_str(), AtFlags::empty())?,
            Err(errno) => return Err(errno),
        }
        Ok(())
    }

    fn object_name(&self, name: &Name, creation: &Creation) -> ObjectName {
        self.file
            .map_or_else(|| ObjectName::kept(name), |file| ObjectName::removed_on_drop(name, creation.prefix, file))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(private) = &self.private {
            // A drop cannot report it.
            let _ = unlink(private.c_str());
        }
    }
}

/// Returns `true` if a call is not known, not known for this file system, or not permitted; so that another one may be.
fn is_refusal(errno: Errno) -> bool {
    matches!(errno, Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOSYS | Errno::ACCESS | Errno::PERM)
}

/// A name that is not in use. It begins as the object's own name does, so that a security module's profile that
/// allows all names of this beginning allows it too.
#[cold]
#[inline(never)]
fn private_path(path: &FilePath, creation: &Creation) -> Result<FilePath> {
    const MARK: &[u8] = b".rawipc-";
    let suffix = random_suffix()?;
    let file = path.0.as_bytes().get(DIRECTORY.len()..).unwrap_or_default();
    let most = Name::MAX_LEN - MARK.len() - suffix.len();
    let start = file.get(..most).unwrap_or(file);
    debug_assert!(start.starts_with(creation.prefix));
    Ok(FilePath(InlineCStr::joined(&[DIRECTORY, start, MARK, &suffix])))
}

/// Gives a new file to a group.
#[cold]
#[inline(never)]
pub(crate) fn set_group(file: impl AsFd, group: u32) -> Result<()> {
    // To the kernel this number means that the group stays.
    if group == u32::MAX { Err(Errno::INVAL) } else { fchown(file, None, Some(Gid::from_raw(group))) }
}

/// Gives a nameless file its name: by its descriptor, which takes CAP_DAC_READ_SEARCH before Linux 6.10, else through
/// `/proc`.
fn link_nameless(file: BorrowedFd<'_>, path: &FilePath) -> Result<()> {
    match linkat(file, c"", CWD, path.c_str(), AtFlags::EMPTY_PATH) {
        Err(errno) if errno == Errno::NOENT || is_refusal(errno) => {
            linkat(CWD, DescriptorPath::new(file).c_str(), CWD, path.c_str(), AtFlags::SYMLINK_FOLLOW)
        }
        result => result,
    }
}

/// `/proc/self/fd/N`: a path to what a descriptor is open for.
pub(crate) struct DescriptorPath(InlineCStr<32>);

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
        Self(InlineCStr::joined(&[START, digits.get(first..).unwrap_or_default()]))
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

    fn of_path(path: &FilePath) -> Result<Self> {
        statat(CWD, path.c_str(), AtFlags::SYMLINK_NOFOLLOW).map(|status| Self::of(&status))
    }

    pub(crate) fn of(status: &Stat) -> Self {
        Self { device: status.st_dev, inode: status.st_ino }
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
        assert_eq!(FilePath::new(crate::name::name!("/a"), b"sem.").unwrap().c_str(), c"/dev/shm/sem.a");
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
