//! What opening has in common for all kinds of objects.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rustix::io::Errno;
use rustix::process::getpid;
use rustix::rand::{GetRandomFlags, getrandom};

use crate::error::{Cause, Error, NameFault, Operation, Result, saturate};
use crate::name::{Name, OwnedName};
use crate::sys::ProcessPage;

/// How often an object may vanish or appear under our hands before opening gives up.
pub(crate) const RACES: u32 = 100;

/// The bits that a mode may have.
pub(crate) const MODE_BITS: u32 = 0o777;

/// The process that created an object. A forked child is another one.
///
/// A process is known by a token, not by its PID: a child that is the first process of a PID namespace of its own has
/// its parent's PID if the parent is the first one of another. The token lies in a page that is wiped for a child of
/// `fork`, and the next token is counted in memory that is copied for it. So each process of a line of descent has
/// another token, and only they can have inherited what one of them has created. (A child of `vfork` shares its
/// parent's memory, and is its parent in this regard.)
#[derive(Clone, Copy)]
pub(crate) struct Creator(u32);

/// No token yet: what a new page holds.
const NO_TOKEN: u32 = 0;

/// The creator could get no token, and the other bits are its PID after all: before Linux 4.14, or without memory for
/// the page.
const IS_PID: u32 = 1 << 31;

/// This process's token, once it is asked for.
static THIS_PROCESS: ProcessPage = ProcessPage::new();

/// The last token that this process or one that it descends from has taken.
static LAST_TOKEN: AtomicU32 = AtomicU32::new(NO_TOKEN);

impl Creator {
    /// No system call but for the first time in a process.
    pub(crate) fn this_process() -> Self {
        let Ok([token, _]) = THIS_PROCESS.get_or_make() else { return Self::by_pid() };
        // It says nothing but the token.
        let there = token.load(Relaxed);
        if there != NO_TOKEN {
            return Self(there);
        }
        let next = LAST_TOKEN.fetch_add(1, Relaxed).wrapping_add(1);
        // Another thread may have come first. A token that is left over does no harm.
        Self(token.compare_exchange(NO_TOKEN, next, Relaxed, Relaxed).map_or_else(|there| there, |_| next))
    }

    fn by_pid() -> Self {
        Self(getpid().as_raw_nonzero().get().cast_unsigned() | IS_PID)
    }

    /// No system call, unless it is known by its PID.
    pub(crate) fn is_this_process(self) -> bool {
        if self.0 & IS_PID != 0 {
            return self.0 == Self::by_pid().0;
        }
        // A child that has no token yet is not the process that has this one.
        THIS_PROCESS.get().is_some_and(|[token, _]| token.load(Relaxed) == self.0)
    }
}

/// Opens what is there, or creates it if nothing is there and `creates` says so. Others may create and remove the
/// object between the two attempts; each time that this fails, another process has got on.
pub(crate) fn open_or_create<T>(
    creates: bool,
    open: impl Fn() -> Result<T>,
    create: impl Fn() -> Result<T>,
) -> Result<T> {
    let mut races = 0;
    loop {
        match open() {
            Err(error) if error.errno() == Errno::NOENT && creates => {}
            result => return result,
        }
        match create() {
            Err(error) if error.errno() == Errno::EXIST && races < RACES => races += 1,
            result => return result,
        }
    }
}

/// How many characters of a unique name are random: five bits each.
const RANDOM: usize = 16;

/// The most bytes that may follow the slash of a unique name's prefix.
const PREFIX_MAX: usize = Name::MAX_LEN - RANDOM;

/// Creates an object under a name that is not in use: of random names, the first that is free.
pub(crate) fn create_unique<T>(
    prefix: &Name,
    operation: Operation,
    create: impl Fn(&OwnedName) -> Result<T>,
) -> Result<T> {
    let mut races = 0;
    loop {
        match create(&unique_name(prefix, operation)?) {
            Err(error) if error.errno() == Errno::EXIST && races < RACES => races += 1,
            result => return result,
        }
    }
}

/// A name that begins with `prefix` and ends in 80 random bits of the kernel's.
fn unique_name(prefix: &Name, operation: Operation) -> Result<OwnedName> {
    let length = prefix.as_bytes().len() - 1;
    if length > PREFIX_MAX {
        let cause = Cause::Name(NameFault::PrefixLongerThan(PREFIX_MAX as u8), saturate(length as u64));
        return Err(Error::caused(operation, Errno::NAMETOOLONG, cause));
    }
    let suffix = random_suffix().map_err(|errno| Error::system(operation, errno))?;
    Ok(OwnedName::joined(prefix, &suffix))
}

/// Random letters and digits.
pub(crate) fn random_suffix() -> rustix::io::Result<[u8; RANDOM]> {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut random = [0; RANDOM];
    // The kernel gives as few bytes whole or not at all.
    getrandom(&mut random, GetRandomFlags::empty())?;
    Ok(random.map(|byte| ALPHABET[usize::from(byte % 32)]))
}

