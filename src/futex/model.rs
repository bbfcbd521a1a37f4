//! Atomics and futex waits for loom, which tries every interleaving.
//!
//! loom changes from one thread to another only within its own operations. So what follows such an operation here, in
//! ordinary memory behind an ordinary mutex, happens in one step with it: comparing a word and going to sleep, as in
//! the kernel. Falling asleep without success and waking no thread order no memory; a wake-up does, which the kernel's
//! does too, though nothing should count on it.
//!
//! Each operation knows where it is called, so that its ordering can be weakened (see `weakening`).

pub(crate) use loom::hint::spin_loop;
pub(crate) use loom::sync::atomic::Ordering;

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread_local;

use loom::thread::{Thread, current, park, yield_now};
use rustix::io::{Errno, Result};

use super::weakening::ordering;
use super::{Scope, Slice};

/// What a load sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loads {
    /// The last value, whatever the order asked for.
    Last,
    /// Any value that the memory model allows.
    ///
    /// Then loom does not try all interleavings: of the accesses to a word it remembers the last, so that a load hides
    /// an earlier one of another thread, before which a change of the word should be tried too.
    Stale,
}

thread_local! {
    /// For all of a model's threads, which are one to the operating system.
    static LOADS: Cell<Loads> = const { Cell::new(Loads::Last) };
}

pub(crate) fn set_loads(loads: Loads) {
    LOADS.set(loads);
}

/// What the kernel knows of a word.
#[derive(Debug, Default)]
pub(crate) struct Futex {
    sleepers: Mutex<Sleepers>,
    /// The word's memory is gone.
    gone: AtomicBool,
}

/// Those who sleep on a word, in the order in which they came.
#[derive(Debug, Default)]
struct Sleepers {
    queue: VecDeque<Sleeper>,
    /// Limited sleeps are over, those that begin later too, with this error.
    over: Option<Errno>,
}

#[derive(Clone, Debug)]
struct Sleeper {
    thread: Thread,
    limited: bool,
    /// How the sleep ended, once it did.
    end: Arc<Mutex<Option<Result<()>>>>,
}

impl Sleeper {
    fn rouse(&self, end: Result<()>) {
        *self.end.lock().expect("no thread panics with it") = Some(end);
        self.thread.unpark();
    }
}

impl Futex {
    fn sleepers(&self) -> MutexGuard<'_, Sleepers> {
        self.sleepers.lock().expect("no thread panics with it")
    }

    /// For the result of every operation: loom may have run other threads before it.
    fn still_there<T>(&self, result: T) -> T {
        assert!(!self.gone.load(Ordering::Relaxed), "a semaphore is touched after its token was taken");
        result
    }
}

/// A word that can be slept on.
pub(crate) trait Word {
    /// What the word is now: the kernel sees nothing stale.
    fn now(&self) -> u32;
    fn futex(&self) -> &Futex;
}

/// loom's atomics as words that can be slept on, and the operations that the protocols use.
macro_rules! atomics {
    ($($name:ident: $number:ty),*) => {$(
        #[derive(Debug)]
        pub(crate) struct $name {
            value: loom::sync::atomic::$name,
            futex: Futex,
        }

        impl $name {
            pub(crate) fn new(value: $number) -> Self {
                let word = Self { value: loom::sync::atomic::$name::new(value), futex: Futex::default() };
                // To loom the first value is no sequentially consistent store, and a later load could still see it.
                word.value.store(value, Ordering::SeqCst);
                word
            }

            #[track_caller]
            pub(crate) fn load(&self, order: Ordering) -> $number {
                let order = ordering(0, order);
                self.futex.still_there(match LOADS.get() {
                    Loads::Last => self.last(order),
                    Loads::Stale => self.value.load(order),
                })
            }

            /// An exchange that changes nothing, which to loom is a change nevertheless: it tries every order of this
            /// and any other access.
            fn last(&self, order: Ordering) -> $number {
                let never = <$number>::MAX;
                let (Ok(last) | Err(last)) = self.value.compare_exchange(never, never, order, order);
                last
            }

            #[track_caller]
            pub(crate) fn fetch_add(&self, value: $number, order: Ordering) -> $number {
                self.futex.still_there(self.value.fetch_add(value, ordering(0, order)))
            }

            #[track_caller]
            pub(crate) fn fetch_sub(&self, value: $number, order: Ordering) -> $number {
                self.futex.still_there(self.value.fetch_sub(value, ordering(0, order)))
            }

            #[track_caller]
            pub(crate) fn fetch_and(&self, value: $number, order: Ordering) -> $number {
                self.futex.still_there(self.value.fetch_and(value, ordering(0, order)))
            }

            #[track_caller]
            pub(crate) fn compare_exchange(
                &self,
                current: $number,
                new: $number,
                success: Ordering,
                failure: Ordering,
            ) -> core::result::Result<$number, $number> {
                let (success, failure) = (ordering(0, success), ordering(1, failure));
                self.futex.still_there(self.value.compare_exchange(current, new, success, failure))
            }

            #[track_caller]
            pub(crate) fn compare_exchange_weak(
                &self,
                current: $number,
                new: $number,
                success: Ordering,
                failure: Ordering,
            ) -> core::result::Result<$number, $number> {
                self.compare_exchange(current, new, success, failure)
            }
        }

        impl Word for $name {
            fn now(&self) -> u32 {
                self.last(Ordering::Relaxed) as u32
            }

            fn futex(&self) -> &Futex {
                &self.futex
            }
        }
    )*};
}

