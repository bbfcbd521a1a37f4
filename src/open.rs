//! What opening has in common for all kinds of objects.

use rustix::io::Errno;
use rustix::process::{Pid, getpid};
use rustix::rand::{GetRandomFlags, getrandom};

use crate::error::{Cause, Error, NameFault, Operation, Result, saturate};
use crate::name::{NAME_MAX, Name, OwnedName};

/// How often an object may vanish or appear under our hands before opening gives up.
pub(crate) const RACES: u32 = 100;

/// The bits that a mode may have.
pub(crate) const MODE_BITS: u32 = 0o777;

/// The process that created an object. A forked child is another one.
#[derive(Clone, Copy)]
pub(crate) struct Creator(Pid);

impl Creator {
    pub(crate) fn this_process() -> Self {
        Self(getpid())
    }

    /// Its PID.
    pub(crate) fn number(self) -> u32 {
        self.0.as_raw_nonzero().get().cast_unsigned()
    }

    pub(crate) fn is_this_process(self) -> bool {
        self.0 == getpid()
    }
}

/// How many characters of a unique name are random: five bits each.
const RANDOM: usize = 16;

/// The most bytes that may follow the slash of a unique name's prefix.
const PREFIX_MAX: usize = NAME_MAX - RANDOM;

/// Creates an object of a name that nobody has: of random names, the first that is free.
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
        /// For receiving.
        #[doc(alias = "O_RDONLY")]
        pub const fn read(self, read: bool) -> Self {
            self.with(OpenFlags::READ, read)
        }

        /// For sending.
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
            self.with(OpenFlags::EXCLUSIVE, create_new)
        }

        #[doc = concat!("Nothing waits on this handle: see [`", $type, "::set_nonblocking`].")]
        #[doc(alias = "O_NONBLOCK")]
        pub const fn nonblocking(self, nonblocking: bool) -> Self {
            self.with(OpenFlags::NONBLOCKING, nonblocking)
        }

        /// All of the above at once, in place of what was chosen before.
        #[doc(alias = "oflag")]
        pub const fn flags(self, flags: OpenFlags) -> Self {
            Self { flags, ..self }
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
            "Whether the handle removes the name when it is dropped or closed, if it is the handle that created the ",
            $object, "."
        )]
        ///
        /// Only in the process that created it: a forked child's copy never does. And only this object's name: if the
        /// name has been removed meanwhile and stands for another one, it stays. The process is told by its PID, so a
        /// child that is PID 1 of a new PID namespace of its own passes for a parent that is PID 1 too.
        pub const fn unlink_on_drop(self, unlink_on_drop: bool) -> Self {
            Self { unlink_on_drop, ..self }
        }
    };
}

pub(crate) use {creation, flags, ownership};
