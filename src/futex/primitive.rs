//! Atomics and futex waits: the kernel's, or loom's when the protocols are model-checked.

/// A word that no operation touches.
pub(crate) use core::sync::atomic::AtomicU32 as Unused;

#[cfg(not(loom))]
pub(crate) use real::*;

#[cfg(loom)]
pub(crate) use super::model::*;

/// A function that is `const` but for loom, whose atomics have no constant constructor.
macro_rules! const_unless_loom {
    ($visibility:vis fn $($rest:tt)*) => {
        #[cfg(not(loom))]
        $visibility const fn $($rest)*
        #[cfg(loom)]
        $visibility fn $($rest)*
    };
}
pub(crate) use const_unless_loom;

#[cfg(not(loom))]
mod real {
    pub(crate) use core::hint::spin_loop;
    use core::num::NonZeroU32;
    #[cfg(target_has_atomic = "64")]
    pub(crate) use core::sync::atomic::AtomicU64;
    pub(crate) use core::sync::atomic::{AtomicU32, Ordering};

    use rustix::io::Result;
    use rustix::thread::futex;
    use rustix::time::Timespec;

    use crate::futex::{Nap, Scope};
    use crate::time::Deadline;

    /// Sleeps while the word is as expected, until a wake-up, a signal handler or the nap's end.
    #[cold]
    pub(crate) fn sleep(word: &AtomicU32, expected: u32, scope: Scope, nap: Option<Nap>) -> Result<()> {
        let (flags, deadline) = match nap {
            None => return futex::wait(word, flags(scope), expected, None),
            Some(Nap::For(duration)) => {
                let longest = Timespec { tv_sec: i64::MAX, tv_nsec: 0 };
                let duration = Timespec::try_from(duration).unwrap_or(longest);
                return futex::wait(word, flags(scope), expected, Some(&duration));
            }
            Some(Nap::Until(Deadline::Monotonic(time))) => (flags(scope), time),
            Some(Nap::Until(Deadline::Realtime(time))) => (flags(scope) | futex::Flags::CLOCK_REALTIME, time),
        };
        let deadline = deadline.to_kernel();
        let deadline = Timespec { tv_sec: deadline.seconds, tv_nsec: deadline.nanoseconds as _ };
        futex::wait_bitset(word, flags, expected, Some(&deadline), NonZeroU32::MAX).map(drop)
    }

    /// Wakes at most so many sleepers. Only the word's address is used, so it may have been unmapped meanwhile.
    #[cold]
    pub(crate) fn wake(word: &AtomicU32, sleepers: u32, scope: Scope) {
        // It cannot fail but for memory that is gone, and then nobody sleeps there.
        let _ = futex::wake(word, flags(scope), sleepers);
    }

    /// The half of a 64-bit word that holds its low 32 bits: what the kernel compares and keys sleepers by.
    #[cfg(target_has_atomic = "64")]
    #[allow(unsafe_code)]
    pub(crate) fn low_half(word: &AtomicU64) -> &AtomicU32 {
        let halves = core::ptr::from_ref(word).cast::<AtomicU32>();
        let index = usize::from(cfg!(target_endian = "big"));
        // SAFETY: a 64-bit word has two halves, so the index is within it.
        let half = unsafe { halves.add(index) };
        // SAFETY: the half lies in a live atomic, is aligned, and is accessed by nothing but atomic operations; Rust
        // code passes it only to the kernel, so there is no mixed-size access.
        unsafe { &*half }
    }

    fn flags(scope: Scope) -> futex::Flags {
        match scope {
            Scope::Shared => futex::Flags::empty(),
            Scope::Private => futex::Flags::PRIVATE,
        }
    }
}
