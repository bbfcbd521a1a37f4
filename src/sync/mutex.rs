//! The lock as a handle, and its place in memory.
//!
//! # Format, version 1
//! Numbers are in the machine's own byte order. Memory of zeros is a mutex that was never opened.
//!
//! | offset | content |
//! |---|---|
//! | 0 | the 4 bytes `rwM1`, written last by who opens it first |
//! | 4 | `u32`: the lock's word, a futex (see `lock.rs`) |
//! | 8 | zero |
//! | 64 | 128 × `u32`: the generation of each participant's slot, odd while the slot is taken |
//!
//! A participant in slot `n` holds an exclusive open-file-description lock on byte 2⁶² + (the mutex's offset in the
//! object) + `n` of the object, and on no other byte: another kind of lock there is not a peer's. The process that gets
//! that lock raises the generation to the next odd number; an owner is the generation × 256 + `n` + 1, in 30 bits.
//! Slots with an even generation are taken before others, and of those the one with the lowest.

use core::fmt;
use core::time::Duration;

use rustix::io::{self, Errno};

use super::guard::{InconsistentGuard, Locked, RobustMutexGuard};
use super::lock::{Acquired, Lock};
use super::peers::{Peer, PeerId, PeerTable, Peers, error_of};
use crate::error::{Argument, Cause, Error, Operation, Result, SharedFault};
use crate::futex::primitive::AtomicU32;
use crate::futex::primitive::Ordering::{Acquire, Release};
use crate::futex::{WaitPolicy, WaitTuning};
use crate::shm::{Placed, SharedMemory, shareable};
use crate::time::Deadline;

/// A multiple of the size of pages, whatever that is.
const WHOLE_PAGES: usize = 1 << 16;

pub(super) const MAGIC: u32 = u32::from_ne_bytes(*b"rwM1");

shareable! {
    struct Words {
        magic: AtomicU32,
        lock: Lock,
        rest: [AtomicU32; 14],
        table: PeerTable,
    }
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Words>() == RobustMutex::SIZE);

