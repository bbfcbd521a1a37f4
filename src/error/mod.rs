//! One error type for the whole crate.
//!
//! An [`Error`] is 16 bytes, `Copy`, and never allocates. It keeps the errno, says which [`Operation`] failed, sorts
//! the failure by [`ErrorKind`], and its `Display` is a sentence that a person can act on. Where the kernel's errno
//! leaves open what was wrong (EINVAL of a queue's creation has three causes), the cause was looked for at once.

mod cause;
mod context;
mod display;
mod errno_name;
mod kind;
mod limit_sentences;
mod operation;
mod rejected;
mod sentences;
mod transfer;

pub(crate) use cause::{Argument, Cause, NameFault, Need, SemaphoreFault, SharedFault};
pub use context::ContextError;
pub use kind::{ErrorKind, Limit};
pub use operation::Operation;
pub use rejected::RejectedError;
pub use transfer::TransferError;

use core::fmt;
use rustix::io::Errno;

/// What every fallible function of this crate returns.
pub type Result<T> = core::result::Result<T, Error>;

/// Why an operation failed: its kind, the errno, the operation, and what was found out about the cause.
///
/// ```
/// use rawipc::{ErrorKind, MessageQueue, name};
/// let error = MessageQueue::unlink(name!("/rawipc-doc-no-such-queue")).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::NotFound);
/// assert_eq!(error.errno(), rawipc::Errno::NOENT);
/// assert_eq!(error.to_string(), "unlinking the queue: no object has this name (ENOENT)");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub struct Error {
    cause: Cause,
    errno: Errno,
    operation: Operation,
}

// With the C library, as under Miri, rustix keeps an errno in 32 bits.
#[cfg(not(miri))]
const _: () = assert!(size_of::<Error>() == 16 && size_of::<Result<()>>() == 16);

/// A number that was given or needed, and the bound that it broke.
///
/// The unit is that of the failure: bytes for sizes of messages, buffers and queues, messages for a queue's length,
/// else a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// What was given (a message's length, a buffer's size) or needed (a queue's bytes).
    pub given: u64,
    /// The bound: the most that is allowed, or for a buffer the least.
    pub bound: u64,
}

impl Error {
    /// An error whose errno says it all.
    #[cold]
    pub(crate) fn system(operation: Operation, errno: Errno) -> Self {
        Self::caused(operation, errno, Cause::System)
    }

    /// An error with what was found out.
    #[cold]
    pub(crate) const fn caused(operation: Operation, errno: Errno, cause: Cause) -> Self {
        Self { cause, errno, operation }
    }

    /// An argument that was refused before any system call.
    #[cold]
    pub(crate) const fn argument(operation: Operation, argument: Argument, value: u32) -> Self {
        Self::caused(operation, Errno::INVAL, Cause::Argument(argument, value))
    }

