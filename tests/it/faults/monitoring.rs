//! Looking at shared queues from outside.

use rawipc::error::Operation::QueueStatus;
use rawipc::{Errno, ErrorKind, SharedQueue};

use super::case::Left::{Before, Done};
use super::case::Told::{Kind, Nothing};
use super::case::{ALL, Case, case};
use super::shared_queue::{NAME, on_named};

pub fn cases() -> Vec<Case> {
    vec![
        case("SharedQueue is_linked", QueueStatus, || on_named(SharedQueue::is_linked))
            // A name that is not there stands for no queue.
            .unless(&[("stat 1", &[Errno::NOENT, Errno::NOTDIR], Nothing, Done)]),
        case("SharedQueue inspect", QueueStatus, || on_named(|_| SharedQueue::inspect(NAME))).unless(&[
            ("open", &[Errno::LOOP, Errno::ISDIR, Errno::NXIO], Kind(ErrorKind::Malformed), Before),
            ("open", &[Errno::NOSPC], Kind(ErrorKind::Other), Before),
            // The kernel does not know such locks.
            ("fcntl", &[Errno::INVAL], Kind(ErrorKind::Unsupported), Before),
            ("close", ALL, Nothing, Done),
        ]),
    ]
}