/// A mutex in shared memory that survives its holder. When the holder dies, the next process gets the lock, and a type
/// that says so.
///
/// It lies in any shared memory object, [named](SharedMemory::options) or [anonymous](SharedMemory::anonymous), at an
/// offset that all agree on; memory of zeros is one. Locking and unlocking make no system call unless a thread has to
/// sleep or be woken.
///
/// ```
/// use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
/// use rawipc::{name, RobustMutex, SharedMemory};
///
/// let memory = SharedMemory::options().write(true).create(true).size(4096)
///     .unlink_on_drop(true).open(name!("/rawipc-doc-robust"))?;
/// let mutex = RobustMutex::in_memory(&memory, 0)?;
/// let mapping = memory.map()?;
/// let accounts: &[AtomicU64; 2] = mapping.get(1024)?;
///
/// let guard = mutex.lock()?.recover(|| {
///     // The last holder died in the middle. Repair what the mutex guards.
///     accounts.iter().for_each(|account| account.store(0, Relaxed));
/// });
/// accounts[0].fetch_sub(5, Relaxed);
/// accounts[1].fetch_add(5, Relaxed);
/// # drop(guard);
/// # Ok::<(), rawipc::Error>(())
/// ```
///
/// # When the holder dies
/// Each handle holds a lock of the kernel's on a byte of the object's file, which the kernel drops with the process's
/// memory: at any end of the process, and at `exec`. A waiter sleeps for a while ([`WaitTuning::recheck_interval`])
/// before it asks the kernel whether the holder is still there: for at most 48 ms at first, and for at most 1.5 seconds
/// when it has waited for long. So a death is noticed within that time; the forms that do not wait ask at once. No PID
/// is compared, so neither its reuse nor another PID namespace matters. A process that is stopped, or still writing its
/// core file, is not dead.
///
/// The kernel drops the lock when it has freed the process's memory, which takes longer the more there is. On Linux
/// 6.18 the death of a holder with 1 GiB of touched memory was noticed after 151 ms, with 4 GiB after 722 ms.
///
/// The object's file system must keep a lock for as long as a mapping is left. A tmpfs (`/dev/shm`), anonymous memory
/// and file systems on a disk do. An overlayfs, as the root of a container, does not: there
/// [`in_memory`](Self::in_memory) fails.
///
/// The kernel is asked through the descriptor that the handle has. If a program closes that descriptor without the
/// handle's knowledge, as daemons do that close all descriptors, no death is concluded from the file that has the
/// number then: locking fails with [`BadDescriptor`](crate::ErrorKind::BadDescriptor).
///
/// The next process that gets the lock gets it as [`Locked::OwnerDied`]. It repairs what the mutex guards and calls
/// [`mark_consistent`](InconsistentGuard::mark_consistent). If it unlocks without that call, no process gets the lock
/// any more ([`NotRecoverable`](crate::ErrorKind::NotRecoverable)). If it dies too, the next one gets
/// [`Locked::OwnerDied`] again.
///
/// # Threads, fork, signals
/// A handle may be used by any number of threads, which exclude each other too. A thread that locks again what it has
/// locked waits for itself. A child of `fork` is another peer: it does not have its parent's lock, and a guard
/// that it has inherited unlocks nothing there. A signal handler interrupts a wait:
/// [`Interrupted`](crate::ErrorKind::Interrupted). With SA_RESTART it does so too, unless the wait has neither a time
/// limit nor a [`recheck_interval`](WaitTuning::recheck_interval): such a wait goes on. A wait with an interval can
/// miss a handler, and then goes on: see [there](WaitTuning::recheck_interval) for how often. [`lock`](Self::lock) must
/// not be called in a handler. No priority is inherited: a waiter of high priority waits as long as a holder of low
/// priority is kept from running.
///
/// Two kinds of children can keep a dead parent's lock. One is forked by another thread during the few microseconds in
/// which a handle is opened (or used for the first time in a forked child). The other is a child of `vfork` or
/// `posix_spawn`, which shares its parent's memory until it calls `exec`. If the parent is killed then, it counts as
/// alive until that child ends or calls `exec`, and others wait for as long as their time limits allow. To avoid the
/// first, open handles before other threads fork. To end either, end the child.
///
/// # Peers
/// All peers need the right to read and to write the object, and can do anything with it: a peer that
/// never unlocks, or overwrites the words, keeps others waiting up to their time limits, lets two in at a time, or
/// makes it [`NotRecoverable`](crate::ErrorKind::NotRecoverable). Nothing worse happens. A word that names no peer that
/// lives is a dead owner's; one that names a participant makes that one the owner until its handle is closed.
///
/// # References
/// [`pthread_mutexattr_setrobust` in
/// POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/pthread_mutexattr_getrobust.html), for what an
/// owner's death means; [`fcntl(2)`](https://man7.org/linux/man-pages/man2/fcntl.2.html) for open file description
/// locks
#[doc(alias = "pthread_mutex_t")]
pub struct RobustMutex {
    words: Placed<Words>,
    peer: Peer,
    tuning: WaitTuning,
}

impl RobustMutex {
    /// How many bytes it takes.
    pub const SIZE: usize = 576;

