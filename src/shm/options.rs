//! Opening and creating shared memory objects.

use rustix::fd::OwnedFd;
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::SharedMemory;
use super::object::{OFFSET_MAX, TOO_LARGE, cut, reserve};
use super::shortage::size_error;
use crate::creation::{MODE_BITS, create_unique, creation, open_or_create, ownership};
use crate::dev_shm::{self, Creation, FilePath, ObjectName};
use crate::error::{Argument, Cause, Error, Operation, Result};
use crate::name::Name;

/// How to open or create a shared memory object; made by [`SharedMemory::options`].
///
/// ```
/// use rawipc::{name, SharedMemory};
/// let frame = SharedMemory::options().write(true).create_new(true).size(1 << 16).exact_mode(0o640)
///     .unlink_on_drop(true).open(name!("/rawipc-doc-frame"))?;
/// assert_eq!((frame.size()?, frame.mode()?), (1 << 16, 0o640));
/// # Ok::<(), rawipc::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct SharedMemoryOptions {
    read: bool,
    write: bool,
    create: bool,
    create_new: bool,
    truncate: bool,
    size: u64,
    sparse: bool,
    mode: u32,
    exact_mode: bool,
    group: Option<u32>,
    unlink_on_drop: bool,
}

impl SharedMemoryOptions {
    pub(super) const fn new() -> Self {
        Self {
            read: false,
            write: false,
            create: false,
            create_new: false,
            truncate: false,
            size: 0,
            sparse: false,
            mode: 0o600,
            exact_mode: false,
            group: None,
            unlink_on_drop: false,
        }
    }

    /// Opens for reading. [`write`](Self::write) includes it.
    #[doc(alias = "O_RDONLY")]
    pub const fn read(self, read: bool) -> Self {
        Self { read, ..self }
    }

    /// Opens for reading and writing: memory cannot be mapped for writing alone.
    #[doc(alias = "O_RDWR")]
    pub const fn write(self, write: bool) -> Self {
        Self { write, ..self }
    }

    creation!("object");
    ownership!("shared memory object", "");

    /// Empties an object that exists and gives it the [`size`](Self::size) asked for, all zeros. Takes
    /// [`write`](Self::write). A process that has the old bytes mapped gets SIGBUS until they are there again.
    #[doc(alias = "O_TRUNC")]
    pub const fn truncate(self, truncate: bool) -> Self {
        Self { truncate, ..self }
    }

    /// Sets how many bytes an object created here has, all zero. Says nothing about one that exists: see
    /// [`SharedMemory::size`].
    pub const fn size(self, bytes: u64) -> Self {
        Self { size: bytes, ..self }
    }

    /// Leaves out reserving the space: memory is taken as it is touched, and touching it when there is none left raises
    /// SIGBUS.
    pub const fn sparse(self, sparse: bool) -> Self {
        Self { sparse, ..self }
    }

    /// Opens or creates the object of this name.
    ///
    /// Only regular files are opened, and no symbolic link is followed. An object that exists is never resized, emptied
    /// or removed, unless [`truncate`](Self::truncate) asks for it.
    ///
    /// Creation is atomic: the object has its size, its space, its mode and its group before any process can open it. A
    /// process killed meanwhile leaves nothing of this name (but perhaps a private one, as with
    /// [`NamedSemaphoreOptions::open`](crate::semaphore::NamedSemaphoreOptions::open)). However many processes open or
    /// create it at once, all get the same object.
    ///
    /// An object of 0 bytes is opened as it is, like any other. C programs make objects in two steps, so it may be one
    /// that its creator has not given a size yet; or a creator was killed between the two, as it could be with earlier
    /// versions of this crate. A program that finds one removes it by [`SharedMemory::unlink`] or gives it a size by
    /// [`truncate`](Self::truncate).
    ///
    /// # Errors
    /// | kind | when |
    /// |---|---|
    /// | [`NotFound`](crate::ErrorKind::NotFound) | no such object, and none is to be created |
    /// | [`AlreadyExists`](crate::ErrorKind::AlreadyExists) | with `create_new` |
    /// | [`PermissionDenied`](crate::ErrorKind::PermissionDenied) | the mode forbids it |
    /// | [`InvalidInput`](crate::ErrorKind::InvalidInput) | neither `read` nor `write`; creating or emptying without `write`; a mode beyond 0o777; a size beyond 2⁶³ − 1; the name stands for something else than a regular file |
    /// | [`LimitExceeded`](crate::ErrorKind::LimitExceeded) | `/dev/shm` is full or has no file left, the size is above RLIMIT_FSIZE, or no free descriptor |
    /// | [`Interrupted`](crate::ErrorKind::Interrupted) | signal handlers ran all the time while the space was reserved: 100 times in a row during parts of 64 KiB |
    /// | [`Unsupported`](crate::ErrorKind::Unsupported) | there is no `/dev/shm` to create it in |
    ///
    /// Nothing is created when it fails.
    ///
    /// # References
    /// [`shm_open(3)`](https://man7.org/linux/man-pages/man3/shm_open.3.html),
    /// [in POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/shm_open.html)
    #[doc(alias = "shm_open")]
    #[inline] // A program that never creates one is without the code for it then.
    pub fn open(&self, name: &Name) -> Result<SharedMemory> {
        if self.creates() || self.truncate { self.create_or_open(name) } else { self.open_as_it_is(name) }
    }

