//! What may be put into shared memory.

#![allow(unsafe_code)]

use core::sync::atomic::{AtomicI8, AtomicI16, AtomicI32, AtomicU8, AtomicU16, AtomicU32};
#[cfg(target_has_atomic = "64")]
use core::sync::atomic::{AtomicI64, AtomicU64};

/// A type that may be lent from memory that other processes change: atomics, arrays of them, semaphores, and structs of
/// these made by [`shareable!`](crate::shareable!).
///
/// # Safety
/// Any bytes are a value. The layout is fixed and the same in every process, with no pointers. Every byte changes by
/// atomic operations only: the type is made of atomics through and through.
pub unsafe trait Shareable: Sync {}

/// Each is a type of its own line, so that one fact serves all: an atomic integer of a fixed width.
macro_rules! atomics {
    ($($atomic:ty),*) => {$(
        // SAFETY: any bytes are an integer, its width is the same everywhere, and it changes atomically only.
        unsafe impl Shareable for $atomic {}
    )*};
}

atomics!(AtomicI8, AtomicI16, AtomicI32, AtomicU8, AtomicU16, AtomicU32);
#[cfg(target_has_atomic = "64")]
atomics!(AtomicI64, AtomicU64);

// SAFETY: the elements lie one after the other, and each is shareable.
unsafe impl<T: Shareable, const N: usize> Shareable for [T; N] {}

// SAFETY: a model's word stands for an atomic one, and is never lent from memory that is mapped.
#[cfg(loom)]
unsafe impl Shareable for crate::futex::primitive::AtomicU32 {}

/// Makes a struct of shareable fields that is shareable itself, in C's layout (`#[repr(C)]`).
///
/// A field of another type does not compile. In a crate that forbids `unsafe_code`, the line that this makes is
/// refused: allow it for the struct's module.
///
/// ```
/// use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
/// use rawipc::{Semaphore, shareable, SharedMemory};
///
/// shareable! {
///     /// What producer and consumer have in common.
///     pub struct Counters {
///         pub ready: Semaphore,
///         pub produced: AtomicU64,
///         pub consumed: [AtomicU64; 4],
///     }
/// }
///
/// let mapping = SharedMemory::anonymous(4096).create()?.map()?;
/// let counters: &Counters = mapping.get(0)?;
/// counters.produced.store(1, Ordering::Release);
/// counters.ready.post()?;
/// # Ok::<(), rawipc::Error>(())
/// ```
///
/// ```compile_fail
/// rawipc::shareable! {
///     struct Wrong {
///         number: u32, // Another process could change it behind the compiler's back.
///     }
/// }
/// ```
#[macro_export]
macro_rules! shareable {
    ($(
        $(#[$attribute:meta])*
        $visibility:vis struct $name:ident {
            $($(#[$field_attribute:meta])* $field_visibility:vis $field:ident: $type:ty),* $(,)?
        }
    )*) => {$(
        $(#[$attribute])*
        #[repr(C)]
        $visibility struct $name {
            $($(#[$field_attribute])* $field_visibility $field: $type),*
        }

        const _: () = {
            const fn is_shareable<T: $crate::Shareable>() {}
            $(is_shareable::<$type>();)*
        };

        // SAFETY: all fields are shareable, as has just been checked, and the layout is C's.
        #[allow(unsafe_code)]
        unsafe impl $crate::Shareable for $name {}
    )*};
}

// Under a path of this crate's own: `src/lib.rs` declares its modules in a macro, and a macro that is exported from one
// of those cannot be named by the path that others use.
pub(crate) use shareable;
