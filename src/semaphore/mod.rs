//! POSIX semaphores: futex words in memory that processes share.

pub mod abi;
mod file;
#[cfg(all(test, loom))]
mod loom_tests;
mod machine;
mod named;
mod options;
mod permit;
mod protocol;

pub use named::{Diagnosis, NamedSemaphore};
pub use options::NamedSemaphoreOptions;
pub use permit::Permit;

use core::fmt;
use core::time::Duration;

use rustix::io::Errno;

use crate::error::{Error, Operation, Result};
#[cfg(not(loom))]
use crate::futex::Scope;
use crate::futex::{Expiry, Never, Unbroken, WaitPolicy, WaitTuning};
use crate::shm::Shareable;
use crate::time::Deadline;
#[cfg(all(not(loom), target_has_atomic = "64"))]
use abi::Gnu64;
#[cfg(not(loom))]
use abi::{Gnu32, Musl, Private};
use abi::{Layout, Native};
use protocol::Protocol;
use protocol::VALUE_MAX;
#[cfg(all(not(loom), target_has_atomic = "64"))]
use protocol::gnu64;
#[cfg(not(loom))]
use protocol::{gnu32, musl};

/// A semaphore in memory, in the layout of the C library that the program is compiled for. See [`SemaphoreOf`].
///
/// In memory that a static program of musl's shares with C programs of glibc's, put a `SemaphoreOf<Gnu64>`.
pub type Semaphore = SemaphoreOf<Native>;

/// A POSIX semaphore, in the place where it is put and in the layout `L`: a counter that can be waited for.
///
/// It is a `sem_t` of the C library that the layout names: 32 or 16 bytes that can lie in a static, on a stack, or in
/// memory that several processes map. Waiting and posting make no system call unless a thread has to sleep or be
/// woken. No priority is inherited: a waiter of high priority waits as long as a holder of low priority is kept from
/// running.
///
/// ```
/// use rawipc::Semaphore;
/// static SLOTS: Semaphore = Semaphore::new(2);
/// let first = SLOTS.acquire()?;
/// let second = SLOTS.acquire()?;
/// assert!(SLOTS.try_wait().is_err());
/// drop(first); // Gives the token back.
/// SLOTS.wait()?;
/// # drop(second);
/// # Ok::<(), rawipc::Error>(())
/// ```
///
/// # Memory of zeros
/// is a semaphore of value 0 that this crate's users share between processes, in all layouts. For musl's own programs
/// it is so too; glibc's take it for one that is private to a process. Where those are involved, put
/// [`new`](Self::new)'s bytes there.
///
/// # Waiting
/// A wait that finds no token sleeps until a post wakes it, its time limit passes, or a signal handler interrupts it,
/// exactly as in the C library; an idle waiter costs no wake-up. [`WaitTuning`] has other ways. There is no order among
/// waiters. What a thread did before it posted is seen by the thread whose wait took that token.
///
/// # Signals, fork, threads
/// A signal handler interrupts a wait: [`Interrupted`](crate::ErrorKind::Interrupted), and no token was taken. With
/// SA_RESTART, which much code installs its handlers with, a wait without a limit goes on instead, and one with a limit
/// is interrupted all the same. A handler that runs right before the wait begins is not noticed by it: let it post to
/// the semaphore, which ends the wait in every case, or give the wait a limit.
/// [`post`](Self::post) may be called in a handler. A child of `fork` shares a semaphore that lies in shared memory,
/// and has its own copy of any other. All methods may be called by any number of threads at once.
///
/// # When a peer dies
/// A semaphore has no owner: the token that a dead process had taken is gone for good, and no process can find out. One
/// killed while it waited stays recorded as a waiter, so each post makes a needless call;
/// [`reset_waiters`](Self::reset_waiters) repairs that. One killed just after it was woken leaves its token there, and
/// takes the wake-up along: other waiters sleep on beside the token until the next post, as in C. A
/// [`recheck_interval`](WaitTuning::recheck_interval) makes up for that: pass one to [`wait_tuned`](Self::wait_tuned),
/// or set it for a named semaphore.
///
/// # References
/// [`sem_overview(7)`](https://man7.org/linux/man-pages/man7/sem_overview.7.html),
/// [`semaphore.h` in POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/semaphore.h.html)
#[doc(alias = "sem_t")]
#[doc(alias = "sem_destroy")]
#[repr(transparent)]
pub struct SemaphoreOf<L: Layout> {
    words: L::Words,
}

