//! Opening and creating named semaphores.

use rustix::fs::unlink;
use rustix::io::Errno;

use super::abi::Abi;
use super::file::{self, GNU_NAME_MAX, prefix};
use super::named::NamedSemaphore;
use super::protocol::VALUE_MAX;
use crate::devshm::{FilePath, Identity, ObjectName};
use crate::error::{Argument, Cause, Error, ErrorKind, NameFault, Operation, Result, SemaphoreFault};
use crate::futex::Tuning;
use crate::name::Name;
use crate::open::{MODE_BITS, RACES, create_unique, creation, ownership};

/// How to open or create a named semaphore; made by [`NamedSemaphore::options`].
///
/// ```
/// use rawipc::{NamedSemaphore, name};
/// let slots = NamedSemaphore::options().create_new(true).initial_value(4).exact_mode(0o660)
///     .unlink_on_drop(true).open(name!("/rawipc-doc-slots"))?;
/// assert_eq!(slots.value(), 4);
/// # Ok::<(), rawipc::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct NamedSemaphoreOptions {
    create: bool,
    create_new: bool,
    initial_value: u32,
    mode: u32,
    exact_mode: bool,
    abi: Option<Abi>,
    tuning: Tuning,
    unlink_on_drop: bool,
}

impl NamedSemaphoreOptions {
    pub(super) const fn new() -> Self {
        Self {
            create: false,
            create_new: false,
            initial_value: 0,
            mode: 0o600,
            exact_mode: false,
            abi: None,
            tuning: Tuning::DEFAULT,
            unlink_on_drop: false,
        }
    }

    creation!("semaphore");
    ownership!("semaphore", "Using one takes the right to read and to write.");

    /// The value of a semaphore created here, 0 to 2³¹ − 1. Default 0.
    pub const fn initial_value(self, value: u32) -> Self {
        Self { initial_value: value, ..self }
    }

    /// The layout to create, or to insist on when opening. Default: create the target's own C library's, open any.
    pub const fn abi(self, abi: Abi) -> Self {
        Self { abi: Some(abi), ..self }
    }

    /// How waits of this handle spin and sleep.
    pub const fn tuning(self, tuning: Tuning) -> Self {
        Self { tuning, ..self }
    }

    /// Opens or creates the semaphore of this name.
    ///
    /// Without [`abi`](Self::abi), an existing one is looked for first where the target's own C library keeps it, then
    /// where the other one does. Creation is atomic: nobody sees a half-made semaphore, and a process killed meanwhile
    /// leaves nothing (but for a file `sem.rawipc-*` where `/dev/shm` cannot hold files without a name).
    ///
    /// # Errors
    /// | kind | when |
    /// |---|---|
    /// | [`NotFound`](ErrorKind::NotFound) | no such semaphore, and none is to be created |
    /// | [`AlreadyExists`](ErrorKind::AlreadyExists) | with `create_new` |
    /// | [`PermissionDenied`](ErrorKind::PermissionDenied) | the mode forbids it |
    /// | [`InvalidName`](ErrorKind::InvalidName) | more than 251 bytes follow the slash, for glibc's |
    /// | [`InvalidInput`](ErrorKind::InvalidInput) | a value above the maximum; a mode beyond 0o777 |
    /// | [`Malformed`](ErrorKind::Malformed) | the file of this name is no semaphore, or not of the layout asked for; it is left as it is |
    /// | [`LimitExceeded`](ErrorKind::LimitExceeded) | no free descriptor, or `/dev/shm` is full |
    /// | [`Unsupported`](ErrorKind::Unsupported) | there is no `/dev/shm`; or the layout needs 64-bit atomics that this machine lacks |
    ///
    /// # References
    /// [`sem_open(3)`](https://man7.org/linux/man-pages/man3/sem_open.3.html),
    /// [in POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/sem_open.html)
    #[doc(alias = "sem_open")]
    #[inline] // A program that never creates one is without the code for it then.
    pub fn open(&self, name: &Name) -> Result<NamedSemaphore> {
        if self.create || self.create_new { self.create_or_open(name) } else { self.open_existing(name) }
    }

    fn open_existing(&self, name: &Name) -> Result<NamedSemaphore> {
        self.check()?;
        self.open_any(name, &self.path(name, self.abi.unwrap_or(Abi::NATIVE))?)
    }

    fn create_or_open(&self, name: &Name) -> Result<NamedSemaphore> {
        self.check()?;
        let path = self.path(name, self.abi.unwrap_or(Abi::NATIVE))?;
        let mut races = 0;
        loop {
            if !self.create_new {
                match self.open_any(name, &path) {
                    Err(error) if error.errno() == Errno::NOENT && self.create => {}
                    result => return result,
                }
            }
            match self.create_at(name, &path) {
                Err(error) if error.errno() == Errno::EXIST && !self.create_new && races < RACES => races += 1,
                result => return result,
            }
        }
    }

