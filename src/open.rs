//! What opening has in common for all kinds of objects.

use core::mem::MaybeUninit;

use rustix::io::{Errno, Result};
use rustix::process::{Pid, getpid};
use rustix::rand::{GetRandomFlags, getrandom};

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
pub(crate) const PREFIX_MAX: usize = NAME_MAX - RANDOM;

/// A name that begins with `prefix` and ends in 80 random bits of the kernel's.
pub(crate) fn unique_name(prefix: &Name) -> Result<OwnedName> {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut random = [MaybeUninit::uninit(); RANDOM];
    let (random, rest) = getrandom(&mut random, GetRandomFlags::empty())?;
    if !rest.is_empty() {
        return Err(Errno::AGAIN);
    }
    for byte in random.iter_mut() {
        *byte = ALPHABET[usize::from(*byte % 32)];
    }
    Ok(OwnedName::joined(prefix, random))
}
