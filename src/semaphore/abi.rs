//! Which C library's semaphores.

use core::fmt;

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
    /// What the target's own C library uses; glibc's where there is none.
    pub const NATIVE: Self = if cfg!(target_env = "musl") {
        Self::Musl
    } else if cfg!(target_pointer_width = "64") {
        Self::Gnu64
    } else {
        Self::Gnu32
    };
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
