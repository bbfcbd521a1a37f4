//! Atomics and futex waits for loom, which tries every interleaving.

pub(super) use loom::hint::spin_loop;
pub(super) use loom::sync::atomic::Ordering;

use loom::sync::{Condvar, Mutex};
use rustix::io::{Errno, Result};

use super::layout::Scope;
use crate::time::Deadline;

/// Those who sleep on a word.
#[derive(Debug)]
struct Sleepers {
    lock: Mutex<()>,
    woken: Condvar,
}

/// A word that can be slept on.
pub(super) trait Word {
    fn low(&self) -> u32;
    #[allow(private_interfaces)]
    fn sleepers(&self) -> &Sleepers;
}

/// loom's atomics with their sleepers, and the operations that the protocols use.
macro_rules! atomics {
    ($($name:ident: $number:ty),*) => {$(
        #[derive(Debug)]
        pub(super) struct $name {
            value: loom::sync::atomic::$name,
            sleepers: Sleepers,
        }

        impl $name {
            pub(super) fn new(value: $number) -> Self {
                let sleepers = Sleepers { lock: Mutex::new(()), woken: Condvar::new() };
                Self { value: loom::sync::atomic::$name::new(value), sleepers }
            }

            pub(super) fn load(&self, order: Ordering) -> $number {
                self.value.load(order)
            }

            pub(super) fn store(&self, value: $number, order: Ordering) {
                self.value.store(value, order);
            }

            pub(super) fn fetch_add(&self, value: $number, order: Ordering) -> $number {
                self.value.fetch_add(value, order)
            }

            pub(super) fn fetch_sub(&self, value: $number, order: Ordering) -> $number {
                self.value.fetch_sub(value, order)
            }

            pub(super) fn fetch_and(&self, value: $number, order: Ordering) -> $number {
                self.value.fetch_and(value, order)
            }

            pub(super) fn fetch_or(&self, value: $number, order: Ordering) -> $number {
                self.value.fetch_or(value, order)
            }

            pub(super) fn compare_exchange(
                &self,
                current: $number,
                new: $number,
                success: Ordering,
                failure: Ordering,
            ) -> core::result::Result<$number, $number> {
                self.value.compare_exchange(current, new, success, failure)
            }

            pub(super) fn compare_exchange_weak(
                &self,
                current: $number,
                new: $number,
                success: Ordering,
                failure: Ordering,
            ) -> core::result::Result<$number, $number> {
                self.value.compare_exchange_weak(current, new, success, failure)
            }
        }

        #[allow(private_interfaces)]
        impl Word for $name {
            fn low(&self) -> u32 {
                self.value.load(Ordering::SeqCst) as u32
            }

            fn sleepers(&self) -> &Sleepers {
                &self.sleepers
            }
        }
    )*};
}

atomics!(AtomicU32: u32, AtomicU64: u64);

/// Sleeps while the word is as expected. A limited sleep ends at once, as if a signal handler had run.
pub(super) fn sleep(word: &impl Word, expected: u32, _: Scope, until: Option<Deadline>) -> Result<()> {
    let sleepers = word.sleepers();
    let guard = sleepers.lock.lock().expect("no thread panics with it");
    if word.low() != expected {
        return Err(Errno::AGAIN);
    }
    if until.is_some() {
        return Err(Errno::INTR);
    }
    drop(sleepers.woken.wait(guard).expect("no thread panics with it"));
    Ok(())
}

/// Wakes at most so many sleepers.
pub(super) fn wake(word: &impl Word, count: u32, _: Scope) {
    let sleepers = word.sleepers();
    let _guard = sleepers.lock.lock().expect("no thread panics with it");
    if count > 2 {
        // No model has more.
        sleepers.woken.notify_all();
    } else {
        (0..count).for_each(|_| sleepers.woken.notify_one());
    }
}

/// The whole word: only its low half is compared.
pub(super) fn low_half(word: &AtomicU64) -> &AtomicU64 {
    word
}
