//! One value in one shared memory object, initialized exactly once.
//!
//! # Format, version 1
//! Numbers are in the machine's own byte order.
//!
//! | offset | content |
//! |---|---|
//! | 0 | the 8 bytes `rawipc/S` |
//! | 8 | `u32`: the version of this format, 1 |
//! | 12 | `u32`: the state, 0 until the value is whole, then 1; a futex that those sleep on who wait for it |
//! | 16 | `u32`: the size of the value |
//! | 20 | `u32`: its alignment |
//! | 24 | `u32`: the version of its type, as the program says |
//! | 28 | zero |
//! | 64, or the next multiple of the alignment | the value |
//!
//! The file gets its name when all is there but the value, and the state is 0. The initializing process holds a lock
//! (`flock`) on the file, the creator from before it has a name. The kernel releases it when the process dies, so a
//! process that gets the lock and finds the state 0 begins again. A child forked meanwhile has the same open file, and
//! keeps the lock.
//!
//! A file of 0 bytes, as killed creators of earlier versions left it, is given its size under the lock, and the 8 bytes
//! at the start before all others. So an object of the right length that has not all of them is taken over only if
//! everything else is zero: anything else is another program's object that happens to be as long.

use core::cell::Cell;
use core::fmt;
use core::ops::Deref;
use core::sync::atomic::{
    AtomicU32,
    Ordering::{Relaxed, SeqCst},
    fence,
};
use core::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::mapping::Placed;
use super::object::reserve;
use super::progress::Progress;
use super::read_only_shared::is_linked;
use super::shared_header::{FORMAT, Header, MAGIC, clear, has_magic, is_abandoned, is_ready};
use super::{Mapping, Shareable, SharedMemory, SharedMemoryOptions};
use crate::dev_shm::{Identity, ObjectName};
use crate::error::{Cause, Error, Need, Operation, Result, SharedFault};
use crate::name::Name;
use crate::time::Deadline;

/// A value in shared memory that the first user initializes and all others find whole.
///
/// However many processes open it at once, exactly one initializes it; the others wait for that, with a bound. If the
/// one that initializes dies, another one begins again. What is there is checked before it is used: another type's
/// size, another version or anything else is an error.
///
/// One case keeps a dead initializer's place: a child that another thread forks while the value is initialized, or a
/// child of `vfork` or `posix_spawn` before its `exec`. If the initializer is killed then, opening fails with
/// [`TimedOut`](crate::ErrorKind::TimedOut) after the [`patience`](SharedOptions::patience) until that child ends or
/// calls `exec`; afterwards the next one begins again. To avoid it, open values before other threads fork. A value that
/// is whole is not affected.
///
/// ```
/// use core::sync::atomic::{AtomicU64, Ordering};
/// use rawipc::{name, shareable, Shared};
///
/// shareable! {
///     struct Statistics {
///         requests: AtomicU64,
///         started: AtomicU64,
///     }
/// }
///
/// let statistics = Shared::<Statistics>::options().version(1).unlink_on_drop(true)
///     .open(name!("/rawipc-doc-statistics"), |fresh| fresh.started.store(1_700_000_000, Ordering::Relaxed))?;
/// statistics.requests.fetch_add(1, Ordering::Relaxed);
/// assert_eq!(statistics.started.load(Ordering::Relaxed), 1_700_000_000);
/// # Ok::<(), rawipc::Error>(())
/// ```
pub struct Shared<T: Shareable> {
    /// Removed when this is dropped, if it is to be.
    name: Option<ObjectName>,
    /// The object, whose descriptor is closed.
    file: Identity,
    value: Placed<T>,
}

/// How to open a [`Shared`] value; made by [`Shared::options`].
#[derive(Debug)]
#[must_use]
pub struct SharedOptions<T> {
    memory: SharedMemoryOptions,
    version: u32,
    patience: Duration,
    value: core::marker::PhantomData<fn() -> T>,
}

impl<T: Shareable> Shared<T> {
    /// Options for opening a value: mode 0o600, version 0, a patience of 5 s.
    pub const fn options() -> SharedOptions<T> {
        const { assert!(size_of::<T>() <= 1 << 30 && align_of::<T>() <= 4096) };
        SharedOptions {
            memory: SharedMemory::options().write(true),
            version: 0,
            patience: Duration::from_secs(5),
            value: core::marker::PhantomData,
        }
    }

    /// Returns the name that it was opened by.
    #[must_use]
    pub fn name(&self) -> Option<&Name> {
        self.name.as_ref().map(ObjectName::name)
    }

