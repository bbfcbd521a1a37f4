//! One value in one shared memory object, initialised exactly once.
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
//! Who initialises holds a lock (`flock`) on the file. The kernel takes it back when the process dies, so whoever gets
//! the lock and finds the state 0 begins anew.
//!
//! The 8 bytes at the start are written before all others. So an object of the right length that has not all of them is
//! taken over only if everything else is zero: anything else is somebody's object that happens to be as long.

use core::fmt;
use core::ops::Deref;
use core::sync::atomic::{
    AtomicU8, AtomicU32,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
    fence,
};
use core::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::thread::futex;
use rustix::time::Timespec;

use super::mapping::Placed;
use super::object::reserve;
use super::{Mapping, Shareable, SharedMemory, SharedMemoryOptions};
use crate::devshm::ObjectName;
use crate::error::{Cause, Error, Operation, Result, SharedFault};
use crate::name::Name;
use crate::shareable;
use crate::time::Deadline;

const MAGIC: [u8; 8] = *b"rawipc/S";
const FORMAT: u32 = 1;
const READY: u32 = 1;

/// How long a wait for another initialiser sleeps before it looks at the lock again.
const LOOK: Duration = Duration::from_millis(5);

shareable! {
    struct Header {
        magic: [AtomicU8; 8],
        format: AtomicU32,
        state: AtomicU32,
        size: AtomicU32,
        alignment: AtomicU32,
        version: AtomicU32,
        rest: [AtomicU32; 9],
    }
}

const _: () = assert!(size_of::<Header>() == 64);