    /// Begins to use the mutex that lies at an offset in an object, a multiple of 4; the [`SIZE`](Self::SIZE) bytes
    /// from there on must be a mutex or zero. Up to 128 handles can be attached at a time.
    ///
    /// The object's handle may be closed afterwards.
    ///
    /// A dead holder's place among the 128 is given to a new handle only when no other place is free. The number that
    /// tells the two apart comes again when 2,097,152 handles have had that place. Places are taken in turns, so this
    /// needs about 268 million openings, during which no handle may have found the dead holder: only then can a new
    /// handle be taken for it, and the mutex seem held until that handle is closed.
    ///
    /// # Errors
    /// | kind | when |
    /// |---|---|
    /// | [`InvalidInput`](crate::ErrorKind::InvalidInput) | it does not fit into the object there, or is not aligned |
    /// | [`Malformed`](crate::ErrorKind::Malformed) | something else lies there |
    /// | [`PermissionDenied`](crate::ErrorKind::PermissionDenied) | without the right to open the object for reading and writing |
    /// | [`LimitExceeded`](crate::ErrorKind::LimitExceeded) | 128 handles are attached; or no free descriptor |
    /// | [`Busy`](crate::ErrorKind::Busy) | another process's lock covers the bytes that participants lock: a read lock, or `lockf` or `fcntl` on the whole file |
    /// | [`Unsupported`](crate::ErrorKind::Unsupported) | the object lies on a file system that drops a lock with the descriptor (overlayfs); it is made of huge pages; before Linux 4.14; or `/proc` is not mounted and the object has no name |
    ///
    /// No place is taken and nothing stays mapped when it fails.
    pub fn in_memory(memory: &SharedMemory, offset: usize) -> Result<Self> {
        if !offset.is_multiple_of(align_of::<Words>()) {
            return Err(Error::argument(Operation::OpenMutex, Argument::Unaligned, align_of::<Words>() as u32));
        }
        Peer::check_pages(memory, Operation::OpenMutex)?;
        // Whole pages are mapped.
        let start = offset % WHOLE_PAGES;
        let begin = (offset - start) as u64;
        let mapping = memory.map_options().offset(begin).length(start.saturating_add(Self::SIZE)).map()?;
        let words = mapping.into_placed::<Words>(start)?;
        words.get().claim()?;
        let (memory, table) = (memory.try_clone()?, &words.get().table);
        let peer = Peer::new(memory, b"", offset as u64, table, Operation::OpenMutex)?;
        Ok(Self { words, peer, tuning: WaitTuning::ROBUST })
    }