    /// Returns `true` if the name that it was opened by still stands for this value: see
    /// [`SharedMemory::is_linked`]. One system call (`stat`).
    ///
    /// ```
    /// # use core::sync::atomic::AtomicU64;
    /// # use rawipc::{name, Shared};
    /// let options = Shared::<AtomicU64>::options().unlink_on_drop(true);
    /// let server = options.open(name!("/rawipc-doc-shared-linked"), |_| {})?;
    /// let client = Shared::<AtomicU64>::options().open_existing(name!("/rawipc-doc-shared-linked"))?;
    /// drop(server); // It ends, and removes the name.
    /// assert!(!client.is_linked()?);
    /// # Ok::<(), rawipc::Error>(())
    /// ```
    /// # Errors
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) if `/dev/shm` may not be searched.
    #[doc(alias = "st_nlink")]
    pub fn is_linked(&self) -> Result<bool> {
        self.name.as_ref().map_or(Ok(false), |name| is_linked(name, self.file))
    }
}

// Not derived: that would ask it of the value, of which the options have none.
impl<T> Clone for SharedOptions<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SharedOptions<T> {}

impl<T: Shareable> SharedOptions<T> {
    /// Where the value lies.
    pub(super) const OFFSET: usize = size_of::<Header>().next_multiple_of(align_of::<T>());
    /// The size of the object.
    pub(super) const TOTAL: usize = Self::OFFSET + size_of::<T>();

    /// Sets the version of the type. Change it with the meaning of its fields. Opening another version's value is an
    /// error.
    pub const fn version(self, version: u32) -> Self {
        Self { version, ..self }
    }

    /// Sets how long to wait at most for another process that initializes the value.
    pub const fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Sets which users may open it if it is created here: see [`SharedMemoryOptions::mode`].
    pub const fn mode(self, mode: u32) -> Self {
        Self { memory: self.memory.mode(mode), ..self }
    }

    /// Sets which users may open it if it is created here, independent of the umask: see
    /// [`SharedMemoryOptions::exact_mode`].
    pub const fn exact_mode(self, mode: u32) -> Self {
        Self { memory: self.memory.exact_mode(mode), ..self }
    }

    /// Sets the group of an object created here: see [`SharedMemoryOptions::group`].
    pub const fn group(self, group: u32) -> Self {
        Self { memory: self.memory.group(group), ..self }
    }

    /// Returns `true` if the handle that created the object removes its name: see
    /// [`SharedMemoryOptions::unlink_on_drop`].
    pub const fn unlink_on_drop(self, unlink_on_drop: bool) -> Self {
        Self { memory: self.memory.unlink_on_drop(unlink_on_drop), ..self }
    }

    /// Opens the value of this name. If there is none yet, creates it and has it initialized: `initialize` gets memory
    /// of zeros. It must not fork.
    ///
    /// # Errors
    /// [`Malformed`](crate::ErrorKind::Malformed) if the object is something else, or of another size, alignment or
    /// version; [`TimedOut`](crate::ErrorKind::TimedOut) if another process initializes for longer than the
    /// [`patience`](Self::patience); else as [`SharedMemoryOptions::open`].
    pub fn open(&self, name: &Name, initialize: impl FnOnce(&T)) -> Result<Shared<T>> {
        let memory = self.memory.create(true).size(Self::TOTAL as u64);
        let new = Cell::new(None);
        let (memory, is_new) = memory.create_or_open_with(name, &|memory| {
            new.set(Some(self.make_ready(memory)?));
            Ok(())
        })?;
        let mapping = match new.into_inner().filter(|_| is_new) {
            Some(mapping) => {
                complete(&mapping, Self::OFFSET, initialize)?;
                unlock(&memory);
                mapping
            }
            None => self.wait_or_initialize(&memory, initialize)?,
        };
        self.finish(memory, mapping)
    }

    /// Makes all of a new object but the value, and takes the lock: once it has its name, nothing can fail.
    fn make_ready(&self, memory: &SharedMemory) -> Result<Mapping> {
        flock(memory, FlockOperation::NonBlockingLockExclusive).map_err(system)?;
        let mapping = memory.map()?;
        self.write_header(&mapping)?;
        Ok(mapping)
    }

    /// Waits until another process has initialized it, or does so in the place of one that died.
    fn wait_or_initialize(&self, memory: &SharedMemory, initialize: impl FnOnce(&T)) -> Result<Mapping> {
        let deadline = Deadline::after(self.patience);
        loop {
            let mapping = match self.look(memory)? {
                Some(mapping) if is_ready(&mapping) => return Ok(mapping),
                mapping => mapping,
            };
            match flock(memory, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {
                    let result = self.initialize(memory, initialize);
                    unlock(memory);
                    return result;
                }
                Err(Errno::WOULDBLOCK) if deadline.has_passed() => return Err(system(Errno::TIMEDOUT)),
                Err(Errno::WOULDBLOCK) => pause(mapping.as_ref()),
                Err(Errno::NOSYS) => {
                    let cause = Cause::Needs(Need::FileLocks);
                    return Err(Error::caused(Operation::OpenShared, Errno::NOSYS, cause));
                }
                Err(errno) => return Err(system(errno)),
            }
        }
    }

