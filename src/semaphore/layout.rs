//! The layouts of the C libraries' `sem_t`.

use core::marker::PhantomData;

#[cfg(target_has_atomic = "64")]
use super::gnu64;
use super::protocol::Protocol;
use super::{gnu32, musl};

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

impl core::fmt::Display for Abi {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str(match self {
            Self::Gnu64 => "gnu64",
            Self::Gnu32 => "gnu32",
            Self::Musl => "musl",
        })
    }
}

impl Abi {
    /// What the target's own C library uses; glibc's where there is none.
    pub const NATIVE: Self = NATIVE;
}

/// Who may use a semaphore in memory: how sleepers are found by the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All processes that map the memory (C's `sem_init` with `pshared` 1; all named semaphores).
    Shared,
    /// The threads of one process (C's `sem_init` with `pshared` 0).
    Private,
}

/// The layout of a [`SemaphoreOf`](super::SemaphoreOf), as a type: [`Gnu64`], [`Gnu32`], [`Musl`], or one of them in
/// [`Private`]. Sealed.
pub trait Layout: sealed::Words {}

impl<L: sealed::Words> Layout for L {}

pub(super) mod sealed {
    pub trait Words {
        #[doc(hidden)]
        type Words: super::Protocol;
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

/// The same layout used within one process only: for a `sem_t` that C code initialised with `pshared` 0.
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

const NATIVE: Abi = if cfg!(target_env = "musl") {
    Abi::Musl
} else if cfg!(target_pointer_width = "64") {
    Abi::Gnu64
} else {
    Abi::Gnu32
};
