//! Who removes a queue's name, and when; closing.

use rawipc::error::Operation;
use rawipc::fd::{AsRawFd, OwnedFd};
use rawipc::{ErrorKind, MessageQueue, Priority};

use crate::harness::kernel::{as_nobody, in_child};
use crate::harness::queues::{FreeName, assert_error, inode};
use crate::harness::{Ending, exists, name_of, small, small_queue};

crate::tests!(
    without_unlink_on_drop_the_name_stays,
    a_dropped_creator_takes_the_name_along,
    an_opener_never_removes_the_name,
    a_clone_never_removes_the_name_and_the_creator_still_does,
    a_name_that_stands_for_another_queue_stays,
    a_name_that_is_gone_is_no_error_of_close,
    close_removes_the_name_and_closes,
    a_queue_given_away_as_descriptor_keeps_its_name,
    an_unlinked_queue_goes_on_for_those_who_have_it;
    alone: a_forked_child_never_removes_the_name,
    close_reports_a_name_that_may_not_be_removed
);

fn without_unlink_on_drop_the_name_stays() {
    let free = FreeName::new();
    drop(small().unlink_on_drop(false).create_new(true).open(&free).unwrap());
    small().unlink_on_drop(false).create(true).open(&free).unwrap().close().unwrap();
    assert!(exists(&free));
    MessageQueue::unlink(&free).unwrap();
    assert!(!exists(&free));
}

fn a_dropped_creator_takes_the_name_along() {
    for options in [small().create(true), small().create_new(true), small().create(true).exact_mode(0o600)] {
        let free = FreeName::new();
        let queue = options.open(&free).unwrap();
        assert!(exists(&free));
        drop(queue);
        assert!(!exists(&free));
    }
}

fn an_opener_never_removes_the_name() {
    let queue = small_queue();
    for options in [small(), small().create(true)] {
        drop(options.open(name_of(&queue)).unwrap());
        options.open(name_of(&queue)).unwrap().close().unwrap();
        assert!(exists(name_of(&queue)));
    }
}

fn a_clone_never_removes_the_name_and_the_creator_still_does() {
    let free = FreeName::new();
    let queue = small().create_new(true).open(&free).unwrap();
    let clone = queue.try_clone().unwrap();
    drop(queue.try_clone().unwrap());
    queue.try_clone().unwrap().close().unwrap();
    assert!(exists(&free));
    drop(queue);
    assert!(!exists(&free));
    clone.send(b"still open", Priority::MIN).unwrap();
    assert_eq!(clone.len().unwrap(), 1);
}

fn a_name_that_stands_for_another_queue_stays() {
    for close in [false, true] {
        let free = FreeName::new();
        let first = small().create_new(true).open(&free).unwrap();
        MessageQueue::unlink(&free).unwrap();
        let second = small().create_new(true).open(&free).unwrap();
        if close {
            first.close().unwrap();
        } else {
            drop(first);
        }
        let found = MessageQueue::options().read(true).open(&free).unwrap();
        assert_eq!(inode(&found), inode(&second));
    }
}

fn a_name_that_is_gone_is_no_error_of_close() {
    let free = FreeName::new();
    let queue = small().create_new(true).open(&free).unwrap();
    MessageQueue::unlink(&free).unwrap();
    queue.close().unwrap();
    assert_eq!(MessageQueue::unlink(&free).unwrap_err().kind(), ErrorKind::NotFound);
}

fn close_removes_the_name_and_closes() {
    let free = FreeName::new();
    let queue = small().create_new(true).open(&free).unwrap();
    let witness = MessageQueue::options().write(true).open(&free).unwrap();
    let (number, inode) = (queue.as_raw_fd(), inode(&witness));
    queue.close().unwrap();
    assert!(!exists(&free));
    // Another thread may have the number by now, but not for this queue.
    let link = std::fs::metadata(format!("/proc/self/fd/{number}"));
    assert!(link.is_err() || std::os::unix::fs::MetadataExt::ino(&link.unwrap()) != inode);
}

fn a_queue_given_away_as_descriptor_keeps_its_name() {
    let free = FreeName::new();
    let descriptor = OwnedFd::from(small().create_new(true).open(&free).unwrap());
    assert!(exists(&free));
    let adopted = MessageQueue::try_from(descriptor).unwrap();
    assert_eq!(adopted.name(), None);
    drop(adopted);
    assert!(exists(&free));
}

fn an_unlinked_queue_goes_on_for_those_who_have_it() {
    let queue = small_queue();
    let other = MessageQueue::options().read(true).open(name_of(&queue)).unwrap();
    MessageQueue::unlink(name_of(&queue)).unwrap();
    assert!(!exists(name_of(&queue)));
    queue.send(b"to the last", Priority::MIN).unwrap();
    drop(queue);
    assert_eq!(other.receive(&mut [0; 64]).unwrap().payload(), b"to the last");
}

fn a_forked_child_never_removes_the_name() {
    let free = FreeName::new();
    let queue = small().create_new(true).open(&free).unwrap();
    let mut shared = Some(queue);
    in_child(|| drop(shared.take()));
    assert!(exists(&free));
    in_child(|| shared.take().unwrap().close().unwrap());
    assert!(exists(&free));
    // What a child creates itself, it removes itself.
    let childs = FreeName::new();
    in_child(|| {
        let own = small().create_new(true).open(&childs).unwrap();
        assert!(exists(&childs));
        drop(own);
        assert!(!exists(&childs));
    });
    drop(shared);
    assert!(!exists(&free));
}

/// The directory of queues is sticky, so only a queue's owner may remove it.
fn close_reports_a_name_that_may_not_be_removed() -> Ending {
    let free = FreeName::new();
    let queue = small().create_new(true).open(&free).unwrap();
    let number = queue.as_raw_fd();
    let error = as_nobody(|| queue.close().unwrap_err())?;
    assert_error(error, ErrorKind::PermissionDenied, rawipc::Errno::PERM, Operation::UnlinkQueue, "not permitted");
    assert!(exists(&free));
    assert!(std::fs::metadata(format!("/proc/self/fd/{number}")).is_err(), "the descriptor is still open");
    MessageQueue::unlink(&free).unwrap();
    Ok(())
}