atomics!(AtomicU32: u32, AtomicU64: u64);

impl AtomicU32 {
    #[track_caller]
    pub(crate) fn store(&self, value: u32, order: Ordering) {
        self.futex.still_there(self.value.store(value, ordering(0, order)))
    }

    #[track_caller]
    pub(crate) fn swap(&self, value: u32, order: Ordering) -> u32 {
        self.futex.still_there(self.value.swap(value, ordering(0, order)))
    }

    #[track_caller]
    pub(crate) fn fetch_or(&self, value: u32, order: Ordering) -> u32 {
        self.futex.still_there(self.value.fetch_or(value, ordering(0, order)))
    }
}

/// Sleeps while the word is as expected; a limited sleep until [`end_limited_sleeps`], too.
pub(crate) fn sleep(word: &impl Word, expected: u32, _: Scope, slice: Option<Slice>) -> Result<()> {
    if word.now() != expected {
        return Err(Errno::AGAIN);
    }
    let sleeper = Sleeper { thread: current(), limited: slice.is_some(), end: Arc::default() };
    let mut sleepers = word.futex().sleepers();
    if let (true, Some(end)) = (sleeper.limited, sleepers.over) {
        drop(sleepers);
        // Who goes on and on lets others go on too.
        yield_now();
        return Err(end);
    }
    sleepers.queue.push_back(sleeper.clone());
    drop(sleepers);
    loop {
        park();
        if let Some(end) = sleeper.end.lock().expect("no thread panics with it").take() {
            return end;
        }
    }
}

/// Wakes up to `count` sleepers. The word's memory may be gone.
pub(crate) fn wake(word: &impl Word, count: u32, _: Scope) {
    // For loom, which has to know that this and other accesses are to be tried in every order.
    word.now();
    let queue = &mut word.futex().sleepers().queue;
    let count = queue.len().min(count as usize);
    queue.drain(..count).for_each(|sleeper| sleeper.rouse(Ok(())));
}

/// Ends every limited sleep: those in progress with this error, later ones at once as by a signal handler.
pub(crate) fn end_limited_sleeps(word: &dyn Word, error: Errno) {
    end_limited(word, error, Errno::INTR);
}

/// From now on limited sleeps end at once, as do those in progress: slices of a longer time.
pub(crate) fn let_slices_end(word: &dyn Word) {
    end_limited(word, Errno::TIMEDOUT, Errno::TIMEDOUT);
}

fn end_limited(word: &dyn Word, now: Errno, later: Errno) {
    word.now();
    let mut sleepers = word.futex().sleepers();
    sleepers.over = Some(later);
    sleepers.queue.retain(|sleeper| {
        if sleeper.limited {
            sleeper.rouse(Err(now));
        }
        !sleeper.limited
    });
}

/// From now on the word may be used for nothing but wake-ups.
pub(crate) fn bury(word: &dyn Word) {
    word.futex().gone.store(true, Ordering::Relaxed);
}

/// The whole word: only its low half is compared.
pub(crate) fn low_half(word: &AtomicU64) -> &AtomicU64 {
    word
}

/// Stands for a page of a process's own.
pub(crate) struct Page([AtomicU32; 2]);

impl Page {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self([AtomicU32::new(0), AtomicU32::new(0)]))
    }

    pub(crate) fn words(&self) -> &[AtomicU32; 2] {
        &self.0
    }
}
