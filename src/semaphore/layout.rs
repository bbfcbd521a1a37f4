//! The layouts of the C libraries' `sem_t`.

use core::marker::PhantomData;

#[cfg(target_has_atomic = "64")]
use super::gnu64;
use super::protocol::Protocol;
use super::{gnu32, musl};
use crate::futex::Scope;

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

/// [`Abi::Gnu64`](super::Abi::Gnu64) as a type, shared between processes.
#[cfg(target_has_atomic = "64")]
#[derive(Debug)]
pub enum Gnu64 {}

/// [`Abi::Gnu32`](super::Abi::Gnu32) as a type, shared between processes.
#[derive(Debug)]
pub enum Gnu32 {}

/// [`Abi::Musl`](super::Abi::Musl) as a type, shared between processes.
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
