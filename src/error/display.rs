//! Errors as sentences.

use core::fmt::{self, Display, Formatter};
use rustix::io::Errno;

use super::errno_name::errno_name;
use super::limit_sentences::explain_limit;
use super::{Argument, Cause, Error, NameFault, Operation};

impl Display for Error {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: ", self.operation.phrase())?;
        self.explain(formatter)?;
        match errno_name(self.errno()) {
            Some(name) => write!(formatter, " ({name})"),
            None => write!(formatter, " (errno {})", self.errno().raw_os_error()),
        }
    }
}

const LOCK_NOT_KEPT: &str = "the file system drops the lock when a descriptor is closed, as overlayfs does, so a \
                             living process would count as dead; put the object on a tmpfs";
const OTHER_FILE: &str = "the object's descriptor was closed, or its number stands for another file now; keep it open, \
                          or open the object again";
const HUGE_PAGES: &str = "the object is made of huge pages, of which each participant would use up one; put it into \
                          memory of ordinary pages";
const NO_COMMIT: &str = "the system has no memory left that it can promise; free some, add swap space, or look at \
                         vm.overcommit_memory";
const NO_NETLINK: &str = "netlink sockets are refused here; allow AF_NETLINK (systemd's RestrictAddressFamilies=, or \
                          the sandbox's filter), or use a signal";
const READ_ONLY: &str = "the file system on /dev/shm is mounted read-only; remount it with \
                         `mount -o remount,rw /dev/shm`";
const QUOTA: &str = "the user's quota on /dev/shm is used up; remove what is not needed, or raise the quota";

const SIZE_SEALED: &str = "the object's size is sealed, which no process can undo; create another object of the size \
                           that is needed";
const READ_ONLY_MEMORY: &str = "the object is open for reading only; open it with `write(true)`";

