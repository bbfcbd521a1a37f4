//! Queues as descriptors: poll, adoption, duplicates.

use std::time::Duration;

use rawipc::error::{Operation, RejectedError};
use rawipc::fd::{AsFd, AsRawFd, OwnedFd};
use rawipc::{Errno, ErrorKind, MessageQueue, OpenFlags, Priority, Receiver, Sender};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, fstat, open};
use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
use rustix::mount::{MountFlags, mount};
use rustix::pipe::pipe;

use crate::harness::kernel::private_ipc_and_mounts;
use crate::harness::queues::{Untouched, assert_error, inode};
use crate::harness::{Ending, Lacking, name_of, small, small_queue};

crate::tests!(
    poll_says_when_a_queue_can_be_read_and_written,
    a_queues_descriptor_is_adopted_with_all_it_has,
    an_adopted_descriptor_becomes_close_on_exec,
    other_descriptors_are_refused_and_given_back_unchanged,
    a_clone_shares_the_queue_and_its_flag,
    ends_have_their_queues_descriptor;
    alone: the_directory_of_queues_is_no_queue
);

fn readiness(queue: &MessageQueue) -> (bool, bool) {
    let mut descriptors = [PollFd::new(queue, PollFlags::IN | PollFlags::OUT)];
    poll(&mut descriptors, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap();
    let ready = descriptors[0].revents();
    (ready.contains(PollFlags::IN), ready.contains(PollFlags::OUT))
}

fn poll_says_when_a_queue_can_be_read_and_written() {
    let queue = small().max_messages(2).create_unique(rawipc::name!("/rawipc-test-")).unwrap();
    for nonblocking in [false, true] {
        queue.set_nonblocking(nonblocking).unwrap();
        assert_eq!(readiness(&queue), (false, true));
        queue.send(b"1", Priority::MIN).unwrap();
        assert_eq!(readiness(&queue), (true, true));
        queue.send(b"2", Priority::MIN).unwrap();
        assert_eq!(readiness(&queue), (true, false));
        queue.receive(&mut [0; 64]).unwrap();
        queue.receive(&mut [0; 64]).unwrap();
    }
}

fn a_queues_descriptor_is_adopted_with_all_it_has() {
    let watched = Untouched::new();
    for access in [OpenFlags::READ, OpenFlags::WRITE | OpenFlags::NONBLOCKING, OpenFlags::READ_WRITE] {
        let opened = MessageQueue::options().flags(access).open(watched.name()).unwrap();
        let number = opened.as_raw_fd();
        let adopted = MessageQueue::try_from(OwnedFd::from(opened)).unwrap();
        assert_eq!((adopted.as_raw_fd(), adopted.name()), (number, None));
        assert_eq!((adopted.flags(), inode(&adopted)), (Ok(access), inode(&watched.queue)));
        let attributes = adopted.attributes().unwrap();
        assert_eq!((attributes.max_messages, attributes.max_message_size, attributes.messages), (8, 64, 3));
        if access.contains(OpenFlags::NONBLOCKING) {
            let error = adopted.receive_timeout(&mut [0; 64], Duration::from_secs(1)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadDescriptor);
        }
        drop(adopted);
    }
    watched.assert_untouched();
}

fn an_adopted_descriptor_becomes_close_on_exec() {
    let descriptor = OwnedFd::from(small_queue().try_clone().unwrap());
    fcntl_setfd(&descriptor, FdFlags::empty()).unwrap();
    let adopted = MessageQueue::try_from(descriptor).unwrap();
    assert_eq!(fcntl_getfd(&adopted).unwrap(), FdFlags::CLOEXEC);
    assert_eq!(adopted.try_clone().unwrap().name(), None);
}

/// Tries to adopt it; what must come back is the same descriptor with the same flags.
fn assert_refused(descriptor: OwnedFd) {
    fcntl_setfd(&descriptor, FdFlags::empty()).unwrap();
    let number = descriptor.as_raw_fd();
    let before = fstat(&descriptor).unwrap();
    let refused = MessageQueue::try_from(descriptor).unwrap_err();
    assert_eq!(refused.to_string(), refused.error.to_string());
    let RejectedError { error, value } = refused;
    let part = "the descriptor is not a message queue (EBADF)";
    assert_error(error, ErrorKind::InvalidInput, Errno::BADF, Operation::AdoptQueue, part);
    assert_eq!((value.as_raw_fd(), fstat(&value).unwrap().st_ino), (number, before.st_ino));
    assert_eq!(fcntl_getfd(&value).unwrap(), FdFlags::empty(), "its flags were touched");
}

fn other_descriptors_are_refused_and_given_back_unchanged() {
    let (read, write) = pipe().unwrap();
    let file = open("/proc/self/exe", OFlags::RDONLY, Mode::empty()).unwrap();
    let directory = open("/", OFlags::RDONLY, Mode::empty()).unwrap();
    let path = open("/", OFlags::PATH, Mode::empty()).unwrap();
    for descriptor in [read, write, file, directory, path] {
        assert_refused(descriptor);
    }
}

/// It lies in the same file system as queues do.
fn the_directory_of_queues_is_no_queue() -> Ending {
    private_ipc_and_mounts()?;
    mount("none", "/tmp", "mqueue", MountFlags::empty(), None)
        .map_err(|errno| Lacking(format!("the right to mount ({errno})")))?;
    assert_refused(open("/tmp", OFlags::RDONLY, Mode::empty()).unwrap());
    let queue = small_queue();
    let path = format!("/tmp{}", crate::harness::queues::text(name_of(&queue)));
    let file = open(path.as_str(), OFlags::RDWR, Mode::empty()).unwrap();
    let adopted = MessageQueue::try_from(file).expect("a queue opened through the file system is a queue");
    assert_eq!(adopted.flags(), Ok(OpenFlags::READ_WRITE));
    queue.send(b"x", Priority::MIN).unwrap();
    assert_eq!(adopted.receive(&mut [0; 64]).unwrap().payload(), b"x");
    Ok(())
}

fn a_clone_shares_the_queue_and_its_flag() {
    let queue = small_queue();
    let clone = queue.try_clone().unwrap();
    assert_ne!(clone.as_fd().as_raw_fd(), queue.as_raw_fd());
    clone.send(b"by the clone", Priority::MIN).unwrap();
    assert_eq!(queue.receive(&mut [0; 64]).unwrap().payload(), b"by the clone");
    clone.set_nonblocking(true).unwrap();
    assert_eq!(queue.receive(&mut [0; 64]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(queue.flags().unwrap().contains(OpenFlags::NONBLOCKING));
    drop(queue);
    assert_eq!(clone.receive(&mut [0; 64]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

fn ends_have_their_queues_descriptor() {
    fn numbers(end: &(impl AsFd + AsRawFd)) -> [i32; 2] {
        [end.as_raw_fd(), end.as_fd().as_raw_fd()]
    }
    let queue = small_queue();
    let number = queue.as_raw_fd();
    let sender = Sender::try_from(queue).unwrap();
    assert_eq!(numbers(&sender), [number; 2]);
    let receiver = Receiver::try_from(sender.into_queue()).unwrap();
    assert_eq!(numbers(&receiver), [number; 2]);
    #[cfg(feature = "zerocopy")]
    {
        let receiver = rawipc::TypedReceiver::<[u8; 64]>::new(receiver).unwrap();
        assert_eq!(numbers(&receiver), [number; 2]);
        let sender = Sender::try_from(small_queue()).unwrap();
        let number = sender.as_raw_fd();
        assert_eq!(numbers(&rawipc::TypedSender::<u8>::new(sender).unwrap()), [number; 2]);
    }
}
