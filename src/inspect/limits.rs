//! The limits of message queues, read at run time.

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use crate::error::{Cause, Error, Limit, Operation, Result, queue_cost};
use crate::sys;
use crate::sysctl::{HARD_MAX_MESSAGE_SIZE, HARD_MAX_MESSAGES, Sysctl};

/// The sizes of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QueueSizes {
    /// The most messages it can hold.
    pub max_messages: usize,
    /// The most bytes a message can have.
    pub max_message_size: usize,
}

impl QueueSizes {
    /// Returns what a queue of these sizes counts against RLIMIT_MSGQUEUE for the user who creates it, in bytes, by the
    /// kernel's formula.
    ///
    /// ```
    /// use rawipc::inspect::QueueSizes;
    /// let sizes = QueueSizes { max_messages: 10, max_message_size: 8192 };
    /// # #[cfg(target_pointer_width = "64")]
    /// assert_eq!(sizes.cost(), 82_880);
    /// ```
    #[must_use]
    pub const fn cost(self) -> u64 {
        queue_cost(self.max_messages as u64, self.max_message_size as u64)
    }
}

/// The limits that hold for this process, in its IPC namespace, when they were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The most messages a queue may be made for without CAP_SYS_RESOURCE: `fs.mqueue.msg_max`.
    pub max_messages: u64,
    /// The messages a queue is made for if nothing is said: `fs.mqueue.msg_default`, cut to `msg_max`.
    #[doc(alias = "QUEUE_MESSAGES_MAX_DEFAULT")]
    pub default_messages: u64,
    /// The most bytes a queue's messages may have without CAP_SYS_RESOURCE: `fs.mqueue.msgsize_max`.
    pub max_message_size: u64,
    /// The bytes a queue's messages may have if nothing is said: `fs.mqueue.msgsize_default`, cut to `msgsize_max`.
    #[doc(alias = "QUEUE_MESSAGE_SIZE_MAX_DEFAULT")]
    pub default_message_size: u64,
    /// The most queues in the namespace, unless made with CAP_SYS_RESOURCE: `fs.mqueue.queues_max`.
    pub max_queues: u64,
    /// The bytes that all queues of the user may cost together, over all namespaces: the soft RLIMIT_MSGQUEUE; `None`
    /// is no limit.
    pub queue_bytes: Option<u64>,
    /// The size of a memory page, in bytes.
    #[doc(alias = "PAGE_SIZE")]
    pub page_size: usize,
}

impl Limits {
    /// Reads the limits.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if `/proc/sys/fs/mqueue` cannot be read: `/proc` is not mounted,
    /// or the kernel has no message queues ([`Platform::probe`](crate::inspect::Platform::probe) tells).
    ///
    /// # References
    /// [`mq_overview(7)`](https://man7.org/linux/man-pages/man7/mq_overview.7.html), "/proc interfaces"
    pub fn current() -> Result<Self> {
        let read = |setting: Sysctl| {
            setting.read().ok_or_else(|| Error::caused(Operation::ReadLimits, Errno::NOENT, Cause::NoProc))
        };
        let (max_messages, max_message_size) = (read(Sysctl::MSG_MAX)?, read(Sysctl::MSGSIZE_MAX)?);
        Ok(Self {
            max_messages,
            default_messages: read(Sysctl::MSG_DEFAULT)?.min(max_messages),
            max_message_size,
            default_message_size: read(Sysctl::MSGSIZE_DEFAULT)?.min(max_message_size),
            max_queues: read(Sysctl::QUEUES_MAX)?,
            queue_bytes: getrlimit(Resource::Msgqueue).current,
            page_size: sys::page_size(),
        })
    }

    /// Returns `true` if a queue of these sizes is within the limits, without making it. Returns its cost in bytes.
    ///
    /// What the user's other queues cost already is not known to anybody but the kernel, so a queue that passes may
    /// still be refused. With CAP_SYS_RESOURCE the kernel allows more than the two maxima.
    ///
    /// # Errors
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) with the limit, its value and what was asked for, just as
    /// creating the queue would give it; [`InvalidInput`](crate::ErrorKind::InvalidInput) for a size of 0.
    pub fn check(&self, sizes: QueueSizes) -> Result<u64> {
        use crate::error::Argument::{ZeroMessageSize, ZeroMessages};
        let refuse = |errno, cause| Err(Error::caused(Operation::CheckLimits, errno, cause));
        let candidates = [
            (sizes.max_messages as u64, ZeroMessages, Limit::MaxMessages, self.max_messages, HARD_MAX_MESSAGES),
            (
                sizes.max_message_size as u64,
                ZeroMessageSize,
                Limit::MaxMessageSize,
                self.max_message_size,
                HARD_MAX_MESSAGE_SIZE,
            ),
        ];
        if let Some((_, zero, ..)) = candidates.into_iter().find(|(size, ..)| *size == 0) {
            return refuse(Errno::INVAL, Cause::Argument(zero, 0));
        }
        // As when a queue is created: a size above the kernel's own maximum is wrong for every user, so it is named.
        let hard = candidates.into_iter().find(|(size, .., hard)| size > hard);
        let above = hard.or_else(|| candidates.into_iter().find(|(size, _, _, maximum, _)| size > maximum));
        if let Some((size, _, limit, maximum, _)) = above {
            return refuse(Errno::INVAL, Cause::above(limit, size, maximum));
        }
        match self.queue_bytes {
            Some(rlimit) if sizes.cost() > rlimit => refuse(
                Errno::MFILE,
                Cause::queue_bytes(sizes.max_messages as u64, sizes.max_message_size as u64, rlimit),
            ),
            _ => Ok(sizes.cost()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_is_the_kernels() {
        let header = 12 * size_of::<usize>() as u64;
        let cost = |max_messages, max_message_size| QueueSizes { max_messages, max_message_size }.cost();
        assert_eq!(cost(1, 1), header + 1);
        assert_eq!(cost(10, 8192), 10 * (header + 8192));
        // Beyond 32,768 messages there are no more tree nodes, since there are no more priorities.
        assert_eq!(cost(65_536, 1), 65_536 * (header / 2 + 1) + 32_768 * (header / 2));
    }
}