/// `const` constructors, which a trait cannot have.
macro_rules! constructors {
    ($($(#[$attribute:meta])* $layout:ident in $module:ident),*) => {$(
        $(#[$attribute])*
        #[cfg(not(loom))]
        impl SemaphoreOf<$layout> {
            /// Creates a semaphore of this value, shared between the processes that map its memory.
            ///
            /// # Panics
            /// If the value is above 2³¹ − 1. In a constant, that is an error of the compilation.
            ///
            /// # References
            /// [`sem_init(3)`](https://man7.org/linux/man-pages/man3/sem_init.3.html)
            #[doc(alias = "sem_init")]
            #[must_use]
            pub const fn new(value: u32) -> Self {
                assert!(value <= VALUE_MAX, "a semaphore's value is at most 2147483647");
                Self { words: $module::Words::new(value, Scope::Shared) }
            }
        }

        $(#[$attribute])*
        #[cfg(not(loom))]
        impl SemaphoreOf<Private<$layout>> {
            /// Creates a semaphore of this value for the threads of one process.
            ///
            /// # Panics
            /// If the value is above 2³¹ − 1. In a constant, that is an error of the compilation.
            #[must_use]
            pub const fn new(value: u32) -> Self {
                assert!(value <= VALUE_MAX, "a semaphore's value is at most 2147483647");
                Self { words: $module::Words::new(value, Scope::Private) }
            }
        }
    )*};
}

constructors!(#[cfg(target_has_atomic = "64")] Gnu64 in gnu64, Gnu32 in gnu32, Musl in musl);

impl<L: Layout> SemaphoreOf<L> {
    /// The highest value of a semaphore, 2³¹ − 1.
    #[doc(alias = "SEM_VALUE_MAX")]
    pub const MAX_VALUE: u32 = VALUE_MAX;

    /// Joins a semaphore that lies somewhere already: a C program's `sem_t`, for example as a field of its struct.
    ///
    /// Use a layout in [`Private`] if C initialized it with `pshared` 0, else the layout itself.
    ///
    /// # Safety
    /// For the whole of `'memory`, the pointer is aligned for `Self` and points to that many bytes, mapped for reading
    /// and writing, and that they are accessed only as a semaphore of this layout.
    #[must_use]
    #[allow(unsafe_code)]
    pub unsafe fn from_ptr<'memory>(pointer: *mut Self) -> &'memory Self {
        // SAFETY: the caller vouches for the memory; all fields are atomics, for which any bytes are a value.
        unsafe { &*pointer }
    }

    /// Adds a token, and wakes a waiter if there is one. No system call if no thread waits.
    ///
    /// The semaphore is not touched any more once the token is out, so the thread that takes it may free the memory.
    ///
    /// # Errors
    /// [`Overflow`](crate::ErrorKind::Overflow) at the maximum of 2³¹ − 1; nothing is added.
    ///
    /// # References
    /// [`sem_post(3)`](https://man7.org/linux/man-pages/man3/sem_post.3.html),
    /// [in POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/sem_post.html)
    #[doc(alias = "sem_post")]
    #[inline]
    pub fn post(&self) -> Result<()> {
        self.words.post(L::SCOPE).map_err(post_error)
    }

    /// Adds that many tokens at once and wakes as many waiters.
    ///
    /// # Errors
    /// [`Overflow`](crate::ErrorKind::Overflow) if the value would be above 2³¹ − 1; nothing is added.
    pub fn post_many(&self, tokens: u32) -> Result<()> {
        self.words.post_many(tokens, L::SCOPE).map_err(post_error)
    }

    /// Takes a token, waiting without a limit until there is one. No system call if there is one.
    ///
    /// # Errors
    /// [`Interrupted`](crate::ErrorKind::Interrupted) by a signal handler; no token was taken.
    ///
    /// # References
    /// [`sem_wait(3)`](https://man7.org/linux/man-pages/man3/sem_wait.3.html),
    /// [in POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/sem_wait.html)
    #[doc(alias = "sem_wait")]
    #[inline]
    pub fn wait(&self) -> Result<()> {
        if self.words.take() { Ok(()) } else { self.wait_long(Unbroken) }
    }

    /// Takes a token if there is one. Never a system call.
    ///
    /// # Errors
    /// [`WouldBlock`](crate::ErrorKind::WouldBlock) if there is none.
    ///
    /// # References
    /// [`sem_trywait` in POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/sem_trywait.html)
    #[doc(alias = "sem_trywait")]
    #[inline]
    pub fn try_wait(&self) -> Result<()> {
        if self.words.try_take() { Ok(()) } else { Err(wait_error(Errno::AGAIN)) }
    }

    /// Takes a token, blocking for at most `timeout`, by the monotonic clock. A timeout of zero tries once, without a
    /// system call.
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut), else as [`wait`](Self::wait).
    #[inline]
    pub fn wait_timeout(&self, timeout: Duration) -> Result<()> {
        if self.words.take() { Ok(()) } else { self.wait_at_most(timeout) }
    }

    /// Takes a token, waiting until the deadline. A deadline in the past tries once, without a system call.
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut), else as [`wait`](Self::wait).
    ///
    /// # References
    /// [`sem_clockwait` in POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/sem_clockwait.html)
    #[doc(alias = "sem_timedwait")]
    #[doc(alias = "sem_clockwait")]
    #[inline]
    pub fn wait_deadline(&self, deadline: Deadline) -> Result<()> {
        if self.words.take() { Ok(()) } else { self.wait_long(deadline) }
    }

    /// Takes a token, waiting until the deadline or without a limit, and spinning and sleeping as told.
    ///
    /// # Errors
    /// As [`wait_deadline`](Self::wait_deadline).
    pub fn wait_tuned(&self, deadline: Option<Deadline>, tuning: WaitTuning) -> Result<()> {
        match deadline {
            None => self.wait_until(Never, tuning),
            Some(deadline) => self.wait_until(deadline, tuning),
        }
    }

    /// What a wait ends in that finds no token, out of line.
    #[cold]
    #[inline(never)]
    fn wait_until(&self, end: impl Expiry, tuning: WaitTuning) -> Result<()> {
        self.words.wait(L::SCOPE, &mut WaitPolicy::new(end, tuning)).map_err(wait_error)
    }

    /// The same with the default tuning.
    #[cold]
    #[inline(never)]
    fn wait_long(&self, end: impl Expiry) -> Result<()> {
        self.wait_until(end, WaitTuning::DEFAULT)
    }

    #[cold]
    fn wait_at_most(&self, timeout: Duration) -> Result<()> {
        if timeout.is_zero() { Err(wait_error(Errno::TIMEDOUT)) } else { self.wait_long(Deadline::after(timeout)) }
    }

    /// Blocks until a token is available and takes it. It is given back when the permit is dropped.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn acquire(&self) -> Result<Permit<'_>> {
        self.wait().map(|()| Permit::new(self))
    }

    /// Takes a token if one is available, without waiting. It is given back when the permit is dropped.
    ///
    /// # Errors
    /// As [`try_wait`](Self::try_wait).
    pub fn try_acquire(&self) -> Result<Permit<'_>> {
        self.try_wait().map(|()| Permit::new(self))
    }

    /// Blocks for at most `timeout`, by the monotonic clock, until a token is available, and takes it. It is given back
    /// when the permit is dropped.
    ///
    /// # Errors
    /// As [`wait_timeout`](Self::wait_timeout).
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<Permit<'_>> {
        self.wait_timeout(timeout).map(|()| Permit::new(self))
    }

    /// Blocks until a token is available or the deadline has passed, and takes the token. It is given back when the
    /// permit is dropped.
    ///
    /// # Errors
    /// As [`wait_deadline`](Self::wait_deadline).
    pub fn acquire_deadline(&self, deadline: Deadline) -> Result<Permit<'_>> {
        self.wait_deadline(deadline).map(|()| Permit::new(self))
    }

    /// Returns how many tokens there are now. Never negative: waiters do not count.
    ///
    /// # References
    /// [`sem_getvalue(3)`](https://man7.org/linux/man-pages/man3/sem_getvalue.3.html)
    #[doc(alias = "sem_getvalue")]
    #[must_use]
    pub fn value(&self) -> u32 {
        self.words.value()
    }

    /// Returns how many waiters are recorded: those that wait, and those that were killed while they did.
    #[must_use]
    pub fn waiters(&self) -> u32 {
        self.words.waiters()
    }

    /// Forgets all recorded waiters, so that posts make no needless calls after a waiter was killed.
    ///
    /// For when no thread waits: one that does would not be woken any more, and would sleep for ever without a time
    /// limit or a [`recheck_interval`](WaitTuning::recheck_interval).
    pub fn reset_waiters(&self) {
        self.words.reset_waiters();
    }
}

impl<L: Layout> fmt::Debug for SemaphoreOf<L> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Semaphore").field("value", &self.value()).field("waiters", &self.waiters()).finish()
    }
}

// SAFETY: a semaphore is made of atomics, for which any bytes are a value, in the layout of its C library.
#[allow(unsafe_code)]
unsafe impl<L: Layout> Shareable for SemaphoreOf<L> where L::Words: Sync {}

#[cold]
fn post_error(errno: Errno) -> Error {
    Error::system(Operation::Post, errno)
}

#[cold]
fn wait_error(errno: Errno) -> Error {
    Error::system(Operation::Wait, errno)
}