    /// Creates a semaphore of a name that nobody has: the prefix and 16 random characters. [`NamedSemaphore::name`]
    /// tells it.
    ///
    /// # Errors
    /// Those of [`open`](Self::open); [`InvalidName`](ErrorKind::InvalidName) if the prefix leaves no room.
    pub fn create_unique(&self, prefix: &Name) -> Result<NamedSemaphore> {
        // It creates, whether that was chosen or not, and its errors say so.
        let options = self.create_new(true);
        options.check()?;
        create_unique(prefix, options.operation(), |name| {
            let path = options.path(name.name(), self.abi.unwrap_or(Abi::NATIVE))?;
            options.create_at(name.name(), &path)
        })
    }

    /// Removes a semaphore's name, in the place where the C library of the [`abi`](Self::abi) keeps it.
    ///
    /// # Errors
    /// Those of [`NamedSemaphore::unlink`].
    pub fn unlink(&self, name: &Name) -> Result<()> {
        let path = self.path(name, self.abi.unwrap_or(Abi::NATIVE))?;
        unlink(path.c_str()).map_err(|errno| Error::system(Operation::UnlinkSemaphore, errno))
    }

    fn check(&self) -> Result<()> {
        if self.mode & !MODE_BITS != 0 {
            return Err(Error::argument(self.operation(), Argument::Mode, self.mode));
        }
        if self.initial_value > VALUE_MAX {
            return Err(Error::argument(self.operation(), Argument::SemaphoreValue, self.initial_value));
        }
        if cfg!(not(target_has_atomic = "64")) && self.abi == Some(Abi::Gnu64) {
            return Err(self.fault(SemaphoreFault::NeedsWideAtomics));
        }
        Ok(())
    }

    fn operation(&self) -> Operation {
        if self.create || self.create_new { Operation::CreateSemaphore } else { Operation::OpenSemaphore }
    }

    fn path(&self, name: &Name, abi: Abi) -> Result<FilePath> {
        FilePath::new(name, prefix(abi)).ok_or_else(|| {
            let length = name.as_bytes().len() - 1;
            let fault = NameFault::LongerThan(GNU_NAME_MAX as u8);
            Error::caused(self.operation(), Errno::NAMETOOLONG, Cause::Name(fault, length as u32))
        })
    }

    /// Opens what is there: in the one place where it must be, or in both where it may be.
    fn open_any(&self, name: &Name, path: &FilePath) -> Result<NamedSemaphore> {
        let is_gnu_path = self.abi.unwrap_or(Abi::NATIVE) != Abi::Musl;
        let result = self.open_at(name, path, is_gnu_path);
        let Err(error) = result else { return result };
        if self.abi.is_some() || error.errno() != Errno::NOENT {
            return Err(error);
        }
        let other = if is_gnu_path { Abi::Musl } else { Abi::Gnu64 };
        let Some(path) = FilePath::new(name, prefix(other)) else { return Err(error) };
        match self.open_at(name, &path, !is_gnu_path) {
            // Whatever else bears the name there, shared memory perhaps, is not what was asked for.
            Err(other) if other.kind() == ErrorKind::Malformed => Err(error),
            result => result,
        }
    }

    fn open_at(&self, name: &Name, path: &FilePath, is_gnu_path: bool) -> Result<NamedSemaphore> {
        let system = |errno| Error::system(self.operation(), errno);
        let found = file::open_existing(path).map_err(system)?.map_err(|fault| self.fault(fault))?;
        let abi = found.abi(is_gnu_path).ok_or_else(|| self.fault(SemaphoreFault::Content))?;
        if abi == Abi::Gnu64 && cfg!(not(target_has_atomic = "64")) {
            return Err(self.fault(SemaphoreFault::NeedsWideAtomics));
        }
        if self.abi.is_some_and(|asked| asked != abi) {
            return Err(self.fault(match abi {
                Abi::Gnu64 => SemaphoreFault::IsGnu64,
                Abi::Gnu32 => SemaphoreFault::IsGnu32,
                Abi::Musl => SemaphoreFault::IsMusl,
            }));
        }
        let mapping = file::map(&found.file).map_err(system)?;
        Ok(NamedSemaphore::new(mapping, abi, self.tuning, ObjectName::kept(name)))
    }

    fn create_at(&self, name: &Name, path: &FilePath) -> Result<NamedSemaphore> {
        let abi = self.abi.unwrap_or(Abi::NATIVE);
        let operation = Operation::CreateSemaphore;
        let system = |errno| match errno {
            Errno::NOENT | Errno::NOTDIR => Error::caused(operation, errno, Cause::NoDevShm),
            Errno::NOSPC => Error::caused(operation, errno, Cause::DevShmFull),
            errno => Error::system(operation, errno),
        };
        let created = file::create(path, abi, self.initial_value, self.mode, self.exact_mode);
        let (file, mapping) = created.map_err(system)?;
        let name = if self.unlink_on_drop {
            let identity = Identity::of_file(&file).map_err(|errno| {
                // What was created a moment ago is of no use to anybody; if this fails there is nobody to tell.
                let _ = unlink(path.c_str());
                system(errno)
            });
            ObjectName::removed_on_drop(name, prefix(abi), identity?)
        } else {
            ObjectName::kept(name)
        };
        Ok(NamedSemaphore::new(mapping, abi, self.tuning, name))
    }

    fn fault(&self, fault: SemaphoreFault) -> Error {
        Error::caused(self.operation(), Errno::INVAL, Cause::SemaphoreFile(fault))
    }
}
