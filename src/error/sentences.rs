//! What errors say where one sentence fits all.

use super::{ErrorKind, Limit, Need, SemaphoreFault, SharedFault};

impl Need {
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::MessageQueues => "message queues need CONFIG_POSIX_MQUEUE and a sandbox that allows them",
            Self::Memfd => "it needs Linux 3.17 and CONFIG_MEMFD_CREATE",
            Self::FileLocks => "it needs a kernel with CONFIG_FILE_LOCKING",
            Self::Participation => {
                "shared queues and robust mutexes need Linux 4.14, CONFIG_FILE_LOCKING and CONFIG_ADVISE_SYSCALLS"
            }
        }
    }
}

impl SharedFault {
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::NoHeader => "the object of this name is not a shared value",
            Self::OtherType => "the value there has another size or alignment than the type",
            Self::OtherVersion => "the value there is of another version",
            Self::NotReady => "the value there has not been initialized",
            Self::NoQueue => "the object of this name is not a shared queue",
            Self::DamagedQueue => "the queue's memory is corrupt; it was repaired as far as possible",
            Self::CorruptQueue => "the queue's memory is corrupt; the next call of a participant repairs it",
            Self::NoMutex => "what lies there is not a robust mutex",
        }
    }
}

impl SemaphoreFault {
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::SymbolicLink => "the file of this name is a symbolic link",
            Self::NotRegular => "the file of this name is not a regular file",
            Self::Size => "the file of this name has neither 16 nor 32 bytes, so it is no semaphore",
            Self::Content => "the file of this name does not hold a semaphore of a known layout",
            Self::IsGnu64 => "it has the layout of 64-bit glibc, but another was requested",
            Self::IsGnu32 => "it has the layout of 32-bit glibc, but another was requested",
            Self::IsMusl => "it has the layout of musl, but another was requested",
            Self::GlibcHasIt => {
                "glibc has a semaphore of this name, /dev/shm/sem.NAME; ask for its layout with `abi`, or remove it"
            }
            Self::MuslHasIt => {
                "musl has a semaphore of this name, /dev/shm/NAME; ask for its layout with `abi`, or remove it"
            }
            Self::NeedsWideAtomics => "the layout of 64-bit glibc needs 64-bit atomics, which this machine lacks",
        }
    }
}

impl ErrorKind {
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::NotFound => "no object has this name",
            Self::AlreadyExists => "an object of this name already exists",
            Self::PermissionDenied => "not permitted for this user",
            Self::WouldBlock => "the call would block",
            Self::TimedOut => "timed out",
            Self::Interrupted => "interrupted by a signal handler",
            Self::InvalidName => "the name is not valid",
            Self::InvalidInput => "an argument is not valid",
            Self::MessageTooLong => "the message is too long for the queue",
            Self::BufferTooSmall => "the buffer is too small for the queue",
            Self::LimitExceeded(Limit::Descriptors) => {
                "the process has too many open descriptors; raise the limit with `ulimit -n`"
            }
            Self::LimitExceeded(Limit::SystemDescriptors) => "the system has too many open files; raise fs.file-max",
            Self::LimitExceeded(Limit::Queues) => "there are too many queues; raise fs.mqueue.queues_max",
            Self::LimitExceeded(_) => "a limit is exceeded",
            Self::Overflow => "a number is too large",
            Self::Malformed => "the shared data is corrupt",
            Self::Unsupported => "this kernel does not support it",
            Self::Busy => "already in use by another process",
            Self::BadDescriptor => "the descriptor is not open for this direction",
            Self::OutOfMemory => "the kernel is out of memory",
            Self::NotRecoverable => "an owner died, and what the lock guards was not made consistent",
            Self::Other => "the system refused",
        }
    }
}
