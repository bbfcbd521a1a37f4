//! A shared value that is opened for reading only.

use core::fmt;
use core::sync::atomic::{Ordering::Acquire, fence};

use super::mapping::PlacedReadOnly;
use super::shared::{fault, system};
use super::shared_header::Header;
use super::{Shareable, SharedMemory, SharedOptions};
use crate::dev_shm::{Identity, ObjectName};
use crate::error::{Error, Operation, Result, SharedFault};
use crate::name::Name;

/// A value in shared memory, opened with read permission only: for monitoring tools, and for clients that must not
/// write. Opened by [`SharedOptions::open_read_only`](crate::shm::SharedOptions::open_read_only).
///
/// It lends nothing that could be written; [`load`](Self::load) copies the value out. Read permission on the object is
/// enough. The processes that use the value do not notice the reader, and it cannot delay them.
///
/// ```
/// use core::sync::atomic::{AtomicU64, Ordering};
/// use rawipc::{name, shareable, Shared};
///
/// shareable! {
///     struct Statistics {
///         requests: AtomicU64,
///         failures: AtomicU64,
///     }
/// }
///
/// let options = Shared::<Statistics>::options().version(1).unlink_on_drop(true);
/// let server = options.open(name!("/rawipc-doc-read-only"), |_| {})?;
/// server.requests.fetch_add(2, Ordering::Relaxed);
///
/// // In a monitor:
/// let statistics = Shared::<Statistics>::options().version(1).open_read_only(name!("/rawipc-doc-read-only"))?;
/// assert_eq!(statistics.load().requests.into_inner(), 2);
/// # Ok::<(), rawipc::Error>(())
/// ```
/// ```compile_fail,E0614
/// # use core::sync::atomic::{AtomicU64, Ordering};
/// let value = rawipc::Shared::<AtomicU64>::options().open_read_only(rawipc::name!("/rawipc-doc-read-only"))?;
/// (*value).store(1, Ordering::Relaxed); // To write there would be a SIGSEGV.
/// # Ok::<(), rawipc::Error>(())
/// ```
///
/// # Fork, threads, death
/// A child of `fork` has the same value mapped. [`load`](Self::load) may be called by any number of threads. The value
/// stays readable when its writers die, and when its name is removed: see [`is_linked`](Self::is_linked). A process
/// that may write the object can cut it off, which is a SIGBUS for all that have it mapped.
pub struct ReadOnlyShared<T: Shareable> {
    name: ObjectName,
    file: Identity,
    value: PlacedReadOnly<T>,
}

impl<T: Shareable> ReadOnlyShared<T> {
    pub(super) const fn new(name: ObjectName, file: Identity, value: PlacedReadOnly<T>) -> Self {
        Self { name, file, value }
    }

    /// Returns a copy of the value as it is now. No system call.
    ///
    /// The copy is private: changing it changes nothing else. If the value is written meanwhile, the copy may have some
    /// fields from before and some from after a change. Each field of up to a pointer's size is read as a whole.
    #[must_use]
    pub fn load(&self) -> T {
        self.value.load()
    }

    /// Returns the name that it was opened by.
    #[must_use]
    pub fn name(&self) -> &Name {
        self.name.name()
    }

    /// Returns `true` if the name that it was opened by still stands for this value: see
    /// [`Shared::is_linked`](crate::Shared::is_linked).
    ///
    /// # Errors
    /// The same.
    pub fn is_linked(&self) -> Result<bool> {
        is_linked(&self.name, self.file)
    }
}

impl<T: Shareable> SharedOptions<T> {
    /// Opens the value of this name for reading only, which must be there and whole. Read permission is enough.
    ///
    /// # Errors
    /// As [`open_existing`](Self::open_existing).
    pub fn open_read_only(&self, name: &Name) -> Result<ReadOnlyShared<T>> {
        let memory = SharedMemory::options().read(true).open(name)?;
        Self::check_size(memory.size()?)?;
        // A peer may cut it off meanwhile: then there are too few bytes to be mapped.
        let mapping = memory.map_options().length(Self::TOTAL).map_read_only()?;
        let header: Header = mapping.load(0)?;
        if !header.state.is_known() {
            return Err(fault(SharedFault::NoHeader));
        } else if !header.state.is_complete() {
            return Err(fault(SharedFault::NotReady));
        }
        // Ordering: what was written before the state is seen after it, which a copy alone does not see to.
        fence(Acquire);
        self.check(&header)?;
        let file = Identity::of_file(&memory).map_err(system)?;
        Ok(ReadOnlyShared::new(ObjectName::kept(name), file, mapping.into_placed(Self::OFFSET)?))
    }
}

/// Returns whether a value's name stands for this file.
pub(super) fn is_linked(name: &ObjectName, file: Identity) -> Result<bool> {
    name.stands_for(b"", file).map_err(|errno| Error::system(Operation::MemoryStatus, errno))
}

impl<T: Shareable> fmt::Debug for ReadOnlyShared<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ReadOnlyShared").field("name", &self.name()).finish_non_exhaustive()
    }
}