/// The options' methods for creating an object or opening it; the fields have the methods' names.
macro_rules! creation {
    ($object:literal) => {
        #[doc = concat!(
            "Creates the ", $object, " if there is none of this name; else opens the one that is there as it is."
        )]
        #[doc(alias = "O_CREAT")]
        pub const fn create(self, create: bool) -> Self {
            Self { create, ..self }
        }

        #[doc = concat!(
            "Creates the ", $object, ", and fails if there is one of this name. `create` need not be given too."
        )]
        #[doc(alias = "O_EXCL")]
        pub const fn create_new(self, create_new: bool) -> Self {
            Self { create_new, ..self }
        }
    };
}

/// The options' methods that are bits of the field `flags`: those of queues.
macro_rules! flags {
    ($type:literal) => {
        /// Opens for receiving.
        #[doc(alias = "O_RDONLY")]
        pub const fn read(self, read: bool) -> Self {
            self.with(OpenFlags::READ, read)
        }

        /// Opens for sending.
        #[doc(alias = "O_WRONLY")]
        pub const fn write(self, write: bool) -> Self {
            self.with(OpenFlags::WRITE, write)
        }

        /// Creates the queue if there is none of this name; else opens the one that is there as it is.
        #[doc(alias = "O_CREAT")]
        pub const fn create(self, create: bool) -> Self {
            self.with(OpenFlags::CREATE, create)
        }

        /// Creates the queue, and fails if there is one of this name. `create` need not be given too.
        #[doc(alias = "O_EXCL")]
        pub const fn create_new(self, create_new: bool) -> Self {
            Self { create_new, ..self.with(OpenFlags::EXCLUSIVE, false) }
        }

        #[doc = concat!("Calls on this handle do not wait for messages or room: see [`", $type, "::set_nonblocking`].")]
        #[doc(alias = "O_NONBLOCK")]
        pub const fn nonblocking(self, nonblocking: bool) -> Self {
            self.with(OpenFlags::NONBLOCKING, nonblocking)
        }

        /// Sets all of the above at once, in place of what was chosen before. [`EXCLUSIVE`](OpenFlags::EXCLUSIVE) does
        /// nothing without [`CREATE`](OpenFlags::CREATE), as in `mq_open`.
        #[doc(alias = "oflag")]
        pub const fn flags(self, flags: OpenFlags) -> Self {
            Self { flags, create_new: false, ..self }
        }

        /// Returns `true` if it is an error if the queue exists.
        const fn creates_new(&self) -> bool {
            self.create_new || self.flags.contains(OpenFlags::CREATE_NEW)
        }

        /// Returns `true` if a queue that does not exist is created.
        const fn creates(&self) -> bool {
            self.create_new || self.flags.contains(OpenFlags::CREATE)
        }

        const fn with(self, flag: OpenFlags, on: bool) -> Self {
            let flags = if on { self.flags.union(flag) } else { self.flags.difference(flag) };
            Self { flags, ..self }
        }
    };
}

/// The options' methods for who may use an object that is created, and who removes it.
macro_rules! ownership {
    ($object:literal, $rights:literal) => {
        #[doc = concat!(
            "Who may open a ", $object, " created here: permission bits, 0o000 to 0o777, less the process's umask. ",
            "Default 0o600. ", $rights
        )]
        pub const fn mode(self, mode: u32) -> Self {
            Self { mode, exact_mode: false, ..self }
        }

        /// Like [`mode`](Self::mode), but exactly these bits whatever the umask, which is not touched.
        ///
        /// One call more at creation; until it is made, the object has fewer rights, never more. One that exists
        /// already keeps its mode.
        #[doc(alias = "fchmod")]
        pub const fn exact_mode(self, mode: u32) -> Self {
            Self { mode, exact_mode: true, ..self }
        }

        #[doc = concat!(
            "The group ID that a ", $object, " created here gets. Default: the kernel's choice, which is the ",
            "process's own group."
        )]
        ///
        /// A process may choose a group that it is a member of; one with CAP_CHOWN, any. Else creating fails with
        /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied), and with
        /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a number that is no group's: 2³² − 1, or one that the
        /// user namespace does not know. An object that exists already keeps its group.
        #[doc(alias = "fchown")]
        pub const fn group(self, group: u32) -> Self {
            Self { group: Some(group), ..self }
        }

        #[doc = concat!(
            "Whether the handle removes the name when it is dropped or closed, if it is the handle that created the ",
            $object, "."
        )]
        ///
        /// A process that ends without dropping the handle leaves the name: by `process::exit`, by a panic that aborts,
        /// or by a signal that it does not handle, such as Ctrl-C or SIGTERM. (Python's modules remove it at exit.) So
        /// handle such signals, leave the loop, and return from `main`.
        ///
        /// Only in the process that created it: a forked child's copy never does, in whatever PID namespace it is. And
        /// only this object's name: if the name has been removed meanwhile and stands for another one, it stays.
        ///
        /// Before Linux 4.14, or without memory for one page, the process is known by its PID: there a child that is
        /// PID 1 of a new PID namespace passes for a parent that is PID 1 too.
        pub const fn unlink_on_drop(self, unlink_on_drop: bool) -> Self {
            Self { unlink_on_drop, ..self }
        }
    };
}

pub(crate) use {creation, flags, ownership};
