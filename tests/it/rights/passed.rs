//! Descriptors that come over a socket: what their open mode allows, and nothing that a name would.

use std::fs::OpenOptions;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rawipc::{ErrorKind, MessageQueue, Priority, SharedMemory};
use rustix::io::{IoSlice, IoSliceMut};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

use super::{Names, memory, queue};
use crate::harness::Ending;
use crate::harness::kernel::{BOB, in_child_of, require_users};

crate::tests!(
    ;
    alone: a_passed_queue_works_in_its_direction_alone,
    passed_memory_for_reading_stays_for_reading,
    passed_memory_of_a_sealed_size_can_be_written_but_not_cut
);

/// Two ends of a socket.
fn socket() -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap()
}

fn pass(socket: &OwnedFd, descriptor: BorrowedFd<'_>) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptors = [descriptor];
    assert!(ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)));
    sendmsg(socket, &[IoSlice::new(b"!")], &mut ancillary, SendFlags::empty()).unwrap();
}

fn take(socket: &OwnedFd) -> OwnedFd {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut ancillary, RecvFlags::empty()).unwrap();
    let descriptor = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    descriptor.expect("a descriptor came along")
}

/// Whether the file behind a descriptor can be opened anew, to write.
fn reopens(descriptor: impl AsFd) -> bool {
    let path = format!("/proc/self/fd/{}", descriptor.as_fd().as_raw_fd());
    OpenOptions::new().write(true).open(path).is_ok()
}

fn a_passed_queue_works_in_its_direction_alone() -> Ending {
    require_users()?;
    let (names, (ours, theirs)) = (Names::new(), socket());
    let owner = queue().create_new(true).open(&names.queue).unwrap();
    owner.send(b"hers", Priority::MIN).unwrap();
    pass(&ours, MessageQueue::options().read(true).open(&names.queue).unwrap().as_fd());
    pass(&ours, MessageQueue::options().write(true).open(&names.queue).unwrap().as_fd());
    in_child_of(BOB, || {
        let reader = MessageQueue::try_from(take(&theirs)).unwrap();
        assert_eq!(reader.try_receive(&mut [0; 16]).unwrap().payload(), b"hers");
        assert_eq!(reader.try_send(b"his", Priority::MIN).unwrap_err().kind(), ErrorKind::BadDescriptor);
        assert!(!reopens(&reader));
        let writer = MessageQueue::try_from(take(&theirs)).unwrap();
        writer.try_send(b"his", Priority::MIN).unwrap();
        assert_eq!(writer.try_receive(&mut [0; 16]).unwrap_err().kind(), ErrorKind::BadDescriptor);
        assert_eq!(writer.name(), None);
        assert_eq!(queue().open(&names.queue).unwrap_err().kind(), ErrorKind::PermissionDenied);
    })?;
    assert_eq!(owner.try_receive(&mut [0; 16]).unwrap().payload(), b"his");
    assert!(crate::harness::exists(&names.queue), "his handles are gone, the name is not");
    Ok(())
}

fn passed_memory_for_reading_stays_for_reading() -> Ending {
    require_users()?;
    let (names, (ours, theirs)) = (Names::new(), socket());
    let owner = memory().create_new(true).open(&names.memory).unwrap();
    owner.write_at(0, b"hers").unwrap();
    pass(&ours, SharedMemory::options().read(true).open(&names.memory).unwrap().as_fd());
    in_child_of(BOB, || {
        let memory = SharedMemory::try_from(take(&theirs)).unwrap();
        let mut bytes = [0; 4];
        memory.read_at(0, &mut bytes).unwrap();
        assert_eq!(bytes, *b"hers");
        memory.map_options().map_read_only().unwrap();
        assert_eq!(memory.map().unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert_eq!(memory.write_at(0, b"his").unwrap_err().kind(), ErrorKind::BadDescriptor);
        assert!(memory.resize(0).is_err() && !reopens(&memory));
    })?;
    let mut bytes = [0; 4];
    owner.read_at(0, &mut bytes).unwrap();
    assert_eq!((bytes, owner.size().unwrap()), (*b"hers", 100));
    assert!(names.memory.is_taken(), "his handle is gone, the name is not");
    Ok(())
}

fn passed_memory_of_a_sealed_size_can_be_written_but_not_cut() -> Ending {
    require_users()?;
    let (ours, theirs) = socket();
    let owner = SharedMemory::anonymous(100).create().unwrap();
    owner.seal_size().unwrap();
    pass(&ours, owner.as_fd());
    in_child_of(BOB, || {
        let memory = SharedMemory::try_from(take(&theirs)).unwrap();
        memory.write_at(0, b"his").unwrap();
        for size in [0, 99, 101] {
            assert_eq!(memory.resize(size).unwrap_err().kind(), ErrorKind::PermissionDenied);
        }
    })?;
    let mut bytes = [0; 3];
    owner.map().unwrap().read_at(0, &mut bytes).unwrap();
    assert_eq!((bytes, owner.size().unwrap()), (*b"his", 100));
    Ok(())
}
