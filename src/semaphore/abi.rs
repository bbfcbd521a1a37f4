//! Layouts and protocols of semaphores: which C library's programs can use the same one.

use core::fmt;
use core::marker::PhantomData;

use super::machine;
use super::protocol::Protocol;
#[cfg(target_has_atomic = "64")]
use super::protocol::gnu64;
use super::protocol::{gnu32, musl};
use crate::futex::Scope;

/// A layout and protocol of semaphores: which C library's programs can use the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Abi {
    /// glibc since 2.21 on 64-bit machines: 32 bytes. Not on machines without 64-bit atomics.
    Gnu64,
    /// glibc since 2.21 on 32-bit machines: 16 bytes.
    Gnu32,
    /// musl since 1.2.4, on machines of either width (32 or 16 bytes, of which the same 12 are used).
    Musl,
}

impl Abi {
    /// glibc's layout for programs of this one's word size.
    pub const GNU: Self = if cfg!(target_pointer_width = "64") { Self::Gnu64 } else { Self::Gnu32 };

    /// The layout of the C library that the program is compiled for: musl's for its targets, else glibc's. It is that
    /// of [`Semaphore`](super::Semaphore), in memory of one's own. Named semaphores have that
    /// [of the machine](Self::of_machine).
    pub const NATIVE: Self = if cfg!(target_env = "musl") { Self::Musl } else { Self::GNU };

    /// Returns the layout of this machine's C library: what the named semaphores of its C and Python programs have, and
    /// the default of [`NamedSemaphore`](super::NamedSemaphore).
    ///
    /// | program | answer |
    /// |---|---|
    /// | linked dynamically with glibc | [`GNU`](Self::GNU), without a system call |
    /// | any other: static, of musl's, without a C library | the library whose dynamic loader is installed, such as `/lib64/ld-linux-x86-64.so.2` or `/lib/ld-musl-x86_64.so.1` |
    ///
    /// Loaders for this program's word size come first. A static 32-bit program on a machine with 64-bit programs alone
    /// gets their layout. If both libraries are installed, it is glibc if there is `/etc/ld.so.cache`. If neither is,
    /// it is [`NATIVE`](Self::NATIVE). The first call in a process makes two `access` calls, or a few more
    /// where both libraries or neither are installed; later ones return the same answer without a system call.
    ///
    /// A build decides for itself with `RUSTFLAGS='--cfg rawipc_semaphores="gnu"'`, or `"musl"`: nothing is looked for
    /// then. A call decides with [`NamedSemaphoreOptions::abi`](super::NamedSemaphoreOptions::abi).
    ///
    /// ```
    /// use rawipc::semaphore::abi::Abi;
    /// # #[cfg(all(target_env = "gnu", not(rawipc_semaphores)))]
    /// assert_eq!(Abi::of_machine(), Abi::GNU);
    /// ```
    #[must_use]
    pub fn of_machine() -> Self {
        machine::abi()
    }

    /// Returns `true` for glibc's layouts, whose files have a place of their own.
    pub(super) const fn is_gnu(self) -> bool {
        !matches!(self, Self::Musl)
    }
}

impl fmt::Display for Abi {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Gnu64 => "gnu64",
            Self::Gnu32 => "gnu32",
            Self::Musl => "musl",
        })
    }
}

/// What glibc writes into a semaphore that processes share, in both of its layouts.
pub(super) const GNU_SHARED: u32 = 128;

/// What glibc writes for a scope, in both of its layouts.
pub(super) const fn gnu_scope(scope: Scope) -> u32 {
    match scope {
        Scope::Shared => GNU_SHARED,
        Scope::Private => 0,
    }
}

/// The layout of a [`SemaphoreOf`](super::SemaphoreOf), as a type: [`Gnu64`], [`Gnu32`], [`Musl`], or one of them in
/// [`Private`]. Sealed.
pub trait Layout: sealed::Words {}

impl<L: sealed::Words> Layout for L {}

pub(super) mod sealed {
    pub trait Words {
        #[doc(hidden)]
        type Words: super::Protocol + Sync;
        #[doc(hidden)]
        const SCOPE: super::Scope;
    }
}

/// [`Abi::Gnu64`] as a type, shared between processes.
#[cfg(target_has_atomic = "64")]
#[derive(Debug)]
pub enum Gnu64 {}

/// [`Abi::Gnu32`] as a type, shared between processes.
#[derive(Debug)]
pub enum Gnu32 {}

/// [`Abi::Musl`] as a type, shared between processes.
#[derive(Debug)]
pub enum Musl {}

/// The same layout used within one process only: for a `sem_t` that C code initialized with `pshared` 0.
#[derive(Debug)]
pub struct Private<L>(PhantomData<L>);

#[cfg(target_has_atomic = "64")]
impl sealed::Words for Gnu64 {
    type Words = gnu64::Words;
    const SCOPE: Scope = Scope::Shared;
}

impl sealed::Words for Gnu32 {
    type Words = gnu32::Words;
    const SCOPE: Scope = Scope::Shared;
}

impl sealed::Words for Musl {
    type Words = musl::Words;
    const SCOPE: Scope = Scope::Shared;
}

impl<L: Layout> sealed::Words for Private<L> {
    type Words = L::Words;
    const SCOPE: Scope = Scope::Private;
}

/// The layout of the target's own C library; glibc's where there is none.
#[cfg(target_env = "musl")]
pub type Native = Musl;
/// The layout of the target's own C library; glibc's where there is none.
#[cfg(all(not(target_env = "musl"), target_pointer_width = "64"))]
pub type Native = Gnu64;
/// The layout of the target's own C library; glibc's where there is none.
#[cfg(all(not(target_env = "musl"), target_pointer_width = "32"))]
pub type Native = Gnu32;
