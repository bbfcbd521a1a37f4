//! What was found out about a failure beyond its errno.

use super::{Limit, saturate};

/// What was found out beyond the errno. Twelve bytes: numbers are kept as `u32` and saturate there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Cause {
    /// Nothing: the errno and the operation say it.
    System,
    /// The name breaks a rule, at a byte offset.
    Name(NameFault, u32),
    /// An argument breaks a rule.
    Argument(Argument, u32),
    /// More was asked for than a limit allows.
    AboveLimit { limit: Limit, asked: u32, maximum: u32 },
    /// The queue's cost is above what RLIMIT_MSGQUEUE leaves. The kernel allows at most 65,536 messages.
    QueueBytes { messages_less_one: u16, message_size: u32, rlimit: u32 },
    /// The buffer cannot hold the queue's longest message.
    BufferTooSmall { size: u32, needed: u32 },
    /// The message is longer than the queue's messages may be.
    MessageTooLong { length: u32, maximum: u32 },
    /// A peer's message has not the size of the type.
    #[cfg_attr(not(feature = "zerocopy"), expect(dead_code, reason = "only typed messages have it"))]
    WrongLength { length: u32, expected: u32 },
    /// The descriptor is something else than a message queue.
    NotAQueue,
    /// The descriptor is open for the other direction only.
    WrongDirection,
    /// A default was asked for that only `/proc` tells, and it cannot be read.
    NoProc,
    /// The kernel's text about a queue is not as known.
    UnknownStatus,
    /// No mqueue file system can be looked into.
    NoMqueueMount,
    /// There is no `/dev/shm`.
    NoDevShm,
    /// A peer is in the middle of a call on a shared queue and does not go on.
    PeerInside,
    /// A file cannot be opened a second time.
    NoSecondDescription,
    /// A file system drops a lock when the descriptor is closed, although a mapping is left.
    LockNotKept,
    /// Another process's lock covers the bytes that participants lock; its PID, 0 if it is not known.
    ForeignLock { process: u32 },
    /// An object's descriptor is closed, or its number stands for another file.
    OtherFile,
    /// Memory of huge pages, where ordinary ones are needed.
    HugePages,
    /// The system has no memory left that it can promise.
    NoCommit,
    /// `/dev/shm` has no space left.
    DevShmFull,
    /// The kernel lacks something.
    Needs(Need),
    /// A shared memory object's size is sealed.
    SizeSealed,
    /// A shared memory object is open for reading only.
    ReadOnlyMemory,
    /// An object ends before what was asked for.
    OutOfBounds { there: u32, asked: u32 },
    /// An object is not the shared value that it should be.
    Shared(SharedFault),
    /// A file is not the semaphore that it should be.
    SemaphoreFile(SemaphoreFault),
}

impl Cause {
    /// An object has fewer bytes than what was asked for takes.
    pub(crate) const fn out_of_bounds(there: u64, asked: u64) -> Self {
        Self::OutOfBounds { there: saturate(there), asked: saturate(asked) }
    }

    /// More was asked for than a limit allows.
    #[cold]
    #[inline(never)]
    pub(crate) const fn above(limit: Limit, asked: u64, maximum: u64) -> Self {
        Self::AboveLimit { limit, asked: saturate(asked), maximum: saturate(maximum) }
    }

    /// A queue costs more than RLIMIT_MSGQUEUE leaves; a message size of 0 is one that is not known.
    pub(crate) const fn queue_bytes(max_messages: u64, max_message_size: u64, rlimit: u64) -> Self {
        let less_one = max_messages.saturating_sub(1);
        Self::QueueBytes {
            messages_less_one: if less_one > u16::MAX as u64 { u16::MAX } else { less_one as u16 },
            message_size: saturate(max_message_size),
            rlimit: saturate(rlimit),
        }
    }
}

/// What a kernel must have for an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Need {
    /// Queues of the kernel's.
    MessageQueues,
    /// Memory without a file.
    Memfd,
    /// Locks on files.
    FileLocks,
    /// Locks of open files, and pages that a child of `fork` finds empty.
    Participation,
}

/// The rule that a name breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum NameFault {
    Empty,
    NoSlash,
    OnlySlash,
    SecondSlash,
    Nul,
    Dots,
    LongerThan(u8),
    PrefixLongerThan(u8),
}

/// What is wrong with an object that should be a shared value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SharedFault {
    NoHeader,
    OtherType,
    OtherVersion,
    NotReady,
    NoMutex,
    NoQueue,
    DamagedQueue,
    CorruptQueue,
}

/// What is wrong with a file that should be a semaphore.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SemaphoreFault {
    SymbolicLink,
    NotRegular,
    Size,
    Content,
    IsGnu64,
    IsGnu32,
    IsMusl,
    NeedsWideAtomics,
    GlibcHasIt,
    MuslHasIt,
}

/// The argument that was wrong, where it is not a name or a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Argument {
    NoAccess,
    Mode,
    ZeroMessages,
    ZeroMessageSize,
    Priority,
    Nanoseconds,
    #[cfg_attr(not(feature = "zerocopy"), expect(dead_code, reason = "only typed messages have it"))]
    TypeSize,
    SignalNumber,
    NotArmed,
    ListBuffer,
    NotAQueue,
    OtherProcess,
    SemaphoreValue,
    MemorySize,
    HugePageMultiple,
    NotMemory,
    ReadOnlyCreation,
    Unaligned,
    QueueMessages,
    QueueMessageSize,
}
