//! Sender and receiver as types.

use std::ops::ControlFlow::Continue;
use std::time::Duration;

use rawipc::fd::{AsFd, AsRawFd};
use rawipc::{Deadline, Errno, ErrorKind, MessageQueue, OpenFlags, Operation, Priority, Receiver, Sender, Stop};
use rustix::fs::fstat;

use crate::harness::queues::{FreeName, Untouched, assert_error, inode};
use crate::harness::{exists, name_of, small, small_queue};

crate::tests!(
    ends_open_for_their_direction_only,
    ends_of_a_missing_queue_are_not_found,
    every_way_to_send_and_to_receive_is_there,
    the_wrong_access_is_refused_and_the_queue_given_back,
    an_end_gives_its_queue_back,
    an_end_still_owns_the_name,
);

fn ends_open_for_their_direction_only() {
    let queue = small_queue();
    let (sender, receiver) = (Sender::open(name_of(&queue)).unwrap(), Receiver::open(name_of(&queue)).unwrap());
    assert_eq!(sender.queue().flags().unwrap(), OpenFlags::WRITE);
    assert_eq!(receiver.queue().flags().unwrap(), OpenFlags::READ);
    assert_eq!((sender.queue().name(), receiver.queue().name()), (queue.name(), queue.name()));
    assert_eq!(fstat(sender.as_fd()).unwrap().st_ino as u64, inode(&queue));
    assert_eq!(fstat(receiver.as_fd()).unwrap().st_ino as u64, inode(&queue));
    assert_eq!(sender.as_raw_fd(), sender.queue().as_raw_fd());
    assert_eq!(receiver.as_raw_fd(), receiver.as_fd().as_raw_fd());
}

fn ends_of_a_missing_queue_are_not_found() {
    let free = FreeName::new();
    assert_eq!(Sender::open(&free).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(Receiver::open(&free).unwrap_err().kind(), ErrorKind::NotFound);
}

fn every_way_to_send_and_to_receive_is_there() {
    let queue = small_queue();
    let (sender, receiver) = (Sender::open(name_of(&queue)).unwrap(), Receiver::open(name_of(&queue)).unwrap());
    let soon = Duration::from_secs(20);
    sender.send(b"1", Priority::MIN).unwrap();
    sender.try_send(b"2", Priority::MIN).unwrap();
    sender.send_timeout(b"3", Priority::MIN, soon).unwrap();
    sender.send_deadline(b"4", Priority::MIN, Deadline::after(soon)).unwrap();
    sender.send_all(&[b'5'; 65], Priority::MIN).unwrap();
    sender.send_all_deadline(b"6", Priority::MIN, Deadline::after(soon)).unwrap();
    assert_eq!(sender.fill(&[b'7'; 64], Priority::MIN), Ok(64));
    assert_eq!(receiver.buffer::<63>().unwrap_err().kind(), ErrorKind::BufferTooSmall);
    let buffer = &mut receiver.buffer::<64>().unwrap();
    assert_eq!(receiver.receive(buffer).unwrap().payload(), b"1");
    assert_eq!(receiver.try_receive(buffer).unwrap().payload(), b"2");
    assert_eq!(receiver.receive_timeout(buffer, soon).unwrap().payload(), b"3");
    assert_eq!(receiver.receive_deadline(buffer, Deadline::after(soon)).unwrap().payload(), b"4");
    let mut buffer = [0; 200];
    let drained = receiver.drain(&mut buffer).unwrap();
    assert_eq!((drained.payload, drained.stop), (&[&[b'5'; 65][..], b"6", &[b'7'; 64]].concat()[..], Stop::Empty));
    assert_eq!(sender.send_truncated(&[b'8'; 65], Priority::MIN), Ok(64));
    assert_eq!(receiver.try_receive(&mut buffer).unwrap().payload(), [b'8'; 64]);
    assert_eq!(sender.send_many(&["9", "10"], Priority::MIN), Ok(2));
    assert_eq!(receiver.receive_many(&mut buffer, |_| Continue(())), Ok(2));
    assert_eq!(receiver.try_receive(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
}

fn the_wrong_access_is_refused_and_the_queue_given_back() {
    let watched = Untouched::new();
    let reader = MessageQueue::options().read(true).open(watched.name()).unwrap();
    let writer = MessageQueue::options().write(true).open(watched.name()).unwrap();
    let for_sending = Sender::try_from(reader).unwrap_err();
    let for_receiving = Receiver::try_from(writer).unwrap_err();
    for (refused, access) in [(for_sending, OpenFlags::READ), (for_receiving, OpenFlags::WRITE)] {
        let part = "the queue is not open in this direction (EBADF)";
        assert_error(refused.error, ErrorKind::BadDescriptor, Errno::BADF, Operation::AdoptQueue, part);
        assert_eq!((refused.value.flags(), refused.value.name()), (Ok(access), Some(watched.name())));
    }
    watched.assert_untouched();
}

fn an_end_gives_its_queue_back() {
    let queue = small_queue();
    let both = small().open(name_of(&queue)).unwrap();
    let back = Sender::try_from(both).unwrap().into_queue();
    assert_eq!(back.flags(), Ok(OpenFlags::READ_WRITE));
    let back = Receiver::try_from(back).unwrap().into_queue();
    back.send(b"both ways", Priority::MIN).unwrap();
    assert_eq!(back.receive(&mut [0; 64]).unwrap().payload(), b"both ways");
}

fn an_end_still_owns_the_name() {
    let free = FreeName::new();
    let sender = Sender::try_from(small().create_new(true).open(&free).unwrap()).unwrap();
    assert!(exists(&free));
    drop(sender);
    assert!(!exists(&free));
}
