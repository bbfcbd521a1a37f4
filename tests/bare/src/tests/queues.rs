//! Queues: opening, creating, removing, sending and receiving.

use rawipc::error::Bounds;
use rawipc::{
    ErrorKind, MessageBuffer, MessageQueue, Name, OpenFlags, Priority, Receiver, Sender, TypedReceiver, TypedSender,
    name,
};
use rustix::fd::OwnedFd;
use rustix::fs::Mode;

use super::support::{LONG, kind, options, prefix, queue};
use crate::harness::{Peer, tests};

tests![
    are_created_opened_and_removed,
    have_their_sizes_and_modes,
    have_long_names,
    refuse_wrong_names,
    refuse_wrong_options,
    carry_messages_whole,
    order_by_priority_then_age,
    refuse_what_does_not_fit,
    never_wait_when_they_must_not,
    have_directions,
    are_adopted_only_if_they_are_queues,
    carry_typed_values,
    are_removed_by_their_creator_alone,
];

fn are_created_opened_and_removed() {
    let created = queue(2);
    let name = created.name().expect("it was opened by a name");
    let both = MessageQueue::options().read(true).write(true);
    assert_eq!(kind(both.create_new(true).open(name)), ErrorKind::AlreadyExists);
    let opened = both.create(true).open(name).unwrap();
    created.send(b"hello", Priority::MIN).unwrap();
    assert_eq!(opened.receive(&mut [0; 16]).unwrap().payload(), b"hello");

    MessageQueue::unlink(name).unwrap();
    assert_eq!(kind(both.open(name)), ErrorKind::NotFound);
    assert_eq!(kind(MessageQueue::unlink(name)), ErrorKind::NotFound);
    opened.send(b"", Priority::MIN).unwrap();
    assert_eq!(created.len(), Ok(1));
    opened.close().unwrap();
    created.close().unwrap();
}

fn have_their_sizes_and_modes() {
    let before = rustix::process::umask(Mode::from_raw_mode(0o027));
    let masked = options(3).mode(0o666).create_unique(prefix().name()).unwrap();
    let exact = options(3).exact_mode(0o666).create_unique(prefix().name()).unwrap();
    rustix::process::umask(before);
    assert_eq!((masked.mode(), exact.mode()), (Ok(0o640), Ok(0o666)));
    let attributes = exact.attributes().unwrap();
    assert_eq!((attributes.max_messages, attributes.max_message_size), (3, 16));
    assert_eq!((attributes.messages, attributes.nonblocking), (0, false));
}

fn have_long_names() {
    let mut longest = [b'x'; 256];
    let prefix = prefix();
    let start = prefix.name().as_bytes();
    longest[..start.len()].copy_from_slice(start);
    let name = Name::new(&longest[..]).unwrap();
    let queue = options(1).create_new(true).open(name).unwrap();
    assert_eq!(queue.name(), Some(name));
    queue.close().unwrap();
    assert_eq!(kind(MessageQueue::unlink(name)), ErrorKind::NotFound);
    let mut longer = [b'x'; 257];
    longer[0] = b'/';
    assert_eq!(kind(Name::new(&longer[..])), ErrorKind::InvalidName);
}

fn refuse_wrong_names() {
    for wrong in ["", "/", "queue", "/a/b", "/.", "/..", "/nul\0"] {
        assert_eq!(kind(Name::new(wrong)), ErrorKind::InvalidName, "{wrong:?}");
    }
}

fn refuse_wrong_options() {
    let open = MessageQueue::options();
    assert_eq!(kind(open.open(name!("/rawipc-bare-none"))), ErrorKind::InvalidInput);
    assert_eq!(kind(open.read(true).open(name!("/rawipc-bare-none"))), ErrorKind::NotFound);
    for wrong in [options(0), options(1).max_message_size(0), options(1).mode(0o1000)] {
        assert_eq!(kind(wrong.create_unique(prefix().name())), ErrorKind::InvalidInput);
    }
    assert_eq!(kind(Priority::new(32_768)), ErrorKind::InvalidInput);
}

fn carry_messages_whole() {
    let queue = queue(4);
    let whole = *b"sixteen bytes...";
    for message in [&whole[..], b"", b"\0\xff"] {
        queue.send(message, Priority::from(7)).unwrap();
        let mut buffer = MessageBuffer::<16>::new();
        let received = queue.receive(&mut buffer).unwrap();
        assert_eq!((received.payload(), received.priority()), (message, Priority::from(7)));
    }
    assert!(queue.is_empty().unwrap());
}

