//! Listings, limits, and what the platform supports.

use std::mem::MaybeUninit;

use rawipc::error::Operation;
use rawipc::inspect::{Entry, Limits, Listing, Platform};
use rawipc::{Errno, ErrorKind, NamedSemaphore, SharedMemory, name};

use super::case::Left::{Before, Done};
use super::case::Told::{As, Kind, Nothing, Usually};
use super::case::{ALL, Case, Prepared, Told, case, freely, on};
use super::queue::on_queue;
use Operation::{List, QueueStatus, ReadLimits};

pub fn cases() -> Vec<Case> {
    [listings(), entries(), limits()].concat()
}

/// Walks through all of a listing.
fn walk(
    list: impl for<'buffer> Fn(&'buffer mut [MaybeUninit<u8>]) -> rawipc::Result<Listing<'buffer>>,
    act: fn(&Entry<'_>) -> rawipc::Result<()>,
) -> rawipc::Result<()> {
    let mut buffer = [MaybeUninit::uninit(); Listing::BUFFER_SIZE];
    let mut listing = list(&mut buffer)?;
    while let Some(entry) = listing.next() {
        act(&entry?)?;
    }
    Ok(())
}

fn files() -> Prepared {
    let semaphore = NamedSemaphore::options().unlink_on_drop(true).create_new(true);
    let memory = SharedMemory::options().write(true).size(16).unlink_on_drop(true).create_new(true);
    let objects =
        (semaphore.open(name!("/rawipc-test-semaphore")).unwrap(), memory.open(name!("/rawipc-test-memory")).unwrap());
    on(objects, |_| String::new(), |_| walk(|buffer| Listing::semaphores(buffer), |_| Ok(())))
}

fn listings() -> Vec<Case> {
    let queues: fn() -> Prepared =
        || on_queue(super::queue::queue(), |_| walk(|buffer| Listing::queues(buffer), |_| Ok(())));
    vec![
        case("Listing::queues", List, queues).unless(&[
            // Without the mounted file system it mounts one.
            ("statfs", ALL, Nothing, Done),
            ("open 0", ALL, Nothing, Done),
            // Whoever may not ask for a filter has one.
            ("prctl", ALL, Nothing, Done),
            // An entry that is gone already is passed over.
            ("stat", &[Errno::NOENT], Nothing, Done),
            ("getdents", &[Errno::INVAL], Usually, Before),
            ("close", ALL, Nothing, Done),
        ]),
        case("Listing::queues, not mounted", List, queues)
            .where_calls_fail(|call| (call.number == libc::SYS_statfs).then_some(Errno::NOENT))
            .unless(&[
                ("statfs", ALL, Nothing, Done),
                ("fsopen", ALL, Kind(ErrorKind::Unsupported), Before),
                ("fsconfig", ALL, Kind(ErrorKind::Unsupported), Before),
                ("fsmount", ALL, Kind(ErrorKind::Unsupported), Before),
                ("open 0", ALL, Kind(ErrorKind::Unsupported), Before),
                ("stat", &[Errno::NOENT], Nothing, Done),
                ("close", ALL, Nothing, Done),
            ]),
        case("Listing::semaphores", List, files).unless(&[
            ("open 0", &[Errno::NOENT, Errno::NOTDIR], Kind(ErrorKind::Unsupported), Before),
            // What cannot be looked into is not known to be a semaphore.
            ("open 2", ALL, Nothing, Done),
            ("read", ALL, Nothing, Done),
            ("stat", &[Errno::NOENT], Nothing, Done),
            ("close", ALL, Nothing, Done),
        ]),
    ]
}

fn entries() -> Vec<Case> {
    vec![
        case("queue_status", QueueStatus, || {
            on_queue(super::queue::queue(), |_| {
                walk(|buffer| Listing::queues(buffer), |entry| entry.queue_status().map(drop))
            })
        })
        .only(&["open 2", "pread", "close 0"])
        .unless(&[("open", ALL, As(List), Before), ("close", ALL, Nothing, Done)]),
        case("open_queue", Operation::AdoptQueue, || {
            on_queue(super::queue::queue(), |_| {
                walk(|buffer| Listing::queues(buffer), |entry| entry.open_queue().map(drop))
            })
        })
        .only(&["open 2", "mq_getsetattr", "fcntl"])
        .unless(&[
            ("open", &[Errno::ACCESS, Errno::PERM, Errno::ROFS], Nothing, Done),
            ("open", ALL, As(List), Before),
            ("mq_getsetattr", ALL, Kind(ErrorKind::InvalidInput), Before),
        ]),
    ]
}

fn limits() -> Vec<Case> {
    const NO_PROC: Told = Kind(ErrorKind::Unsupported);
    vec![
        case("Limits::current", ReadLimits, || freely(Limits::current)).unless(&[
            ("open", ALL, NO_PROC, Before),
            ("read", ALL, NO_PROC, Before),
            ("close", ALL, Nothing, Done),
            ("mprotect", ALL, Nothing, Done),
        ]),
        case("Platform::probe", ReadLimits, || freely(|| Ok(Platform::probe()))).unless(&[
            // A feature that cannot be tried is missing.
            ("mq_open", ALL, Nothing, Done),
            ("mq_getsetattr", ALL, Nothing, Done),
            ("mq_timedsend", ALL, Nothing, Done),
            ("mq_timedreceive", ALL, Nothing, Done),
            ("mq_notify", ALL, Nothing, Done),
            ("socket", ALL, Nothing, Done),
            ("close", ALL, Nothing, Done),
            ("stat", ALL, Nothing, Done),
            ("statfs", ALL, Nothing, Done),
            ("fstatfs", ALL, Nothing, Done),
            ("open", ALL, Nothing, Done),
            ("unlink", ALL, Nothing, Done),
            ("getrandom", ALL, Nothing, Done),
            ("memfd_create", ALL, Nothing, Done),
            ("fallocate", ALL, Nothing, Done),
            ("ftruncate", ALL, Nothing, Done),
            ("mmap", ALL, Nothing, Done),
            ("madvise", ALL, Nothing, Done),
            ("mprotect", ALL, Nothing, Done),
            ("prctl", ALL, Nothing, Done),
            ("fcntl", ALL, Nothing, Done),
            ("flock", ALL, Nothing, Done),
            ("futex", ALL, Nothing, Done),
            ("close", ALL, Nothing, Done),
        ]),
    ]
}
