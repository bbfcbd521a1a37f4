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

/// A name that begins with `prefix` and ends in 80 random bits of the kernel's.
pub(crate) fn unique_name(prefix: &Name, operation: Operation) -> Result<OwnedName> {
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
