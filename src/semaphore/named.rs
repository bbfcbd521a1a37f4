//! Named semaphores: those that `sem_open` of the C libraries opens.

#![allow(unsafe_code)]

use core::fmt;
use core::time::Duration;

use rustix::io::Errno;

use super::abi::Abi;
#[cfg(target_has_atomic = "64")]
use super::abi::Gnu64;
use super::abi::{Gnu32, Musl};
use super::file::prefix;
use super::options::NamedSemaphoreOptions;
use super::permit::{GiveBack, Permit};
use super::protocol::Protocol;
use super::{SemaphoreOf, wait_error};
use crate::dev_shm::{Identity, ObjectName};
use crate::error::{Error, Operation, Result};
use crate::futex::{Never, WaitTuning};
use crate::name::Name;
use crate::shm::Mapping;
use crate::time::Deadline;

/// A semaphore that processes find by its name; the same that `sem_open` of C and Python open.
///
/// It is a file in `/dev/shm`: `sem.NAME` for glibc, `NAME` for musl. Place, layout and protocol are by default those
/// of [the machine's C library](Abi::of_machine), whatever this program is linked with: a static program of musl's, or
/// one without a C library, shares its semaphores with the C and Python programs of a machine of glibc's. What is said
/// of waiting, signals, fork and dying peers at [`SemaphoreOf`] holds here too; programs of the two C libraries cannot
/// share one semaphore, and before musl 1.2.4 that library's protocol was another.
///
/// ```
/// use core::time::Duration;
/// use rawipc::{name, NamedSemaphore};
/// let done = NamedSemaphore::options().create(true).initial_value(0)
///     .unlink_on_drop(true).open(name!("/rawipc-doc-done"))?;
/// done.post()?;
/// done.wait_timeout(Duration::from_secs(1))?;
/// # Ok::<(), rawipc::Error>(())
/// ```
///
/// For the semaphores of another C library than the machine's, ask for its layout:
/// `NamedSemaphore::options().abi(Abi::Musl)`.
///
/// # References
/// [`sem_overview(7)`](https://man7.org/linux/man-pages/man7/sem_overview.7.html)
#[doc(alias = "sem_open")]
pub struct NamedSemaphore {
    abi: Abi,
    mapping: Mapping,
    tuning: WaitTuning,
    name: ObjectName,
    /// The file, whose descriptor is closed.
    file: Identity,
}

/// Does the same with the semaphore in its layout.
macro_rules! in_layout {
    ($named:expr, $semaphore:ident => $action:expr) => {
        match $named.abi {
            #[cfg(target_has_atomic = "64")]
            Abi::Gnu64 => {
                // SAFETY: `new` was given a file of this layout, of 32 bytes, whose words are all atomics.
                let $semaphore = unsafe { $named.mapping.at_start::<SemaphoreOf<Gnu64>>() };
                $action
            }
            Abi::Musl => {
                // SAFETY: `new` was given a file of this layout, whose words are all atomics; those beyond its end, of
                // which no operation makes use, lie in the same page.
                let $semaphore = unsafe { $named.mapping.at_start::<SemaphoreOf<Musl>>() };
                $action
            }
            // Or `Gnu64` which there is not where there are no 64-bit atomics.
            _ => {
                // SAFETY: `new` was given a file of this layout, of 16 bytes, whose words are all atomics.
                let $semaphore = unsafe { $named.mapping.at_start::<SemaphoreOf<Gnu32>>() };
                $action
            }
        }
    };
}

impl NamedSemaphore {
    /// The highest value of a semaphore, 2³¹ − 1.
    #[doc(alias = "SEM_VALUE_MAX")]
    pub const MAX_VALUE: u32 = super::Semaphore::MAX_VALUE;

    /// Options for opening or creating a semaphore; nothing is chosen yet but the mode 0o600 and the value 0.
    pub const fn options() -> NamedSemaphoreOptions {
        NamedSemaphoreOptions::new()
    }