    /// Opens the value of this name, which must be there and whole.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if it is not there; [`Malformed`](crate::ErrorKind::Malformed) if it is
    /// not whole, or not such a value.
    pub fn open_existing(&self, name: &Name) -> Result<Shared<T>> {
        let memory = self.memory.open(name)?;
        match self.look(&memory)? {
            Some(mapping) if is_ready(&mapping) => self.finish(memory, mapping),
            _ => Err(fault(SharedFault::NotReady)),
        }
    }

    /// Makes sure that it is such a value, now that it is ready.
    fn finish(&self, memory: SharedMemory, mapping: Mapping) -> Result<Shared<T>> {
        self.check(mapping.get(0)?)?;
        let file = Identity::of_file(&memory).map_err(system)?;
        Ok(Shared { name: memory.into_name(), file, value: mapping.into_placed(Self::OFFSET)? })
    }

    pub(super) fn check_size(size: u64) -> Result<()> {
        let total = Self::TOTAL as u64;
        let other = || Error::caused(Operation::OpenShared, Errno::INVAL, Cause::out_of_bounds(size, total));
        (size == total).then_some(()).ok_or_else(other)
    }

    /// The object's memory, if it has as much as the value takes; `None` if it is still empty.
    fn look(&self, memory: &SharedMemory) -> Result<Option<Mapping>> {
        match memory.size()? {
            0 => Ok(None),
            size => {
                Self::check_size(size)?;
                let mapping = memory.map()?;
                // No process has ever written such a state, so there is nothing to wait for.
                let known = mapping.get::<Header>(0)?.state.is_known();
                if known { Ok(Some(mapping)) } else { Err(fault(SharedFault::NoHeader)) }
            }
        }
    }

    /// Returns `true` if the header is that of such a value.
    pub(super) fn check(&self, header: &Header) -> Result<()> {
        let is = |word: &AtomicU32, expected: usize| word.load(Relaxed) as usize == expected;
        if !has_magic(header) || !is(&header.format, FORMAT as usize) {
            Err(fault(SharedFault::NoHeader))
        } else if !is(&header.size, size_of::<T>()) || !is(&header.alignment, align_of::<T>()) {
            Err(fault(SharedFault::OtherType))
        } else if !is(&header.version, self.version as usize) {
            Err(fault(SharedFault::OtherVersion))
        } else {
            Ok(())
        }
    }

    /// Makes the value, unless another process has done so before the lock was free.
    fn initialize(&self, memory: &SharedMemory, initialize: impl FnOnce(&T)) -> Result<Mapping> {
        let mapping = match self.look(memory)? {
            Some(mapping) if is_ready(&mapping) => return Ok(mapping),
            Some(mapping) if is_abandoned(&mapping)? => mapping,
            Some(_) => return Err(fault(SharedFault::NoHeader)),
            None => {
                reserve(memory.descriptor(), 0, Self::TOTAL as u64)
                    .map_err(|errno| super::shortage::size_error(Operation::OpenShared, errno, Self::TOTAL as u64))?;
                memory.map()?
            }
        };
        self.write_header(&mapping)?;
        clear(&mapping, Self::OFFSET)?;
        complete(&mapping, Self::OFFSET, initialize)?;
        Ok(mapping)
    }

    /// Writes all of the header but the state.
    fn write_header(&self, mapping: &Mapping) -> Result<()> {
        let header: &Header = mapping.get(0)?;
        for (to, from) in header.magic.iter().zip(MAGIC) {
            to.store(from, Relaxed);
        }
        // If this process is killed now or later, the next process finds all of the magic number or nothing else.
        // Ordering: no model kills a process between two stores.
        fence(SeqCst);
        header.format.store(FORMAT, Relaxed);
        header.size.store(size_of::<T>() as u32, Relaxed);
        header.alignment.store(align_of::<T>() as u32, Relaxed);
        header.version.store(self.version, Relaxed);
        Ok(())
    }
}

/// Initializes the value, which is zeros, and makes it known.
fn complete<T: Shareable>(mapping: &Mapping, offset: usize, initialize: impl FnOnce(&T)) -> Result<()> {
    initialize(mapping.get(offset)?);
    mapping.get::<Header>(0)?.state.complete();
    Ok(())
}

fn unlock(memory: &SharedMemory) {
    let _ = flock(memory, FlockOperation::Unlock); // Closing the descriptor unlocks too.
}

/// Sleeps a little, or until the value is ready.
fn pause(mapping: Option<&Mapping>) {
    match mapping.and_then(|mapping| mapping.get::<Header>(0).ok()) {
        Some(header) => header.state.wait_a_little(),
        None => Progress::new().wait_a_little(),
    }
}

pub(super) fn fault(fault: SharedFault) -> Error {
    Error::caused(Operation::OpenShared, Errno::INVAL, Cause::Shared(fault))
}

pub(super) fn system(errno: Errno) -> Error {
    Error::system(Operation::OpenShared, errno)
}

impl<T: Shareable> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.get()
    }
}

impl<T: Shareable> fmt::Debug for Shared<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shared").field("name", &self.name()).finish_non_exhaustive()
    }
}
