//! What was really wrong when the kernel's errno leaves it open. Only called after a failure.

use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::AsFd;
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use super::MessageQueue;
use crate::error::{Cause, Error, Limit, Need, Operation, saturate};
use crate::open_flags::OpenFlags;
use crate::sys;
use crate::sysctl::{HARD_MAX_MESSAGE_SIZE, HARD_MAX_MESSAGES, Sysctl};

/// The sizes that a queue was to be created with.
#[derive(Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) max_messages: u64,
    pub(crate) max_message_size: u64,
}

/// Why `mq_open` failed to open an existing queue.
#[cold]
pub(super) fn of_opening(operation: Operation, errno: Errno) -> Error {
    let cause = match errno {
        Errno::MFILE => no_free_descriptor(),
        Errno::NOSYS => Cause::Needs(Need::MessageQueues),
        _ => Cause::System,
    };
    Error::caused(operation, errno, cause)
}

/// Why `mq_open` failed to create a queue.
#[cold]
pub(crate) fn of_creation(operation: Operation, errno: Errno, sizes: Option<Sizes>) -> Error {
    let cause = match errno {
        Errno::INVAL | Errno::OVERFLOW => sizes.and_then(size_above_maximum),
        Errno::MFILE => Some(of_emfile(sizes)),
        Errno::NOSPC => Sysctl::QUEUES_MAX.read().map(|maximum| one_more(Limit::Queues, maximum)),
        Errno::NOSYS => Some(Cause::Needs(Need::MessageQueues)),
        _ => None,
    };
    Error::caused(operation, errno, cause.unwrap_or(Cause::System))
}

/// Why a send failed.
#[cold]
pub(super) fn of_send(queue: &MessageQueue, errno: Errno, length: usize) -> Error {
    let cause = match errno {
        Errno::MSGSIZE => sys::mq_getsetattr(queue.as_fd(), None).ok().map(|attributes| Cause::MessageTooLong {
            length: saturate(length as u64),
            maximum: saturate(attributes.max_message_size as u64),
        }),
        Errno::BADF => wrong_direction(queue, OpenFlags::WRITE),
        _ => None,
    };
    Error::caused(Operation::Send, errno, cause.unwrap_or(Cause::System))
}

/// Why a receive failed.
#[cold]
pub(super) fn of_receive(queue: &MessageQueue, errno: Errno, size: usize) -> Error {
    let cause = match errno {
        Errno::MSGSIZE => sys::mq_getsetattr(queue.as_fd(), None)
            .ok()
            .map(|attributes| buffer_too_small(size, attributes.max_message_size as usize)),
        Errno::BADF => wrong_direction(queue, OpenFlags::READ),
        _ => None,
    };
    Error::caused(Operation::Receive, errno, cause.unwrap_or(Cause::System))
}

/// A buffer that cannot hold the queue's longest message.
pub(super) fn buffer_too_small(size: usize, needed: usize) -> Cause {
    Cause::BufferTooSmall { size: saturate(size as u64), needed: saturate(needed as u64) }
}

/// Which size is above its maximum: the namespace's, or for a privileged user the kernel's own.
fn size_above_maximum(sizes: Sizes) -> Option<Cause> {
    let Sizes { max_messages, max_message_size } = sizes;
    let most_messages = Sysctl::MSG_MAX.read().unwrap_or(HARD_MAX_MESSAGES);
    let longest = Sysctl::MSGSIZE_MAX.read().unwrap_or(HARD_MAX_MESSAGE_SIZE);
    // A size above the kernel's own maximum is wrong for every user, so it is the one to name.
    let is_only_too_long = max_message_size > HARD_MAX_MESSAGE_SIZE && max_messages <= HARD_MAX_MESSAGES;
    if max_messages > most_messages && !is_only_too_long {
        Some(Cause::above(Limit::MaxMessages, max_messages, most_messages))
    } else if max_message_size > longest {
        Some(Cause::above(Limit::MaxMessageSize, max_message_size, longest))
    } else {
        None
    }
}

/// EMFILE has two causes: no free descriptor, or a queue too costly for the user. Whether another descriptor can be had
/// tells.
fn of_emfile(sizes: Option<Sizes>) -> Cause {
    if let Err(Errno::MFILE) = eventfd(0, EventfdFlags::CLOEXEC) {
        return no_free_descriptor();
    }
    let sizes = sizes.or_else(default_sizes).unwrap_or(Sizes { max_messages: 1, max_message_size: 0 });
    let rlimit = getrlimit(Resource::Msgqueue).current.unwrap_or(u64::MAX);
    Cause::queue_bytes(sizes.max_messages, sizes.max_message_size, rlimit)
}

fn no_free_descriptor() -> Cause {
    one_more(Limit::Descriptors, getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX))
}

/// One more was asked for than there may be.
fn one_more(limit: Limit, maximum: u64) -> Cause {
    Cause::above(limit, maximum.saturating_add(1), maximum)
}

/// What the kernel takes where no sizes are given: the defaults, but not more than the maxima.
pub(super) fn default_sizes() -> Option<Sizes> {
    Some(Sizes {
        max_messages: Sysctl::MSG_DEFAULT.read()?.min(Sysctl::MSG_MAX.read()?),
        max_message_size: Sysctl::MSGSIZE_DEFAULT.read()?.min(Sysctl::MSGSIZE_MAX.read()?),
    })
}

fn wrong_direction(queue: &MessageQueue, needed: OpenFlags) -> Option<Cause> {
    (!queue.access.contains(needed)).then_some(Cause::WrongDirection)
}
