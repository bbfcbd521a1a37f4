//! What another user may not do.

use rawipc::error::Operation;
use rawipc::{Errno, ErrorKind, MessageQueue, Priority, name};
use rustix::process::geteuid;

use crate::harness::kernel::as_nobody;
use crate::harness::queues::{Untouched, assert_error};
use crate::harness::{Ending, name_of, small};

crate::tests!(
    a_mode_binds_its_own_user_too;
    alone: another_user_may_not_open_what_the_mode_forbids,
    another_user_may_do_what_the_mode_allows_and_no_more,
    another_user_may_not_unlink
);

const PART: &str = "not permitted for this user";

fn a_mode_binds_its_own_user_too() -> Ending {
    if geteuid().is_root() {
        // Root may do everything; the tests below ask as another user.
        return Ok(());
    }
    let queue = small().exact_mode(0o200).create_unique(name!("/rawipc-test-")).unwrap();
    let error = MessageQueue::options().read(true).open(name_of(&queue)).unwrap_err();
    assert_error(error, ErrorKind::PermissionDenied, Errno::ACCESS, Operation::OpenQueue, PART);
    MessageQueue::options().write(true).open(name_of(&queue)).unwrap();
    Ok(())
}

fn another_user_may_not_open_what_the_mode_forbids() -> Ending {
    let watched = Untouched::new();
    for (options, operation) in [
        (MessageQueue::options().read(true), Operation::OpenQueue),
        (MessageQueue::options().write(true), Operation::OpenQueue),
        (small(), Operation::OpenQueue),
        (small().create(true), Operation::CreateQueue),
        (small().create(true).unlink_on_drop(false), Operation::CreateQueue),
    ] {
        let error = as_nobody(|| options.open(watched.name()).unwrap_err())?;
        assert_error(error, ErrorKind::PermissionDenied, Errno::ACCESS, operation, PART);
    }
    watched.assert_untouched();
    Ok(())
}

fn another_user_may_do_what_the_mode_allows_and_no_more() -> Ending {
    let queue = small().exact_mode(0o622).create_unique(name!("/rawipc-test-")).unwrap();
    let error = as_nobody(|| {
        let writer = MessageQueue::options().write(true).open(name_of(&queue)).unwrap();
        writer.send(b"from nobody", Priority::MIN).unwrap();
        MessageQueue::options().read(true).open(name_of(&queue)).unwrap_err()
    })?;
    assert_error(error, ErrorKind::PermissionDenied, Errno::ACCESS, Operation::OpenQueue, PART);
    assert_eq!(queue.receive(&mut [0; 64]).unwrap().payload(), b"from nobody");
    Ok(())
}

/// The kernel says EPERM in a sticky directory, where POSIX has EACCES; both are one kind.
fn another_user_may_not_unlink() -> Ending {
    let watched = Untouched::new();
    let error = as_nobody(|| MessageQueue::unlink(watched.name()).unwrap_err())?;
    assert_error(error, ErrorKind::PermissionDenied, Errno::PERM, Operation::UnlinkQueue, PART);
    watched.assert_untouched();
    Ok(())
}