    /// Locks it, waiting without a limit. No system call if it is free.
    ///
    /// # Errors
    /// [`NotRecoverable`](crate::ErrorKind::NotRecoverable) if what it guards was left inconsistent;
    /// [`Interrupted`](crate::ErrorKind::Interrupted) by a signal handler;
    /// [`BadDescriptor`](crate::ErrorKind::BadDescriptor) if the handle's descriptor was closed without its knowledge;
    /// in a child of `fork` also the errors of [`in_memory`](Self::in_memory) about attaching.
    ///
    /// # References
    /// [`pthread_mutex_lock` in
    /// POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/pthread_mutex_lock.html)
    #[doc(alias = "pthread_mutex_lock")]
    #[inline]
    pub fn lock(&self) -> Result<Locked<'_>> {
        self.lock_by(|me| self.wait(me, None))
    }

    /// Locks it if it is free, or if its holder is dead, which the kernel is asked if it is not free.
    ///
    /// # Errors
    /// [`WouldBlock`](crate::ErrorKind::WouldBlock) if it is held, else as [`lock`](Self::lock).
    #[doc(alias = "pthread_mutex_trylock")]
    #[inline]
    pub fn try_lock(&self) -> Result<Locked<'_>> {
        self.lock_by(|me| self.words.get().lock.try_lock(me, &self.peers()))
    }

    /// Locks it, blocking for at most `timeout`, by the monotonic clock. A timeout of zero tries once.
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut), else as [`lock`](Self::lock).
    #[inline]
    pub fn lock_timeout(&self, timeout: Duration) -> Result<Locked<'_>> {
        self.lock_by(|me| self.wait(me, Some(Deadline::after(timeout))))
    }

    /// Locks it, waiting until the deadline. A deadline in the past tries once.
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut), else as [`lock`](Self::lock).
    ///
    /// # References
    /// [`pthread_mutex_clocklock` in
    /// POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/pthread_mutex_clocklock.html)
    #[doc(alias = "pthread_mutex_timedlock")]
    #[doc(alias = "pthread_mutex_clocklock")]
    #[inline]
    pub fn lock_deadline(&self, deadline: Deadline) -> Result<Locked<'_>> {
        self.lock_by(|me| self.wait(me, Some(deadline)))
    }

    /// Returns `true` if a peer, dead or alive, has it at this moment.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.words.get().lock.is_locked()
    }

    /// Returns how waits of this handle spin and sleep. The default makes no pauses and has a recheck interval of one
    /// second.
    #[must_use]
    pub const fn tuning(&self) -> WaitTuning {
        self.tuning
    }

    /// Sets how waits of this handle spin and sleep.
    ///
    /// Without a recheck interval a thread that waits never wakes up while nothing happens, and no signal is lost to
    /// it. It asks once whether the holder is dead, before it sleeps. If the holder dies later, it sleeps on until its
    /// time limit passes or a handler interrupts it.
    pub const fn set_tuning(&mut self, tuning: WaitTuning) {
        self.tuning = tuning;
    }

    #[inline]
    fn lock_by(&self, wait: impl FnOnce(PeerId) -> io::Result<Acquired>) -> Result<Locked<'_>> {
        let owner = self.peer.me(&self.words.get().table, Operation::Lock)?;
        let taken = if self.words.get().lock.try_lock_uncontended(owner) {
            Acquired::Clean
        } else {
            wait(owner).map_err(lock_error)?
        };
        Ok(match taken {
            Acquired::Clean => Locked::Consistent(RobustMutexGuard { mutex: self, owner }),
            Acquired::OwnerDied => Locked::OwnerDied(InconsistentGuard { mutex: self, owner }),
        })
    }

    fn wait(&self, me: PeerId, deadline: Option<Deadline>) -> io::Result<Acquired> {
        self.words.get().lock.lock(me, &self.peers(), &mut WaitPolicy::new(deadline, self.tuning))
    }

    /// Returns the lock, if `owner` is this process: in a child of `fork` it is the parent's.
    #[inline]
    pub(super) fn lock_of(&self, owner: PeerId) -> Option<&Lock> {
        self.peer.is_me(owner).then(|| &self.words.get().lock)
    }

    fn peers(&self) -> Peers<'_> {
        Peers { peer: &self.peer, table: &self.words.get().table }
    }
}

impl Words {
    /// Makes memory of zeros a mutex, and makes sure that it is one.
    fn claim(&self) -> Result<()> {
        let fault = || Error::caused(Operation::OpenMutex, Errno::INVAL, Cause::Shared(SharedFault::NoMutex));
        claim(&self.magic, &self.lock, self.rest.iter().chain(&self.table)).then_some(()).ok_or_else(fault)
    }
}

/// Makes words of zeros a mutex; whether they are one.
pub(super) fn claim<'words>(magic: &AtomicU32, lock: &Lock, rest: impl IntoIterator<Item = &'words AtomicU32>) -> bool {
    // A process that has used it has claimed it before, so a process that sees the use sees the claim.
    let is_clear = || lock.is_clear() && rest.into_iter().all(|word| word.load(Acquire) == 0);
    // Another process may have claimed it, and used it, since the first look.
    // Ordering: who claims it has written nothing before, so there is nothing to see.
    if magic.load(Acquire) == MAGIC || is_clear() || magic.load(Acquire) == MAGIC {
        // Ordering: as above.
        let (Ok(there) | Err(there)) = magic.compare_exchange(0, MAGIC, Release, Acquire);
        return there == 0 || there == MAGIC;
    }
    false
}

#[cold]
fn lock_error(errno: Errno) -> Error {
    error_of(Operation::Lock, errno)
}

impl Drop for RobustMutex {
    fn drop(&mut self) {
        self.peer.leave(&self.words.get().table);
    }
}

impl fmt::Debug for RobustMutex {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RobustMutex").field("locked", &self.is_locked()).finish_non_exhaustive()
    }
}
