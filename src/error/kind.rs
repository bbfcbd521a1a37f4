//! The sorts of failure.

use rustix::io::Errno;

/// The sort of a failure, for programs to decide by.
///
/// # What is checked first
/// Every form of every call of a queue checks its arguments before it looks at the queue and before it waits: first
/// whether the handle is open in the direction ([`BadDescriptor`](Self::BadDescriptor)), then whether the queue can
/// have messages of this length ([`MessageTooLong`](Self::MessageTooLong)) or the buffer can hold every message
/// ([`BufferTooSmall`](Self::BufferTooSmall)). The outcome does not depend on how many messages the queue holds, nor
/// on whether it is nonblocking: [`WouldBlock`](Self::WouldBlock), [`TimedOut`](Self::TimedOut) and
/// [`Interrupted`](Self::Interrupted) never hide a mistake, and neither does a call that has nothing to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no object of this name (ENOENT).
    #[doc(alias = "ExistentialError")]
    NotFound,
    /// There is an object of this name already, and creation was to be exclusive (EEXIST).
    #[doc(alias = "ExistentialError")]
    AlreadyExists,
    /// The object's mode, or the directory's, does not permit it (EACCES, EPERM), or the file system is mounted
    /// read-only (EROFS).
    #[doc(alias = "PermissionsError")]
    PermissionDenied,
    /// The call would have to wait and must not (EAGAIN): the queue is full or empty, there is no token, the lock is
    /// held, or a peer is in the middle of a call on a shared queue.
    #[doc(alias = "BusyError")]
    WouldBlock,
    /// The timeout or the deadline has passed (ETIMEDOUT).
    #[doc(alias = "BusyError")]
    TimedOut,
    /// A signal handler interrupted the wait (EINTR). Nothing was sent, received or taken.
    #[doc(alias = "SignalError")]
    Interrupted,
    /// The name breaks a rule (EINVAL, EACCES or ENAMETOOLONG, as the kernel would have said).
    InvalidName,
    /// An argument is out of range, or the descriptor is of another sort (EINVAL, EBADF).
    InvalidInput,
    /// The message is longer than the queue's messages may be (EMSGSIZE). Nothing was sent.
    MessageTooLong,
    /// The buffer is smaller than the queue's longest message may be (EMSGSIZE). Nothing was received.
    BufferTooSmall,
    /// A limit of the system or of the user is reached; which one.
    LimitExceeded(Limit),
    /// A number does not fit where it has to go (EOVERFLOW).
    Overflow,
    /// What a peer has sent or left is not what it should be.
    Malformed,
    /// The kernel does not offer this (ENOSYS).
    Unsupported,
    /// It is already in use by another process (EBUSY).
    Busy,
    /// The descriptor is not open in this direction, or not open at all (EBADF).
    BadDescriptor,
    /// The kernel has no memory for it (ENOMEM).
    OutOfMemory,
    /// What a lock guards was left inconsistent by an owner that died, and no process has made it consistent
    /// (ENOTRECOVERABLE).
    NotRecoverable,
    /// Anything else: the errno says what.
    Other,
}

impl ErrorKind {
    pub(super) fn of_errno(errno: Errno) -> Self {
        match errno {
            Errno::NOENT => Self::NotFound,
            Errno::EXIST => Self::AlreadyExists,
            Errno::ACCESS | Errno::PERM | Errno::ROFS => Self::PermissionDenied,
            Errno::AGAIN => Self::WouldBlock,
            Errno::TIMEDOUT => Self::TimedOut,
            Errno::INTR => Self::Interrupted,
            Errno::NAMETOOLONG => Self::InvalidName,
            Errno::INVAL => Self::InvalidInput,
            Errno::MSGSIZE => Self::MessageTooLong,
            Errno::MFILE => Self::LimitExceeded(Limit::Descriptors),
            Errno::NFILE => Self::LimitExceeded(Limit::SystemDescriptors),
            Errno::DQUOT => Self::LimitExceeded(Limit::Quota),
            Errno::NOSPC => Self::LimitExceeded(Limit::Queues),
            Errno::OVERFLOW => Self::Overflow,
            Errno::NOSYS | Errno::AFNOSUPPORT | Errno::PROTONOSUPPORT => Self::Unsupported,
            Errno::BUSY => Self::Busy,
            Errno::BADF => Self::BadDescriptor,
            Errno::NOMEM => Self::OutOfMemory,
            Errno::NOTRECOVERABLE => Self::NotRecoverable,
            _ => Self::Other,
        }
    }
}

/// A limit of the system, the user or the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// The most messages that a queue may be made for: `fs.mqueue.msg_max`, or 65,536 with CAP_SYS_RESOURCE.
    MaxMessages,
    /// The longest message that a queue may be made for, in bytes: `fs.mqueue.msgsize_max`, or 16 MiB with
    /// CAP_SYS_RESOURCE.
    MaxMessageSize,
    /// The bytes that all queues of a user may cost together: RLIMIT_MSGQUEUE.
    QueueBytes,
    /// The number of queues in the IPC namespace: `fs.mqueue.queues_max`.
    Queues,
    /// The open descriptors of the process: RLIMIT_NOFILE.
    Descriptors,
    /// The open files of the whole system: `fs.file-max`.
    SystemDescriptors,
    /// The space in `/dev/shm`.
    DevShm,
    /// The files in `/dev/shm`: the `nr_inodes` of its mount.
    Inodes,
    /// The user's disk quota on the file system of `/dev/shm`.
    Quota,
    /// The bytes of a file that the process makes, shared memory included: RLIMIT_FSIZE.
    FileSize,
    /// The bytes that the process can lock into memory: RLIMIT_MEMLOCK.
    LockedMemory,
    /// The bytes that the process can map: RLIMIT_AS.
    AddressSpace,
    /// The huge pages in the system's pool: `vm.nr_hugepages`.
    HugePages,
    /// The handles that can be attached to a robust mutex or a shared queue at a time: 128.
    Participants,
    /// The doorbells that a shared queue can have at a time: 128.
    Doorbells,
}