/// A value in shared memory that the first user initialises and all others find whole.
///
/// However many processes open it at once, exactly one initialises it; the others wait for that, with a bound. If the
/// one that initialises dies, another one begins anew. What is there is checked before it is used: another type's size,
/// another version or anything else is an error.
///
/// ```
/// use core::sync::atomic::{AtomicU64, Ordering};
/// use rawipc::{Shared, name, shareable};
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

    /// The name it was opened by.
    #[must_use]
    pub fn name(&self) -> Option<&Name> {
        self.name.as_ref().map(ObjectName::name)
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
    const OFFSET: usize = size_of::<Header>().next_multiple_of(align_of::<T>());
    /// The size of the object.
    const TOTAL: usize = Self::OFFSET + size_of::<T>();

    /// The version of the type: to be changed with the meaning of its fields. Opening another version's value is an
    /// error.
    pub const fn version(self, version: u32) -> Self {
        Self { version, ..self }
    }

    /// How long to wait at most for another process that initialises.
    pub const fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Who may open it if it is created here: see [`SharedMemoryOptions::mode`].
    pub const fn mode(self, mode: u32) -> Self {
        Self { memory: self.memory.mode(mode), ..self }
    }

    /// Who may open it if it is created here, whatever the umask: see [`SharedMemoryOptions::exact_mode`].
    pub const fn exact_mode(self, mode: u32) -> Self {
        Self { memory: self.memory.exact_mode(mode), ..self }
    }

    /// Whether the handle that created the object removes its name: see [`SharedMemoryOptions::unlink_on_drop`].
    pub const fn unlink_on_drop(self, unlink_on_drop: bool) -> Self {
        Self { memory: self.memory.unlink_on_drop(unlink_on_drop), ..self }
    }

    /// Opens the value of this name. If nobody has yet, creates it and has it initialised: `initialise` gets memory of
    /// zeros. It must not fork.
    ///
    /// # Errors
    /// [`Malformed`](crate::ErrorKind::Malformed) if the object is something else, or of another size, alignment or
    /// version; [`TimedOut`](crate::ErrorKind::TimedOut) if another process initialises for longer than the
    /// [`patience`](Self::patience); else as [`SharedMemoryOptions::open`].
    pub fn open(&self, name: &Name, initialise: impl FnOnce(&T)) -> Result<Shared<T>> {
        let memory = self.memory.create(true).open(name)?;
        let deadline = Deadline::after(self.patience);
        let mapping = loop {
            let mapping = match self.look(&memory)? {
                Some(mapping) if is_ready(&mapping) => break mapping,
                mapping => mapping,
            };
            match flock(&memory, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {
                    let result = self.initialise(&memory, initialise);
                    // Closing the descriptor unlocks too.
                    let _ = flock(&memory, FlockOperation::Unlock);
                    break result?;
                }
                Err(Errno::WOULDBLOCK) if deadline.has_passed() => return Err(system(Errno::TIMEDOUT)),
                Err(Errno::WOULDBLOCK) => pause(mapping.as_ref()),
                Err(errno) => return Err(system(errno)),
            }
        };
        self.finish(memory, mapping)
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
        self.check(&mapping)?;
        Ok(Shared { name: memory.into_name(), value: mapping.into_placed(Self::OFFSET)? })
    }

    /// The object's memory, if it has as much as the value takes; `None` if it is still empty.
    fn look(&self, memory: &SharedMemory) -> Result<Option<Mapping>> {
        match memory.size()? {
            0 => Ok(None),
            size if size == Self::TOTAL as u64 => {
                let mapping = memory.map()?;
                // Nobody has ever written such a state, so there is nothing to wait for.
                let known = mapping.get::<Header>(0)?.state.load(Relaxed) <= READY;
                if known { Ok(Some(mapping)) } else { Err(fault(SharedFault::NoHeader)) }
            }
            size => {
                Err(Error::caused(Operation::OpenShared, Errno::INVAL, Cause::out_of_bounds(size, Self::TOTAL as u64)))
            }
        }
    }

    /// Whether the header is that of such a value.
    fn check(&self, mapping: &Mapping) -> Result<()> {
        let header: &Header = mapping.get(0)?;
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

    /// Makes the value, unless somebody has done so before the lock was free.
    fn initialise(&self, memory: &SharedMemory, initialise: impl FnOnce(&T)) -> Result<Mapping> {
        let mapping = match self.look(memory)? {
            Some(mapping) if is_ready(&mapping) => return Ok(mapping),
            Some(mapping) if is_abandoned(&mapping)? => mapping,
            Some(_) => return Err(fault(SharedFault::NoHeader)),
            None => {
                reserve(memory.descriptor(), 0, Self::TOTAL as u64)
                    .map_err(|errno| super::object::size_error(Operation::OpenShared, errno))?;
                memory.map()?
            }
        };
        let header: &Header = mapping.get(0)?;
        for (to, from) in header.magic.iter().zip(MAGIC) {
            to.store(from, Relaxed);
        }
        // If this process is killed now or later, whoever comes next finds all of the magic number or nothing else.
        fence(SeqCst);
        header.format.store(FORMAT, Relaxed);
        header.size.store(size_of::<T>() as u32, Relaxed);
        header.alignment.store(align_of::<T>() as u32, Relaxed);
        header.version.store(self.version, Relaxed);
        clear(&mapping, Self::OFFSET)?;
        initialise(mapping.get(Self::OFFSET)?);
        header.state.store(READY, Release);
        // It cannot fail: the word is mapped.
        let _ = futex::wake(&header.state, futex::Flags::empty(), i32::MAX as u32);
        Ok(mapping)
    }
}

fn is_ready(mapping: &Mapping) -> bool {
    mapping.get::<Header>(0).is_ok_and(|header| header.state.load(Acquire) == READY)
}

fn has_magic(header: &Header) -> bool {
    header.magic.iter().zip(MAGIC).all(|(there, expected)| there.load(Relaxed) == expected)
}

/// Whether an initialiser that died can have left this.
fn is_abandoned(mapping: &Mapping) -> Result<bool> {
    let header: &Header = mapping.get(0)?;
    if has_magic(header) {
        return Ok(matches!(header.format.load(Relaxed), 0 | FORMAT));
    }
    let begun = header.magic.iter().zip(MAGIC).all(|(there, expected)| [0, expected].contains(&there.load(Relaxed)));
    Ok(begun && is_clear(mapping, MAGIC.len())?)
}

/// Whether all is zero from an offset on.
fn is_clear(mapping: &Mapping, offset: usize) -> Result<bool> {
    let mut bytes = [0; 256];
    let mut at = offset;
    while at < mapping.len() {
        let count = bytes.len().min(mapping.len() - at);
        let part = bytes.get_mut(..count).unwrap_or_default();
        mapping.read_at(at, part)?;
        if part.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        at += count;
    }
    Ok(true)
}

/// Makes all zero from an offset on: a dead initialiser may have left something.
fn clear(mapping: &Mapping, offset: usize) -> Result<()> {
    const ZEROS: [u8; 256] = [0; 256];
    let mut at = offset;
    while at < mapping.len() {
        let count = ZEROS.len().min(mapping.len() - at);
        mapping.write_at(at, ZEROS.get(..count).unwrap_or_default())?;
        at += count;
    }
    Ok(())
}

/// Sleeps a little, or until the value is ready.
fn pause(mapping: Option<&Mapping>) {
    let never = AtomicU32::new(0);
    let state = mapping.and_then(|mapping| mapping.get::<Header>(0).ok()).map_or(&never, |header| &header.state);
    let time = Timespec { tv_sec: 0, tv_nsec: LOOK.subsec_nanos().into() };
    // Whatever ends it, the caller looks again.
    let _ = futex::wait(state, futex::Flags::empty(), 0, Some(&time));
}

fn fault(fault: SharedFault) -> Error {
    Error::caused(Operation::OpenShared, Errno::INVAL, Cause::Shared(fault))
}

fn system(errno: Errno) -> Error {
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
