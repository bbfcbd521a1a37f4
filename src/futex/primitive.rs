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
    #[cfg(target_has_atomic = "64")]
    pub(crate) use core::sync::atomic::AtomicU64;
    pub(crate) use core::sync::atomic::{AtomicU32, Ordering};

    use rustix::io::Result;
    use rustix::thread::futex;
    use rustix::time::Timespec;

    use crate::futex::{Scope, Slice};
    use crate::sys;
    use crate::time::Deadline;

    /// Sleeps while the word is as expected: until a wake-up, a signal handler or the end of the slice.
    #[cold]
    pub(crate) fn sleep(word: &AtomicU32, expected: u32, scope: Scope, slice: Option<Slice>) -> Result<()> {
        let (flags, time) = match slice {
            // The kernel restarts a wait without a time after a handler with SA_RESTART, and no other.
            None => return sys::futex_wait(word, flags(scope), expected, None),
            Some(Slice::For(duration)) => {
                let longest = Timespec { tv_sec: i64::MAX, tv_nsec: 0 };
                let duration = Timespec::try_from(duration).unwrap_or(longest);
                return sys::futex_wait(word, flags(scope), expected, Some(&duration));
            }
            Some(Slice::Until(Deadline::Monotonic(time))) => (flags(scope), time),
            Some(Slice::Until(Deadline::Realtime(time))) => (flags(scope) | futex::Flags::CLOCK_REALTIME, time),
        };
        let time = time.to_kernel();
        let time = Timespec { tv_sec: time.seconds, tv_nsec: time.nanoseconds as _ };
        sys::futex_wait_until(word, flags, expected, &time)
    }

    /// Wakes up to `count` sleepers. Only the word's address is used, so it may have been unmapped meanwhile.
    #[cold]
    pub(crate) fn wake(word: &AtomicU32, sleepers: u32, scope: Scope) {
        // It cannot fail but for memory that is gone, and then no thread sleeps there.
        let _ = sys::futex_wake(word, flags(scope), sleepers);
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