impl Error {
    /// What an errno means where nothing else was found out.
    fn system_sentence(&self) -> &'static str {
        match (self.operation, self.errno()) {
            (
                Operation::NotificationSocket,
                Errno::AFNOSUPPORT | Errno::PROTONOSUPPORT | Errno::PERM | Errno::ACCESS,
            ) => NO_NETLINK,
            (Operation::Send, Errno::AGAIN) => "the queue is full",
            (Operation::Receive, Errno::AGAIN) => "the queue is empty",
            (Operation::Lock, Errno::AGAIN) => "the lock is held",
            (Operation::Wait, Errno::AGAIN) => "no token is available",
            (_, Errno::ROFS) => READ_ONLY,
            (_, Errno::DQUOT) => QUOTA,
            _ => self.kind().sentence(),
        }
    }

    fn explain_bounds(&self, formatter: &mut Formatter<'_>, there: u32, asked: u32) -> fmt::Result {
        let (there, asked) = (Grouped(there.into()), Grouped(asked.into()));
        match self.operation {
            Operation::AccessMemory => {
                write!(formatter, "the range ends at byte {asked}, but the object has {there} bytes")
            }
            Operation::OpenShared => write!(formatter, "the object has {there} bytes, but the value needs {asked}"),
            _ => write!(formatter, "{asked} bytes were requested, but only {there} follow the offset"),
        }
    }

    fn explain(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self.cause() {
            Cause::System => formatter.write_str(self.system_sentence()),
            Cause::NoCommit => formatter.write_str(NO_COMMIT),
            Cause::Name(fault, at) => explain_name(formatter, fault, at),
            Cause::Argument(argument, value) => explain_argument(formatter, argument, value),
            Cause::AboveLimit { limit, asked, maximum } => explain_limit(formatter, limit, asked, maximum),
            Cause::QueueBytes { message_size: 0, rlimit, .. } => write!(
                formatter,
                "the queue costs more than RLIMIT_MSGQUEUE ({} bytes for all queues of the user) leaves; \
                 raise it with `ulimit -q`",
                Grouped(rlimit.into())
            ),
            Cause::QueueBytes { messages_less_one, message_size, rlimit } => write!(
                formatter,
                "{} messages of {} bytes need {} bytes, over what RLIMIT_MSGQUEUE ({} bytes for all queues of the \
                 user) leaves; raise it with `ulimit -q`, or unlink and close unused queues",
                u32::from(messages_less_one) + 1,
                message_size,
                Grouped(self.bounds().map_or(0, |bounds| bounds.given)),
                Grouped(rlimit.into())
            ),
            Cause::BufferTooSmall { size, needed } => write!(
                formatter,
                "the buffer has {size} bytes, the queue's messages may have {needed}; the message stays in the queue"
            ),
            Cause::MessageTooLong { length, maximum } => {
                write!(formatter, "the message has {length} bytes, the queue takes at most {maximum}")
            }
            Cause::WrongLength { length, expected } => {
                write!(
                    formatter,
                    "the message has {length} bytes, but the type has {expected}; the message was dropped"
                )
            }
            Cause::NotAQueue => formatter.write_str("the descriptor is not a message queue"),
            Cause::NoProc => formatter.write_str(
                "/proc/sys/fs/mqueue cannot be read; mount /proc (and to create a queue without it, give both of its \
                 sizes)",
            ),
            Cause::UnknownStatus => formatter.write_str("the kernel's text about the queue has an unknown form"),
            Cause::NoMqueueMount => formatter.write_str(
                "no mqueue file system is mounted on /dev/mqueue, and mounting one unseen takes CAP_SYS_ADMIN; \
                 mount it with `mount -t mqueue none /dev/mqueue`",
            ),
            Cause::SemaphoreFile(fault) => formatter.write_str(fault.sentence()),
            Cause::OutOfBounds { there, asked } => self.explain_bounds(formatter, there, asked),
            Cause::Shared(fault) => formatter.write_str(fault.sentence()),
            Cause::DevShmFull => formatter.write_str("/dev/shm is full; remove what is not needed, or mount it larger"),
            Cause::PeerInside => formatter.write_str(
                "a peer is in the middle of a call on the queue and does not go on: it was stopped, or the time to \
                 wait for it is short",
            ),
            Cause::NoSecondDescription => {
                formatter.write_str("cannot reopen the object: mount /proc, or use a named object")
            }
            Cause::LockNotKept => formatter.write_str(LOCK_NOT_KEPT),
            Cause::ForeignLock { process } => explain_foreign_lock(formatter, process),
            Cause::OtherFile => formatter.write_str(OTHER_FILE),
            Cause::HugePages => formatter.write_str(HUGE_PAGES),
            Cause::Needs(need) => formatter.write_str(need.sentence()),
            Cause::SizeSealed => formatter.write_str(SIZE_SEALED),
            Cause::ReadOnlyMemory => formatter.write_str(READ_ONLY_MEMORY),
            Cause::NoDevShm => formatter.write_str("there is no directory /dev/shm; mount a tmpfs on it"),
            Cause::WrongDirection => formatter.write_str("the queue is not open for this direction"),
        }
    }
}

fn explain_name(formatter: &mut Formatter<'_>, fault: NameFault, at: u32) -> fmt::Result {
    match fault {
        NameFault::Empty => formatter.write_str("it is empty; a name is a slash and 1 to 255 bytes"),
        NameFault::NoSlash => formatter.write_str("it does not begin with a slash"),
        NameFault::OnlySlash => formatter.write_str("nothing follows the slash"),
        NameFault::SecondSlash => write!(formatter, "there is a second slash at byte {at}"),
        NameFault::Nul => write!(formatter, "there is a NUL at byte {at}"),
        NameFault::Dots => formatter.write_str("`/.` and `/..` are not valid names"),
        NameFault::PrefixLongerThan(most) => {
            write!(formatter, "the prefix has {at} bytes after its slash, at most {most} leave room")
        }
        NameFault::LongerThan(most) => write!(formatter, "{at} bytes follow the slash, at most {most} may"),
    }
}