    /// Returns the kind of failure, which a program decides by.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self.cause {
            // EMSGSIZE, where the sizes could not be had.
            Cause::System if self.operation == Operation::Receive && self.errno() == Errno::MSGSIZE => {
                ErrorKind::BufferTooSmall
            }
            // It means too many queues where a queue is opened, and nothing known anywhere else.
            Cause::System if self.errno() == Errno::NOSPC && !self.operation.opens_queue() => ErrorKind::Other,
            Cause::System
            | Cause::PeerInside
            | Cause::SemaphoreFile(SemaphoreFault::GlibcHasIt | SemaphoreFault::MuslHasIt) => {
                ErrorKind::of_errno(self.errno())
            }
            Cause::Name(..) => ErrorKind::InvalidName,
            Cause::Argument(..) | Cause::NotAQueue => ErrorKind::InvalidInput,
            Cause::AboveLimit { limit, .. } => ErrorKind::LimitExceeded(limit),
            Cause::QueueBytes { .. } => ErrorKind::LimitExceeded(Limit::QueueBytes),
            Cause::BufferTooSmall { .. } => ErrorKind::BufferTooSmall,
            Cause::MessageTooLong { .. } => ErrorKind::MessageTooLong,
            Cause::WrongLength { .. } => ErrorKind::Malformed,
            Cause::WrongDirection | Cause::ReadOnlyMemory => ErrorKind::BadDescriptor,
            Cause::SizeSealed => ErrorKind::PermissionDenied,
            Cause::SemaphoreFile(SemaphoreFault::NeedsWideAtomics) => ErrorKind::Unsupported,
            Cause::UnknownStatus | Cause::SemaphoreFile(_) => ErrorKind::Malformed,
            Cause::OutOfBounds { .. } if self.operation != Operation::OpenShared => ErrorKind::InvalidInput,
            Cause::OutOfBounds { .. } | Cause::Shared(_) => ErrorKind::Malformed,
            Cause::NoCommit => ErrorKind::OutOfMemory,
            Cause::DevShmFull => ErrorKind::LimitExceeded(Limit::DevShm),
            Cause::ForeignLock { .. } => ErrorKind::Busy,
            Cause::OtherFile => ErrorKind::BadDescriptor,
            Cause::NoProc
            | Cause::NoMqueueMount
            | Cause::NoDevShm
            | Cause::NoSecondDescription
            | Cause::LockNotKept
            | Cause::Needs(_)
            | Cause::HugePages => ErrorKind::Unsupported,
        }
    }

    /// Returns the errno: what the kernel answered, or what it would have answered where the fault was seen before the
    /// call.
    #[must_use]
    pub const fn errno(&self) -> Errno {
        self.errno
    }

    /// Returns the operation that failed.
    #[must_use]
    pub const fn operation(&self) -> Operation {
        self.operation
    }

    /// Returns the two numbers of a bound that was exceeded, if that is why the call failed.
    ///
    /// Known for [`LimitExceeded`](ErrorKind::LimitExceeded) (unless `/proc` is not mounted),
    /// [`BufferTooSmall`](ErrorKind::BufferTooSmall), [`MessageTooLong`](ErrorKind::MessageTooLong) and
    /// [`Malformed`](ErrorKind::Malformed). Numbers saturate at 2³² − 1.
    #[must_use]
    pub fn bounds(&self) -> Option<Bounds> {
        let (given, bound) = match self.cause {
            Cause::AboveLimit { asked, maximum, .. } => (asked, maximum),
            Cause::BufferTooSmall { size, needed } => (size, needed),
            Cause::MessageTooLong { length, maximum } => (length, maximum),
            Cause::WrongLength { length, expected } => (length, expected),
            Cause::OutOfBounds { there, asked } => (asked, there),
            Cause::QueueBytes { messages_less_one, message_size, rlimit } => {
                let given = queue_cost(u64::from(messages_less_one) + 1, message_size.into());
                return Some(Bounds { given, bound: rlimit.into() });
            }
            _ => return None,
        };
        Some(Bounds { given: given.into(), bound: bound.into() })
    }

    /// What the error is about besides its errno.
    pub(crate) fn cause(&self) -> Cause {
        self.cause
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Error")
            .field("message", &format_args!("\"{self}\""))
            .field("kind", &self.kind())
            .field("errno", &self.errno)
            .field("operation", &self.operation)
            .field("bounds", &self.bounds())
            .finish()
    }
}

impl core::error::Error for Error {}

/// A size as the error keeps it.
pub(crate) const fn saturate(size: u64) -> u32 {
    if size > u32::MAX as u64 { u32::MAX } else { size as u32 }
}

/// What a queue costs its user, in bytes, by the kernel's formula: the messages, a header for each, and a tree node for
/// each priority that can be in use at once.
pub(crate) const fn queue_cost(max_messages: u64, max_message_size: u64) -> u64 {
    const HEADER: u64 = 6 * size_of::<usize>() as u64;
    const TREE_NODE: u64 = 6 * size_of::<usize>() as u64;
    const PRIORITIES: u64 = 32_768;
    let nodes = if max_messages < PRIORITIES { max_messages } else { PRIORITIES };
    max_messages * (HEADER + max_message_size) + nodes * TREE_NODE
}

/// Evaluates a call again while a signal handler interrupts it, and returns its result.
///
/// Right for calls without a time limit and for those with a [`Deadline`](crate::Deadline), which is absolute. Wrong
/// for calls with a relative timeout, which would begin again each time. The call may borrow a buffer that its result
/// goes on borrowing.
///
/// ```
/// # use rawipc::{Deadline, MessageBuffer, MessageQueue, name, Priority, retry_on_interrupt};
/// # use core::time::Duration;
/// # let queue = MessageQueue::options().read(true).write(true).max_messages(1).max_message_size(8)
/// #     .unlink_on_drop(true).create_unique(name!("/rawipc-doc-retry"))?;
/// queue.send(b"hello", Priority::MIN)?;
/// let deadline = Deadline::after(Duration::from_secs(1));
/// let mut buffer = MessageBuffer::<8>::new();
/// let message = retry_on_interrupt!(queue.receive_deadline(&mut buffer, deadline))?;
/// assert_eq!(message.payload(), b"hello");
/// # Ok::<(), rawipc::Error>(())
/// ```
#[macro_export]
macro_rules! retry_on_interrupt {
    ($call:expr) => {
        loop {
            match $call {
                Err(error) if $crate::Error::kind(&error) == $crate::ErrorKind::Interrupted => {}
                result => break result,
            }
        }
    };
}
