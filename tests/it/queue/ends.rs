//! Sender and receiver as types.

use std::ops::ControlFlow::Continue;
use std::time::Duration;

use rawipc::endpoint::StopReason;
use rawipc::error::Operation;
use rawipc::fd::AsFd;
use rawipc::{Deadline, Errno, ErrorKind, OpenFlags, Priority, Receiver, Sender};
use rustix::fs::fstat;

use super::{FreeName, Queue, exists, name_of, open_ends, small, small_queue};
use crate::harness::queues::assert_error;

crate::tests!(
    ends_open_for_their_direction_only,
    ends_of_a_missing_queue_are_not_found,
    every_way_to_send_and_to_receive_is_there,
    the_wrong_access_is_refused_and_the_queue_given_back,
    an_end_gives_its_queue_back,
    an_end_still_owns_the_name,
);

fn ends_of(queue: &Queue) -> (Sender<Queue>, Receiver<Queue>) {
    let (sender, receiver) = open_ends(name_of(queue));
    (sender.unwrap(), receiver.unwrap())
}

fn ends_open_for_their_direction_only() {
    let queue = small_queue();
    let (sender, receiver) = ends_of(&queue);
    assert_eq!(sender.queue().flags().unwrap(), OpenFlags::WRITE);
    assert_eq!(receiver.queue().flags().unwrap(), OpenFlags::READ);
    assert_eq!((sender.queue().name(), receiver.queue().name()), (queue.name(), queue.name()));
    let inode = |end: &dyn AsFd| fstat(end.as_fd()).unwrap().st_ino;
    assert_eq!((inode(&sender), inode(&receiver)), (inode(&queue), inode(&queue)));
}

fn ends_of_a_missing_queue_are_not_found() {
    let free = FreeName::new();
    let (sender, receiver) = open_ends(&free);
    assert_eq!(sender.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(receiver.unwrap_err().kind(), ErrorKind::NotFound);
}

fn every_way_to_send_and_to_receive_is_there() {
    let (sender, receiver) = ends_of(&small_queue());
    send_and_receive_in_every_way(&sender, &receiver);
}

/// As code does that is written for both kinds of queues.
fn send_and_receive_in_every_way<Q: rawipc::Queue>(sender: &Sender<Q>, receiver: &Receiver<Q>) {
    let soon = Duration::from_secs(20);
    sender.send(b"1", Priority::MIN).unwrap();
    sender.try_send(b"2", Priority::MIN).unwrap();
    sender.send_timeout(b"3", Priority::MIN, soon).unwrap();
    sender.send_deadline(b"4", Priority::MIN, Deadline::after(soon)).unwrap();
    sender.send_all(&[b'5'; 65], Priority::MIN).unwrap();
    sender.send_all_deadline(b"6", Priority::MIN, Deadline::after(soon)).unwrap();
    assert_eq!(sender.try_send_all(&[b'7'; 64], Priority::MIN), Ok(64));
    assert_eq!(receiver.buffer::<63>().unwrap_err().kind(), ErrorKind::BufferTooSmall);
    let buffer = &mut receiver.buffer::<64>().unwrap();
    assert_eq!(receiver.receive(buffer).unwrap().payload(), b"1");
    assert_eq!(receiver.try_receive(buffer).unwrap().payload(), b"2");
    assert_eq!(receiver.receive_timeout(buffer, soon).unwrap().payload(), b"3");
    assert_eq!(receiver.receive_deadline(buffer, Deadline::after(soon)).unwrap().payload(), b"4");
    let mut buffer = [0; 200];
    let drained = receiver.try_receive_all(&mut buffer).unwrap();
    assert_eq!(
        (drained.payload, drained.stop),
        (&[&[b'5'; 65][..], b"6", &[b'7'; 64]].concat()[..], StopReason::Empty)
    );
    assert_eq!(sender.send_truncated(&[b'8'; 65], Priority::MIN), Ok(64));
    assert_eq!(receiver.try_receive(&mut buffer).unwrap().payload(), [b'8'; 64]);
    assert_eq!(sender.try_send_many(&["9", "10"], Priority::MIN), Ok(2));
    assert_eq!(receiver.try_receive_many(&mut buffer, |_| Continue(())), Ok(2));
    assert_eq!(receiver.try_receive(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
}

fn the_wrong_access_is_refused_and_the_queue_given_back() {
    let queue = small_queue();
    queue.send(b"kept", Priority::MAX).unwrap();
    let reader = Queue::options().read(true).open(name_of(&queue)).unwrap();
    let writer = Queue::options().write(true).open(name_of(&queue)).unwrap();
    let for_sending = Sender::try_from(reader).unwrap_err();
    let for_receiving = Receiver::try_from(writer).unwrap_err();
    for (refused, access) in [(for_sending, OpenFlags::READ), (for_receiving, OpenFlags::WRITE)] {
        let part = "the queue is not open for this direction (EBADF)";
        assert_error(refused.error, ErrorKind::BadDescriptor, Errno::BADF, Operation::AdoptQueue, part);
        assert_eq!((refused.value.flags(), refused.value.name()), (Ok(access), queue.name()));
    }
    assert_eq!(queue.len(), Ok(1));
    assert_eq!(queue.receive(&mut [0; 64]).unwrap().payload(), b"kept");
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
