//! The first call in a child of `fork`, by which it begins to take part: if it cannot, nothing is done, and the next
//! call begins anew.

use std::sync::Arc;

use rawipc::error::Operation;
use rawipc::{Errno, ErrorKind, Priority, RobustMutex, SharedMemory};

use super::errnos::{row_named, row_of};
use super::shared_queue::options;
use crate::harness::Ending;
use crate::harness::injector::Subject;
use crate::harness::kernel::in_child;

/// The calls by which a child begins to take part.
const CALLS: [&str; 4] = ["open", "fcntl", "mmap", "madvise"];

/// To be run in a process that has one thread.
pub fn assert_first_calls_can_fail() -> Ending {
    let queue = Arc::new(options().max_messages(3).create_anonymous().unwrap());
    let other = queue.try_clone().unwrap();
    queue.send(b"before", Priority::MIN).unwrap();
    in_child(|| {
        fail_each(Operation::Send, || {
            let queue = Arc::clone(&queue);
            move || queue.send(b"after", Priority::MIN)
        });
    });
    for sent in ["before", "after", "after"] {
        assert_eq!(other.try_receive(&mut [0; 16]).unwrap().payload(), sent.as_bytes());
    }
    assert!(other.is_empty().unwrap());

    let memory = SharedMemory::anonymous(4096).create().unwrap();
    let mutex = Arc::new(RobustMutex::in_memory(&memory, 0).unwrap());
    in_child(|| {
        fail_each(Operation::Lock, || {
            let mutex = Arc::clone(&mutex);
            move || mutex.lock().map(drop)
        });
    });
    assert!(!mutex.is_locked());
    // What the children have done without, if it is not there.
    Subject::start().map(drop)
}

/// Fails each call with each of its errnos, then none.
fn fail_each<A: FnOnce() -> rawipc::Result<()> + Send + 'static>(operation: Operation, act: impl Fn() -> A) {
    let Ok(subject) = Subject::start() else { return };
    let mut count = 0;
    for name in CALLS {
        // Another one has the slot: then there are others.
        for errno in row_named(name).errnos().filter(|errno| (name, *errno) != ("fcntl", Errno::AGAIN)) {
            let mut is_first = true;
            let answer = move |_, call: &_| {
                let fails = is_first && row_of(call).is_some_and(|row| row.name == name);
                is_first &= !fails;
                fails.then_some(errno)
            };
            let error = subject.run(Box::new(answer), act()).0.expect_err(name);
            // There is no way to the memory; or the kernel knows no such locks.
            let told = match (name, errno) {
                ("open", Errno::NOENT | Errno::NOTDIR) => Errno::NOENT,
                ("fcntl", Errno::INVAL) => Errno::NOSYS,
                _ => errno,
            };
            assert_eq!((error.errno(), error.operation()), (told, operation), "{name} with {errno}");
            assert!(told == errno && errno != Errno::NOENT || error.kind() == ErrorKind::Unsupported);
            assert!(errno != Errno::INTR || error.kind() == ErrorKind::Interrupted);
            count += 1;
        }
    }
    assert!(count > 40, "only {count} failures were made");
    assert_eq!(subject.run(Box::new(|_, _| None), act()).0, Ok(()));
    assert_eq!(subject.run(Box::new(|_, _| None), act()).1, [], "it takes part by now");
}