    /// Removes a semaphore's name, in the place where the [machine's C library](Abi::of_machine) keeps it. Processes
    /// that have it open go on using it. For another library's: [`NamedSemaphoreOptions::unlink`].
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound); [`PermissionDenied`](crate::ErrorKind::PermissionDenied), with EPERM
    /// for another user's in the sticky `/dev/shm` (glibc makes EACCES of it);
    /// [`InvalidName`](crate::ErrorKind::InvalidName) beyond 251 bytes for glibc's.
    ///
    /// # References
    /// [`sem_unlink(3)`](https://man7.org/linux/man-pages/man3/sem_unlink.3.html),
    /// [in POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/sem_unlink.html)
    #[doc(alias = "unlink_semaphore")]
    #[doc(alias = "sem_unlink")]
    pub fn unlink(name: &Name) -> Result<()> {
        Self::options().unlink(name)
    }

    /// Adds a token: [`SemaphoreOf::post`].
    ///
    /// # Errors
    /// The same.
    #[inline]
    pub fn post(&self) -> Result<()> {
        in_layout!(self, semaphore => semaphore.post())
    }

    /// Adds many tokens: [`SemaphoreOf::post_many`].
    ///
    /// # Errors
    /// The same.
    pub fn post_many(&self, tokens: u32) -> Result<()> {
        in_layout!(self, semaphore => semaphore.post_many(tokens))
    }

    /// Takes a token, waiting without a limit: [`SemaphoreOf::wait`].
    ///
    /// # Errors
    /// The same.
    #[inline]
    pub fn wait(&self) -> Result<()> {
        in_layout!(self, semaphore => {
            if semaphore.words.take() { Ok(()) } else { semaphore.wait_until(Never, self.tuning) }
        })
    }

    /// Takes a token if there is one: [`SemaphoreOf::try_wait`].
    ///
    /// # Errors
    /// The same.
    #[inline]
    pub fn try_wait(&self) -> Result<()> {
        in_layout!(self, semaphore => semaphore.try_wait())
    }

    /// Takes a token, blocking for at most `timeout`: [`SemaphoreOf::wait_timeout`].
    ///
    /// # Errors
    /// The same.
    #[inline]
    pub fn wait_timeout(&self, timeout: Duration) -> Result<()> {
        in_layout!(self, semaphore => {
            if semaphore.words.take() {
                Ok(())
            } else if timeout.is_zero() {
                Err(wait_error(Errno::TIMEDOUT))
            } else {
                semaphore.wait_until(Deadline::after(timeout), self.tuning)
            }
        })
    }

    /// Takes a token, waiting until a deadline: [`SemaphoreOf::wait_deadline`].
    ///
    /// # Errors
    /// The same.
    pub fn wait_deadline(&self, deadline: Deadline) -> Result<()> {
        in_layout!(self, semaphore => {
            if semaphore.words.take() { Ok(()) } else { semaphore.wait_until(deadline, self.tuning) }
        })
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

    /// Returns how many tokens there are now: [`SemaphoreOf::value`].
    #[must_use]
    pub fn value(&self) -> u32 {
        in_layout!(self, semaphore => semaphore.value())
    }

    /// Returns how many waiters are recorded: [`SemaphoreOf::waiters`].
    #[must_use]
    pub fn waiters(&self) -> u32 {
        in_layout!(self, semaphore => semaphore.waiters())
    }

    /// Forgets all recorded waiters. Call it when no thread waits: [`SemaphoreOf::reset_waiters`].
    pub fn reset_waiters(&self) {
        in_layout!(self, semaphore => semaphore.reset_waiters());
    }

    /// Returns its layout and protocol.
    #[must_use]
    pub const fn abi(&self) -> Abi {
        self.abi
    }

    /// Returns the name that it was opened by. The name may be gone, or stand for another semaphore by now.
    #[must_use]
    pub fn name(&self) -> &Name {
        self.name.name()
    }

    /// Returns `true` if the name that it was opened by still stands for this semaphore.
    ///
    /// `false` means that the name was removed, or stands for another semaphore by now: tokens that are added here
    /// reach no process that opens the name from now on. Open the name again.
    ///
    /// ```
    /// use rawipc::{name, NamedSemaphore};
    /// let options = NamedSemaphore::options().create(true).unlink_on_drop(true);
    /// let serve = || options.open(name!("/rawipc-doc-sem-restart"));
    /// let server = serve()?;
    /// let client = NamedSemaphore::options().open(name!("/rawipc-doc-sem-restart"))?;
    /// assert!(client.is_linked()?);
    ///
    /// drop(server);
    /// let server = serve()?; // It was restarted.
    /// assert!(server.is_linked()? && !client.is_linked()?);
    /// # Ok::<(), rawipc::Error>(())
    /// ```
    ///
    /// One system call (`stat`): the file that the name stands for now, in this process's mount namespace and in the
    /// place of the layout's C library, is compared with the one that was opened. The answer is as old as the call. A
    /// child of `fork` gets the same answer as its parent.
    ///
    /// # Errors
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) if `/dev/shm` may not be searched.
    #[doc(alias = "st_nlink")]
    pub fn is_linked(&self) -> Result<bool> {
        let linked = self.name.stands_for(prefix(self.abi), self.file);
        linked.map_err(|errno| Error::system(Operation::SemaphoreStatus, errno))
    }

    /// Returns how waits of this handle spin and sleep.
    #[must_use]
    pub const fn tuning(&self) -> WaitTuning {
        self.tuning
    }

    /// Sets how waits of this handle spin and sleep.
    pub const fn set_tuning(&mut self, tuning: WaitTuning) {
        self.tuning = tuning;
    }

    /// Returns what is known about it. Its `Display` is a sentence for people.
    #[must_use]
    pub fn diagnose(&self) -> Diagnosis {
        Diagnosis { abi: self.abi, value: self.value(), waiters: self.waiters() }
    }

    /// Closes the semaphore, after removing its name if [`unlink_on_drop`](NamedSemaphoreOptions::unlink_on_drop) asks
    /// for it. Dropping does the same and has nowhere to report an error.
    ///
    /// # Errors
    /// Those of [`unlink`](Self::unlink), except that a name that is gone already is as good.
    ///
    /// # References
    /// [`sem_close(3)`](https://man7.org/linux/man-pages/man3/sem_close.3.html)
    #[doc(alias = "sem_close")]
    pub fn close(mut self) -> Result<()> {
        self.name.remove().map_err(|errno| Error::system(Operation::UnlinkSemaphore, errno))
    }

    /// Takes over the mapping of a file that is known to hold a semaphore of this layout, one that this machine has
    /// atomics for.
    pub(super) const fn new(mapping: Mapping, abi: Abi, tuning: WaitTuning, name: ObjectName, file: Identity) -> Self {
        Self { abi, mapping, tuning, name, file }
    }
}

/// What is known about a semaphore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// The layout and protocol.
    pub abi: Abi,
    /// How many tokens there are.
    pub value: u32,
    /// How many waiters are recorded: those that wait, and those that were killed while they did.
    pub waiters: u32,
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { abi, value, waiters } = self;
        write!(formatter, "layout {abi}, value {value}, {waiters} recorded as waiting")
    }
}

impl GiveBack for NamedSemaphore {
    fn give_back(&self) -> Result<()> {
        self.post()
    }
}

impl fmt::Debug for NamedSemaphore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("NamedSemaphore")
            .field("name", &self.name())
            .field("abi", &self.abi)
            .field("value", &self.value())
            .field("waiters", &self.waiters())
            .finish()
    }
}
