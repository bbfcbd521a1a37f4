//! What errors say of limits.

use core::fmt::{self, Formatter};

use super::Limit;
use super::display::Grouped;

pub(super) fn explain_limit(formatter: &mut Formatter<'_>, limit: Limit, asked: u32, maximum: u32) -> fmt::Result {
    let (asked, maximum) = (Grouped(asked.into()), Grouped(maximum.into()));
    match limit {
        Limit::MaxMessages => {
            write!(
                formatter,
                "{asked} messages are above the maximum of {maximum}; raise it in /proc/sys/fs/mqueue/msg_max"
            )
        }
        Limit::MaxMessageSize => write!(
            formatter,
            "messages of {asked} bytes are above the maximum of {maximum}; raise it in /proc/sys/fs/mqueue/msgsize_max"
        ),
        Limit::Queues => write!(
            formatter,
            "the namespace already has {maximum} queues, the maximum; raise it in /proc/sys/fs/mqueue/queues_max, \
             or unlink some"
        ),
        Limit::Descriptors => {
            write!(
                formatter,
                "the process has all its {maximum} descriptors open; close some, or raise the limit with `ulimit -n`"
            )
        }
        Limit::Participants => write!(formatter, "all {maximum} participant slots are in use; close a handle"),
        Limit::Doorbells => write!(formatter, "all {maximum} doorbells of the queue are in use; drop one"),
        Limit::FileSize => write!(
            formatter,
            "the object's {asked} bytes are above RLIMIT_FSIZE ({maximum} bytes for a file); raise it with `ulimit -f`"
        ),
        Limit::LockedMemory => write!(
            formatter,
            "{asked} bytes more are above what RLIMIT_MEMLOCK ({maximum} bytes for the process) leaves; raise it with \
             `ulimit -l`"
        ),
        Limit::AddressSpace => write!(
            formatter,
            "{asked} bytes more are above what RLIMIT_AS ({maximum} bytes for the process) leaves; raise it with \
             `ulimit -v`"
        ),
        Limit::HugePages => write!(
            formatter,
            "{asked} huge pages are needed, and too few of the pool's {maximum} are free; raise it in \
             /proc/sys/vm/nr_hugepages"
        ),
        Limit::Inodes => write!(
            formatter,
            "/dev/shm has its {maximum} files, the maximum; remove what is not needed, or mount it with a larger \
             nr_inodes"
        ),
        Limit::QueueBytes | Limit::SystemDescriptors | Limit::DevShm | Limit::Quota => {
            write!(formatter, "{asked} are above the maximum of {maximum}")
        }
    }
}