fn explain_argument(formatter: &mut Formatter<'_>, argument: Argument, value: u32) -> fmt::Result {
    match argument {
        Argument::NoAccess => formatter.write_str("neither read nor write access was requested"),
        Argument::Mode => write!(formatter, "the mode {value:#o} has bits beyond 0o777"),
        Argument::ZeroMessages => formatter.write_str("a queue holds at least 1 message"),
        Argument::ZeroMessageSize => formatter.write_str("a queue's messages have at least 1 byte"),
        Argument::Priority => write!(formatter, "the priority {value} is above 32767"),
        Argument::Nanoseconds => write!(formatter, "{value} nanoseconds are a second or more"),
        Argument::MemorySize => formatter.write_str("no object has more than 9223372036854775807 bytes"),
        Argument::HugePageMultiple => {
            write!(
                formatter,
                "the size is not a multiple of {} bytes, the size of its huge pages",
                Grouped(value.into())
            )
        }
        Argument::NotMemory => formatter.write_str("it is not a regular file"),
        Argument::ReadOnlyCreation => formatter.write_str("creating or emptying an object takes write access"),
        Argument::Unaligned => write!(formatter, "the offset is not a multiple of {value}, the type's alignment"),
        Argument::QueueMessages => {
            write!(formatter, "{} messages are above a shared queue's 65,536", Grouped(value.into()))
        }
        Argument::QueueMessageSize => {
            write!(formatter, "messages of {} bytes are above a shared queue's 16,777,216", Grouped(value.into()))
        }
        Argument::SemaphoreValue => write!(formatter, "the value {value} is above 2147483647"),
        Argument::SignalNumber => write!(formatter, "{} is not a signal; signals are 1 to 64", value.cast_signed()),
        Argument::ListBuffer => {
            formatter.write_str("the buffer is too small for an entry; give it `Listing::BUFFER_SIZE`")
        }
        Argument::NotAQueue => formatter.write_str("the object is not a message queue"),
        Argument::NotArmed => formatter.write_str("the socket is not armed, so no notification can arrive"),
        Argument::OtherProcess => {
            formatter.write_str("the socket belongs to the process that made it; create a new one after fork")
        }
        Argument::TypeSize => {
            write!(formatter, "the queue's messages may have {value} bytes, which is not the size of the type")
        }
    }
}

fn explain_foreign_lock(formatter: &mut Formatter<'_>, process: u32) -> fmt::Result {
    match process {
        0 => formatter.write_str("another process")?,
        process => write!(formatter, "process {process}")?,
    }
    formatter.write_str(
        " holds a lock on the bytes that participants lock: a read lock, or one on the whole file (lockf, fcntl); \
         release it",
    )
}

/// A number with a comma between groups of three digits.
pub(super) struct Grouped(pub(super) u64);

impl Display for Grouped {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let (mut unit, mut rest) = (1, self.0);
        while rest / unit >= 1000 {
            unit *= 1000;
        }
        write!(formatter, "{}", rest / unit)?;
        while unit > 1 {
            rest %= unit;
            unit /= 1000;
            write!(formatter, ",{:03}", rest / unit)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::super::{Limit, Operation, SemaphoreFault, SharedFault};
    use super::*;

    #[test]
    fn error_sentence_begins_with_what_failed() {
        let causes = [
            Cause::System,
            Cause::Name(NameFault::SecondSlash, 3),
            Cause::Argument(Argument::Unaligned, 8),
            Cause::above(Limit::DevShm, u64::MAX, 7),
            Cause::queue_bytes(u64::MAX, u64::MAX, u64::MAX),
            Cause::out_of_bounds(u64::MAX, u64::MAX),
            Cause::MessageTooLong { length: u32::MAX, maximum: 0 },
            Cause::Shared(SharedFault::NoHeader),
            Cause::SemaphoreFile(SemaphoreFault::Size),
        ];
        for (cause, number) in causes.into_iter().flat_map(|cause| [1, 22, 4095].map(|number| (cause, number))) {
            let errno = Errno::from_raw_os_error(number);
            let text = format!("{}", Error::caused(Operation::MapMemory, errno, cause));
            let end = errno_name(errno).map_or_else(|| format!(" (errno {number})"), |name| format!(" ({name})"));
            assert!(text.starts_with(&format!("{}: ", Operation::MapMemory.phrase())), "{text}");
            assert!(text.ends_with(&end), "{text}");
        }
    }
}
