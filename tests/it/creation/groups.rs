//! The group that an object gets.

use std::fs;
use std::os::unix::fs::MetadataExt;

use rawipc::error::Operation;
use rawipc::{ErrorKind, MessageQueue, name};
use rustix::fs::fstat;

use super::{ALL, Free, How, Kind, memory, open_and_add};
use crate::harness::Ending;
use crate::harness::kernel::{ALICE, BOB, in_child_of, require_users, set_umask};

crate::tests!(
    ;
    alone: named_objects_get_the_group_asked_for,
    named_objects_of_a_group_not_held_are_refused,
    shared_memory_refuses_a_group_that_is_none
);

/// Group and permission bits of what is there.
fn status(kind: Kind, free: &Free) -> (u32, u32) {
    if kind == Kind::MessageQueue {
        let queue = MessageQueue::options().read(true).open(free.name()).unwrap();
        let status = fstat(&queue).unwrap();
        return (status.st_gid, status.st_mode & 0o777);
    }
    let files = free.files();
    assert_eq!(files.len(), 1, "{files:?}");
    let status = fs::metadata(format!("/dev/shm/{}", files.first().unwrap())).unwrap();
    (status.gid(), status.mode() & 0o777)
}

fn named_objects_get_the_group_asked_for() -> Ending {
    require_users()?;
    set_umask(0o077);
    for kind in ALL {
        for (mode, expected) in [(None, 0o600), (Some(0o660), 0o660)] {
            let free = Free::new();
            let how = How { group: Some(BOB), mode, ..How::default() };
            let _kept = open_and_add(kind, free.name(), how).unwrap();
            assert_eq!(status(kind, &free), (BOB, expected), "{kind:?}");
            // What is there keeps its group.
            let _kept = open_and_add(kind, free.name(), How { group: Some(ALICE), mode, ..How::default() }).unwrap();
            assert_eq!(status(kind, &free), (BOB, expected), "{kind:?}");
        }
    }
    Ok(())
}

fn named_objects_of_a_group_not_held_are_refused() -> Ending {
    in_child_of(ALICE, || {
        for kind in ALL {
            let free = Free::new();
            for unlink_on_drop in [false, true] {
                let how = How { group: Some(BOB), unlink_on_drop, ..How::default() };
                let error = open_and_add(kind, free.name(), how).map(drop).unwrap_err();
                assert!(error.contains("(EPERM)"), "{error}");
                free.assert_stands_for_nothing(kind);
            }
            let how = How { group: Some(ALICE), ..How::default() };
            let _kept = open_and_add(kind, free.name(), how).unwrap();
            assert_eq!(status(kind, &free).0, ALICE, "{kind:?}");
        }
        let error = memory().create_new(true).group(BOB).open(name!("/rawipc-test-group")).unwrap_err();
        assert_eq!((error.kind(), error.operation()), (ErrorKind::PermissionDenied, Operation::CreateMemory));
    })
}

/// To the kernel the number means that the group stays as it is.
fn shared_memory_refuses_a_group_that_is_none() {
    for kind in ALL {
        let free = Free::new();
        let how = How { group: Some(u32::MAX), ..How::default() };
        let error = open_and_add(kind, free.name(), how).map(drop).unwrap_err();
        assert!(error.contains("(EINVAL)"), "{error}");
        free.assert_stands_for_nothing(kind);
    }
    let error = memory().create_new(true).group(u32::MAX).open(name!("/rawipc-test-group")).unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::InvalidInput, Operation::CreateMemory));
}
