//! Which C library's semaphores, and who may use them.

use core::fmt;

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

/// Who may use a semaphore in memory: how sleepers are found by the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All processes that map the memory (C's `sem_init` with `pshared` 1; all named semaphores).
    Shared,
    /// The threads of one process (C's `sem_init` with `pshared` 0).
    Private,
}

impl Scope {
    /// As glibc writes it, in both of its layouts.
    pub(super) const fn of_gnu(self) -> u32 {
        match self {
            Self::Shared => GNU_SHARED,
            Self::Private => 0,
        }
    }
}