fn order_by_priority_then_age() {
    let queue = queue(5);
    for (message, priority) in [(b"1", 0), (b"2", 9), (b"3", 0), (b"4", 32_767), (b"5", 9)] {
        queue.send(message, Priority::new(priority).unwrap()).unwrap();
    }
    for expected in [(b"4", 32_767), (b"2", 9), (b"5", 9), (b"1", 0), (b"3", 0)] {
        let mut buffer = [0; 16];
        let message = queue.receive(&mut buffer).unwrap();
        assert_eq!((message.payload(), message.priority().get()), (&expected.0[..], expected.1));
    }
}

fn refuse_what_does_not_fit() {
    let queue = queue(1);
    let error = queue.send(&[1; 17], Priority::MIN).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MessageTooLong);
    assert_eq!(error.bounds(), Some(Bounds { given: 17, bound: 16 }));
    queue.send(b"short", Priority::MIN).unwrap();
    let error = queue.receive(&mut [0; 15]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BufferTooSmall);
    assert_eq!(error.bounds(), Some(Bounds { given: 15, bound: 16 }));
    assert_eq!(queue.len(), Ok(1));
}

fn never_wait_when_they_must_not() {
    let queue = queue(1);
    assert_eq!(kind(queue.try_receive(&mut [0; 16])), ErrorKind::WouldBlock);
    queue.try_send(b"1", Priority::MIN).unwrap();
    assert_eq!(kind(queue.try_send(b"2", Priority::MIN)), ErrorKind::WouldBlock);
    queue.set_nonblocking(true).unwrap();
    assert!(queue.attributes().unwrap().nonblocking);
    assert_eq!(queue.flags(), Ok(OpenFlags::READ_WRITE | OpenFlags::NONBLOCKING));
    assert_eq!(kind(queue.send(b"2", Priority::MIN)), ErrorKind::WouldBlock);
    queue.receive(&mut [0; 16]).unwrap();
    assert_eq!(kind(queue.receive(&mut [0; 16])), ErrorKind::WouldBlock);
    assert_eq!(kind(queue.receive_timeout(&mut [0; 16], LONG)), ErrorKind::WouldBlock);
    queue.set_nonblocking(false).unwrap();
    assert_eq!(queue.flags(), Ok(OpenFlags::READ_WRITE));
}

fn have_directions() {
    let queue = queue(1);
    let name = queue.name().unwrap();
    let sender = Sender::open(name).unwrap();
    let receiver = Receiver::open(name).unwrap();
    sender.send(b"there", Priority::MIN).unwrap();
    assert_eq!(receiver.receive(&mut [0; 16]).unwrap().payload(), b"there");
    assert_eq!(kind(sender.queue().receive(&mut [0; 16])), ErrorKind::BadDescriptor);
    assert_eq!(kind(receiver.queue().send(b"", Priority::MIN)), ErrorKind::BadDescriptor);
    assert_eq!(receiver.queue().flags(), Ok(OpenFlags::READ));
}

fn are_adopted_only_if_they_are_queues() {
    let queue = queue(1);
    queue.send(b"kept", Priority::MIN).unwrap();
    let descriptor = OwnedFd::from(queue.try_clone().unwrap());
    let adopted = MessageQueue::try_from(descriptor).unwrap();
    assert_eq!((adopted.name(), adopted.len()), (None, Ok(1)));
    let (reader, _writer) = rustix::pipe::pipe().unwrap();
    let refused = MessageQueue::try_from(reader).unwrap_err();
    assert_eq!(refused.error.kind(), ErrorKind::InvalidInput);
}

fn carry_typed_values() {
    let queue = queue(1);
    let name = queue.name().unwrap();
    let too_long = TypedSender::<[u64; 3]>::new(Sender::open(name).unwrap()).unwrap_err();
    assert_eq!(too_long.error.kind(), ErrorKind::InvalidInput);
    let sender = TypedSender::<[u64; 2]>::new(Sender::open(name).unwrap()).unwrap();
    let receiver = TypedReceiver::<[u64; 2]>::new(Receiver::open(name).unwrap()).unwrap();
    sender.send(&[1, u64::MAX], Priority::from(2)).unwrap();
    assert_eq!(receiver.receive(), Ok(([1, u64::MAX], Priority::from(2))));
    queue.send(b"another length", Priority::MIN).unwrap();
    assert_eq!(kind(receiver.receive()), ErrorKind::Malformed);
}

fn are_removed_by_their_creator_alone() {
    let queue = queue(1);
    let other = MessageQueue::options().read(true).open(queue.name().unwrap()).unwrap();
    let mut queue = Some(queue);
    // The child's copy of the handle is dropped.
    Peer::start(|| drop(queue.take())).join();
    let again = || MessageQueue::options().read(true).open(other.name().unwrap());
    again().unwrap();
    drop(queue);
    assert_eq!(kind(again()), ErrorKind::NotFound);
}