    fn open_as_it_is(&self, name: &Name) -> Result<SharedMemory> {
        self.check()?;
        let descriptor = self.open_file(&self.path(name)?)?;
        Ok(SharedMemory::from_parts(descriptor, Some(ObjectName::kept(name))))
    }

    fn create_or_open(&self, name: &Name) -> Result<SharedMemory> {
        self.create_or_open_with(name, &|_| Ok(())).map(|(memory, _)| memory)
    }

    /// Creates or opens it, and whether it has created it; what is created is made ready before any other process can
    /// open it.
    pub(super) fn create_or_open_with(
        &self,
        name: &Name,
        make_ready: &dyn Fn(&SharedMemory) -> Result<()>,
    ) -> Result<(SharedMemory, bool)> {
        self.check()?;
        let path = self.path(name)?;
        let open = || match self.open_existing(name, &path) {
            // It is no directory that it could be created in either.
            Err(error) if error.errno() == Errno::NOTDIR && self.create => Err(self.failed(Errno::NOTDIR)),
            result => Ok((result?, false)),
        };
        let create = || Ok((self.create_at(name, &path, make_ready)?, true));
        if self.create_new {
            return create();
        }
        open_or_create(self.create, open, create)
    }

    /// Creates an object under a name that is not in use: the prefix and 16 random characters. [`SharedMemory::name`]
    /// returns it.
    ///
    /// # Errors
    /// Those of [`open`](Self::open); [`InvalidName`](crate::ErrorKind::InvalidName) if more than 239 bytes follow the
    /// prefix's slash.
    pub fn create_unique(&self, prefix: &Name) -> Result<SharedMemory> {
        let options = self.create_new(true);
        options.check()?;
        create_unique(prefix, Operation::CreateMemory, |name| options.open(name.name()))
    }

    fn creates(&self) -> bool {
        self.create || self.create_new
    }

    fn check(&self) -> Result<()> {
        let refuse = |argument, value| Err(Error::argument(self.operation(), argument, value));
        if !self.read && !self.write {
            return refuse(Argument::NoAccess, 0);
        }
        if !self.write && (self.creates() || self.truncate) {
            return refuse(Argument::ReadOnlyCreation, 0);
        }
        if self.mode & !MODE_BITS != 0 {
            return refuse(Argument::Mode, self.mode);
        }
        Ok(())
    }

    fn operation(&self) -> Operation {
        if self.creates() { Operation::CreateMemory } else { Operation::OpenMemory }
    }

    fn system(&self, errno: Errno) -> Error {
        Error::system(self.operation(), errno)
    }

    fn path(&self, name: &Name) -> Result<FilePath> {
        FilePath::new(name, b"").ok_or(self.system(Errno::NAMETOOLONG))
    }

    fn open_file(&self, path: &FilePath) -> Result<OwnedFd> {
        let access = if self.write { OFlags::RDWR } else { OFlags::RDONLY };
        dev_shm::open_regular(path, access)
            .map_err(|errno| self.system(errno))?
            .map_err(|_| Error::argument(self.operation(), Argument::NotMemory, 0))
    }

    fn open_existing(&self, name: &Name, path: &FilePath) -> Result<SharedMemory> {
        let descriptor = self.open_file(path)?;
        if self.truncate {
            // Nothing is emptied for a size that cannot be.
            if self.size > OFFSET_MAX {
                return Err(self.failed(TOO_LARGE));
            }
            cut(&descriptor, 0).and_then(|()| self.fill(&descriptor)).map_err(|errno| self.failed(errno))?;
        }
        Ok(SharedMemory::from_parts(descriptor, Some(ObjectName::kept(name))))
    }

    fn create_at(
        &self,
        name: &Name,
        path: &FilePath,
        make_ready: &dyn Fn(&SharedMemory) -> Result<()>,
    ) -> Result<SharedMemory> {
        let creation = Creation {
            prefix: b"",
            mode: self.mode,
            exact_mode: self.exact_mode,
            group: self.group,
            unlink_on_drop: self.unlink_on_drop,
        };
        let failed = |errno| self.failed(errno);
        let (mut memory, name) = dev_shm::create_whole(name, path, &creation, failed, |file, _| {
            self.fill(&file).map_err(failed)?;
            let memory = SharedMemory::created(file, None, self.size);
            make_ready(&memory)?;
            Ok(memory)
        })?;
        memory.set_name(name);
        Ok(memory)
    }

    /// Gives an empty object its size.
    fn fill(&self, descriptor: &OwnedFd) -> rustix::io::Result<()> {
        if self.sparse { cut(descriptor, self.size) } else { reserve(descriptor, 0, self.size) }
    }

    fn failed(&self, errno: Errno) -> Error {
        match errno {
            Errno::NOENT | Errno::NOTDIR => Error::caused(self.operation(), errno, Cause::NoDevShm),
            errno => size_error(self.operation(), errno, self.size),
        }
    }
}
