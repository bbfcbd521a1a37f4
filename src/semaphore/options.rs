//! Opening and creating named semaphores.

use rustix::fs::{OFlags, unlink};
use rustix::io::Errno;

use super::abi::Abi;
use super::file::{self, GNU_NAME_MAX, prefix};
use super::named::NamedSemaphore;
use super::protocol::VALUE_MAX;
use crate::creation::{MODE_BITS, create_unique, creation, open_or_create, ownership};
use crate::dev_shm::{Creation, FilePath, Identity, ObjectName, create_whole};
use crate::error::{Argument, Cause, Error, NameFault, Operation, Result, SemaphoreFault};
use crate::futex::WaitTuning;
use crate::name::Name;
use crate::shm::size_error;

/// How to open or create a named semaphore; made by [`NamedSemaphore::options`].
///
/// ```
/// use rawipc::{name, NamedSemaphore};
/// let slots = NamedSemaphore::options().create_new(true).initial_value(4).exact_mode(0o660)
///     .unlink_on_drop(true).open(name!("/rawipc-doc-slots"))?;
/// assert_eq!(slots.value(), 4);
/// # Ok::<(), rawipc::Error>(())
/// ```
///
/// A semaphore that serves as a lock must not have both `create(true)` and `unlink_on_drop(true)`: when its creator
/// ends, the name goes although another process holds the token, and the next one creates a second semaphore with a
/// token of its own. Leave the name, or let one process create it that outlives the others.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct NamedSemaphoreOptions {
    create: bool,
    create_new: bool,
    initial_value: u32,
    mode: u32,
    exact_mode: bool,
    group: Option<u32>,
    abi: Option<Abi>,
    tuning: WaitTuning,
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
            group: None,
            abi: None,
            tuning: WaitTuning::DEFAULT,
            unlink_on_drop: false,
        }
    }

    creation!("semaphore");
    ownership!("semaphore", "Using one takes the right to read and to write.");

    /// Sets the value of a semaphore created here, 0 to 2³¹ − 1. Default 0.
    pub const fn initial_value(self, value: u32) -> Self {
        Self { initial_value: value, ..self }
    }

    /// Chooses the C library whose semaphore it is: the layout to create, or to insist on when opening, and the place
    /// to look in.
    ///
    /// Default: that of [the machine's C library](Abi::of_machine); of glibc's two layouts, opening takes either. What
    /// lies in the other library's place is not opened, and nothing is created beside it: such an error names that
    /// library. Once a layout is given here, the other library's place does not matter.
    pub const fn abi(self, abi: Abi) -> Self {
        Self { abi: Some(abi), ..self }
    }

    /// Sets how waits of this handle spin and sleep.
    pub const fn tuning(self, tuning: WaitTuning) -> Self {
        Self { tuning, ..self }
    }

    /// Opens or creates the semaphore of this name.
    ///
    /// It is looked for where the [machine's C library](Abi::of_machine) keeps it, or that of the [`abi`](Self::abi)
    /// asked for. Creation is atomic: no process sees a half-made semaphore, and a process killed meanwhile leaves
    /// nothing of this name. However many processes open or create it at once, all get the same one.
    ///
    /// A semaphore of glibc's and shared memory of the same name never meet. musl keeps both in one place and marks
    /// neither: there, shared memory of 16 or 32 bytes passes for a semaphore, as it does for musl itself, unless its
    /// third 32-bit word is not 0.
    ///
    /// Creating one looks into the other library's place first, and fails if a semaphore has this name there that is
    /// marked as one: glibc's are, and musl's that this crate has created. One that a program of musl's has created
    /// cannot be distinguished from shared memory, and is passed over; so is one that is created in the same moment.
    ///
    /// Where files without a name are not known or not permitted, a file `NAME.rawipc-` with 16 random characters is
    /// there while it is made. A process killed in that moment leaves it, for `rawipc list` to show and for
    /// [`unlink`](Self::unlink) to remove.
    ///
    /// # Errors
    /// | kind | when |
    /// |---|---|
    /// | [`NotFound`](crate::ErrorKind::NotFound) | no such semaphore, and none is to be created; the error says if the other C library has one |
    /// | [`AlreadyExists`](crate::ErrorKind::AlreadyExists) | with `create_new`; or the other C library has one of this name, and no [`abi`](Self::abi) was asked for |
    /// | [`PermissionDenied`](crate::ErrorKind::PermissionDenied) | the mode forbids it |
    /// | [`InvalidName`](crate::ErrorKind::InvalidName) | more than 251 bytes follow the slash, for glibc's |
    /// | [`InvalidInput`](crate::ErrorKind::InvalidInput) | a value above the maximum; a mode beyond 0o777 |
    /// | [`Malformed`](crate::ErrorKind::Malformed) | the file of this name is no semaphore, or not of the layout asked for; it is left as it is |
    /// | [`LimitExceeded`](crate::ErrorKind::LimitExceeded) | no free descriptor, or `/dev/shm` is full |
    /// | [`Unsupported`](crate::ErrorKind::Unsupported) | there is no `/dev/shm`; or the layout needs 64-bit atomics that this machine lacks |
    ///
    /// # References
    /// [`sem_open(3)`](https://man7.org/linux/man-pages/man3/sem_open.3.html),
    /// [in POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/sem_open.html)
    #[doc(alias = "sem_open")]
    #[inline(always)] // What a program never asks for, creating or finding out the layout, it has no code for then.
    pub fn open(&self, name: &Name) -> Result<NamedSemaphore> {
        match (self.abi, self.create || self.create_new) {
            (Some(abi), false) => self.open_existing(name, abi),
            (Some(abi), true) => self.create_or_open(name, abi, || Ok(())),
            (None, false) => self.open_default(name),
            (None, true) => {
                let abi = Abi::of_machine();
                self.create_or_open(name, abi, || self.look_beside(name, abi, Errno::EXIST))
            }
        }
    }

    fn open_default(&self, name: &Name) -> Result<NamedSemaphore> {
        let abi = Abi::of_machine();
        let result = self.open_existing(name, abi);
        match &result {
            Err(error) if error.errno() == Errno::NOENT => self.look_beside(name, abi, Errno::NOENT)?,
            _ => {}
        }
        result
    }

    fn open_existing(&self, name: &Name, abi: Abi) -> Result<NamedSemaphore> {
        self.check()?;
        self.open_at(name, &self.path(name, abi)?, abi)
    }

    /// With a check of what lies beside, before it creates anything.
    fn create_or_open(&self, name: &Name, abi: Abi, check_beside: impl Fn() -> Result<()>) -> Result<NamedSemaphore> {
        self.check()?;
        let path = self.path(name, abi)?;
        let create = || self.create_at(name, &path, abi);
        if self.create_new {
            check_beside()?;
            return create();
        }
        let open = || match self.open_at(name, &path, abi) {
            Err(error) if error.errno() == Errno::NOENT => check_beside().and(Err(error)),
            result => result,
        };
        open_or_create(true, open, create)
    }

    /// Creates a semaphore under a name that is not in use: the prefix and 16 random characters.
    /// [`NamedSemaphore::name`] tells it.
    ///
    /// # Errors
    /// Those of [`open`](Self::open); [`InvalidName`](crate::ErrorKind::InvalidName) if the prefix leaves no room.
    #[inline] // As `open`.
    pub fn create_unique(&self, prefix: &Name) -> Result<NamedSemaphore> {
        self.create_unique_of(prefix, self.layout())
    }

    fn create_unique_of(&self, prefix: &Name, abi: Abi) -> Result<NamedSemaphore> {
        // It creates, whether that was chosen or not, and its errors say so.
        let options = self.create_new(true);
        options.check()?;
        create_unique(prefix, options.operation(), |name| {
            options.create_at(name.name(), &options.path(name.name(), abi)?, abi)
        })
    }

    /// Removes a semaphore's name, in the place where the C library of the [`abi`](Self::abi) keeps it; without one,
    /// where the [machine's](Abi::of_machine) does.
    ///
    /// # Errors
    /// Those of [`NamedSemaphore::unlink`].
    #[inline] // As `open`.
    pub fn unlink(&self, name: &Name) -> Result<()> {
        self.unlink_of(name, self.layout())
    }

    fn unlink_of(&self, name: &Name, abi: Abi) -> Result<()> {
        let path = self.path(name, abi)?;
        unlink(path.c_str()).map_err(|errno| Error::system(Operation::UnlinkSemaphore, errno))
    }

    /// What is asked for, else what the machine has.
    #[inline]
    fn layout(&self) -> Abi {
        self.abi.unwrap_or_else(Abi::of_machine)
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

    /// Fails with this errno if the other C library than this layout's has a semaphore of this name.
    #[cold]
    fn look_beside(&self, name: &Name, abi: Abi, errno: Errno) -> Result<()> {
        let (other, fault) = match abi {
            Abi::Musl => (Abi::GNU, SemaphoreFault::GlibcHasIt),
            Abi::Gnu64 | Abi::Gnu32 => (Abi::Musl, SemaphoreFault::MuslHasIt),
        };
        // A name that is too long for the other library is none of its.
        match FilePath::new(name, prefix(other)) {
            Some(path) if file::says_semaphore(&path, other.is_gnu()) => {
                Err(Error::caused(self.operation(), errno, Cause::SemaphoreFile(fault)))
            }
            _ => Ok(()),
        }
    }

    fn open_at(&self, name: &Name, path: &FilePath, place: Abi) -> Result<NamedSemaphore> {
        let system = |errno| Error::system(self.operation(), errno);
        let found = file::open_existing(path, OFlags::RDWR).map_err(system)?.map_err(|fault| self.fault(fault))?;
        let abi = found.abi(place.is_gnu()).ok_or_else(|| self.fault(SemaphoreFault::Content))?;
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
        let mapping = file::map(&found.file).map_err(|errno| match errno {
            Errno::NOMEM => size_error(self.operation(), errno, file::SIZE as u64),
            errno => system(errno),
        })?;
        let identity = Identity::of_file(&found.file).map_err(system)?;
        Ok(NamedSemaphore::new(mapping, abi, self.tuning, ObjectName::kept(name), identity))
    }

    fn create_at(&self, name: &Name, path: &FilePath, abi: Abi) -> Result<NamedSemaphore> {
        let operation = Operation::CreateSemaphore;
        let system = |errno| match errno {
            Errno::NOENT | Errno::NOTDIR => Error::caused(operation, errno, Cause::NoDevShm),
            // Of a semaphore, it says nothing about its size.
            Errno::OVERFLOW => Error::system(operation, errno),
            errno => size_error(operation, errno, file::SIZE as u64),
        };
        let creation = Creation {
            prefix: prefix(abi),
            mode: self.mode,
            exact_mode: self.exact_mode,
            group: self.group,
            unlink_on_drop: self.unlink_on_drop,
        };
        let fill = |file, _: Option<&FilePath>| file::fill(file, abi, self.initial_value).map_err(system);
        let (made, name) = create_whole(name, path, &creation, system, fill)?;
        Ok(NamedSemaphore::new(made.mapping, abi, self.tuning, name, made.identity))
    }

    fn fault(&self, fault: SemaphoreFault) -> Error {
        Error::caused(self.operation(), Errno::INVAL, Cause::SemaphoreFile(fault))
    }
}
