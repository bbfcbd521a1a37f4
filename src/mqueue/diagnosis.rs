//! What was really wrong when the kernel's errno leaves it open. Only called after a failure.

use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::AsFd;
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use super::MessageQueue;
use crate::error::{Cause, Error, Limit, Operation, saturate};
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
    let cause = if errno == Errno::MFILE { no_free_descriptor() } else { Cause::System };
    Error::caused(operation, errno, cause)
}

/// Why `mq_open` failed to create a queue.
#[cold]
pub(crate) fn of_creation(operation: Operation, errno: Errno, sizes: Option<Sizes>) -> Error {
    let cause = match errno {
        Errno::INVAL | Errno::OVERFLOW => sizes.and_then(size_above_maximum),
        Errno::MFILE => Some(of_emfile(sizes)),
        Errno::NOSPC => {
            let count = |maximum| Cause::above(Limit::Queues, u64::saturating_add(maximum, 1), maximum);
            Sysctl::QUEUES_MAX.read().map(count)
        }
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
        Errno::BADF => wrong_direction(queue, OFlags::RDONLY),
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
        Errno::BADF => wrong_direction(queue, OFlags::WRONLY),
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
    let candidates = [
        (Limit::MaxMessages, sizes.max_messages, Sysctl::MSG_MAX, HARD_MAX_MESSAGES),
        (Limit::MaxMessageSize, sizes.max_message_size, Sysctl::MSGSIZE_MAX, HARD_MAX_MESSAGE_SIZE),
    ];
    // A size above the kernel's own maximum is wrong for everybody, so it is the one to name.
    let hard = candidates.iter().find(|(_, asked, _, hard)| asked > hard);
    let soft = || candidates.iter().find(|(_, asked, sysctl, _)| sysctl.read().is_some_and(|value| *asked > value));
    let (limit, asked, sysctl, hard) = hard.or_else(soft)?;
    Some(Cause::above(*limit, *asked, sysctl.read().unwrap_or(*hard)))
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
    let maximum = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    Cause::above(Limit::Descriptors, maximum.saturating_add(1), maximum)
}

/// What the kernel takes where no sizes are given: the defaults, but not more than the maxima.
pub(super) fn default_sizes() -> Option<Sizes> {
    Some(Sizes {
        max_messages: Sysctl::MSG_DEFAULT.read()?.min(Sysctl::MSG_MAX.read()?),
        max_message_size: Sysctl::MSGSIZE_DEFAULT.read()?.min(Sysctl::MSGSIZE_MAX.read()?),
    })
}

fn wrong_direction(queue: &MessageQueue, other: OFlags) -> Option<Cause> {
    let flags = fcntl_getfl(queue.as_fd()).ok()?;
    (flags & OFlags::RWMODE == other).then_some(Cause::WrongDirection)
}
