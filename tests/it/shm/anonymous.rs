//! Memory without a name: sealed, passed on over a socket, of huge pages.

use std::mem::MaybeUninit;
use std::os::fd::FromRawFd as _;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rawipc::error::Operation;
use rawipc::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};
use rawipc::{Errno, ErrorKind, SharedMemory};
use rustix::fs::{FallocateFlags, SealFlags, fallocate, fcntl_add_seals, ftruncate};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

use crate::harness::kernel::in_child;
use crate::harness::queues::assert_error;
use crate::harness::{Peer, Role, role};
use crate::shm::support::{content, memory, page, pattern};

crate::tests!(
    anonymous_memory_is_zeros_and_has_no_name,
    a_sealed_size_stays,
    a_sealed_size_is_seen_by_every_handle,
    what_cannot_be_sealed_says_so,
    a_peer_cannot_shrink_what_is_sealed,
    sealed_memory_reads_zeros_from_a_hole,
    huge_pages_work_or_say_why_not;
    alone: a_child_has_it_open_and_mapped,
    sealed_memory_is_mapped_as_long_as_it_is
);

pub const ROLES: &[Role] = &[("shm_shrink_what_comes", shrink_what_comes)];

fn anonymous_memory_is_zeros_and_has_no_name() {
    for sparse in [false, true] {
        let memory = SharedMemory::anonymous(5000).sparse(sparse).create().unwrap();
        assert_eq!((memory.name(), memory.size().unwrap(), memory.is_size_sealed()), (None, 5000, false));
        assert_eq!(content(&memory), [0; 5000]);
        memory.map().unwrap().write_at(0, &pattern(5000)).unwrap();
        memory.resize(2500).unwrap();
        assert_eq!(content(&memory), pattern(2500));
        assert_eq!(memory.map().unwrap().len(), 2500);
        memory.close().unwrap();
    }
}

fn a_sealed_size_stays() {
    let memory = SharedMemory::anonymous(5000).create().unwrap();
    memory.write_at(0, &pattern(5000)).unwrap();
    memory.seal_size().unwrap();
    assert!(memory.is_size_sealed());
    for size in [0, 4999, 5001, 1 << 20] {
        let error = memory.resize(size).unwrap_err();
        let part = "resizing the shared memory: the object's size is sealed, which no process can undo; create another \
                    object of the size that is needed (EPERM)";
        assert_error(error, ErrorKind::PermissionDenied, Errno::PERM, Operation::ResizeMemory, part);
    }
    let error = memory.seal_size().unwrap_err();
    assert_error(error, ErrorKind::PermissionDenied, Errno::PERM, Operation::SealMemory, "sealing the shared memory: ");
    assert_eq!(fcntl_add_seals(&memory, SealFlags::WRITE), Err(Errno::PERM), "no other seal comes behind our back");
    // It is mapped and written as before.
    let mapping = memory.map().unwrap();
    mapping.write_at(4996, b"last").unwrap();
    memory.write_at(0, b"first").unwrap();
    assert_eq!((&content(&memory)[..5], &content(&memory)[4996..]), (&b"first"[..], &b"last"[..]));
    assert_eq!(memory.write_at(4999, b"xy").unwrap_err().kind(), ErrorKind::InvalidInput);
}

fn a_sealed_size_is_seen_by_every_handle() {
    let memory = SharedMemory::anonymous(100).create().unwrap();
    let clone = memory.try_clone().unwrap();
    let mapping = clone.map().unwrap();
    memory.seal_size().unwrap();
    let adopted = SharedMemory::try_from(OwnedFd::from(memory)).unwrap();
    assert!(clone.is_size_sealed() && adopted.is_size_sealed());
    mapping.write_at(0, b"!").unwrap();
    assert_eq!(content(&adopted)[0], b'!');
}

fn what_cannot_be_sealed_says_so() {
    let named = memory(100);
    let error = named.seal_size().unwrap_err();
    let part = "sealing the shared memory: ";
    assert_error(error, ErrorKind::PermissionDenied, Errno::PERM, Operation::SealMemory, part);
    assert!(!named.is_size_sealed());
    named.resize(50).unwrap();
    let null = rustix::fs::open("/proc/self/status", rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty()).unwrap();
    let file = SharedMemory::try_from(null).unwrap();
    let error = file.seal_size().unwrap_err();
    assert_eq!((error.operation(), file.is_size_sealed()), (Operation::SealMemory, false));
    assert!([ErrorKind::PermissionDenied, ErrorKind::InvalidInput].contains(&error.kind()), "{error}");
}

/// Takes a descriptor from the socket on standard input, and tries to do damage by it.
fn shrink_what_comes(_: &[String]) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut parts = [rustix::io::IoSliceMut::new(&mut byte)];
    let flags = RecvFlags::CMSG_CLOEXEC;
    // SAFETY: standard input stays open.
    let socket = unsafe { BorrowedFd::borrow_raw(0) };
    recvmsg(socket, &mut parts, &mut ancillary, flags).unwrap();
    let descriptor = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    let memory = SharedMemory::try_from(descriptor.expect("a descriptor came along")).unwrap();
    assert!(memory.is_size_sealed());
    assert_eq!(memory.size().unwrap(), 2 * page() as u64);
    assert_eq!(memory.resize(0).unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(ftruncate(&memory, 1), Err(Errno::PERM));
    memory.map().unwrap().get::<AtomicU32>(page()).unwrap().store(77, Relaxed);
}

fn a_peer_cannot_shrink_what_is_sealed() {
    let memory = SharedMemory::anonymous(2 * page() as u64).create().unwrap();
    memory.seal_size().unwrap();
    let mapping = memory.map().unwrap();
    let (ours, theirs) =
        socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).expect("a pair of sockets");
    // SAFETY: the number is that of a descriptor that nobody else owns.
    let theirs = unsafe { std::os::fd::OwnedFd::from_raw_fd(theirs.into_raw_fd()) };
    let peer = Peer::start(role("shm_shrink_what_comes", &[]).stdin(theirs));
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptors = [memory.as_fd()];
    assert!(ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)));
    sendmsg(&ours, &[rustix::io::IoSlice::new(b"!")], &mut ancillary, SendFlags::empty()).unwrap();
    peer.succeed();
    // All of the mapping is still there: a SIGBUS would end this process.
    assert_eq!(mapping.get::<AtomicU32>(page()).unwrap().load(Relaxed), 77);
    let mut bytes = vec![0; 2 * page()];
    mapping.read_at(0, &mut bytes).unwrap();
    assert_eq!(memory.size().unwrap(), 2 * page() as u64);
}

/// A seal of the size forbids no holes. Nothing is cut off by them.
fn sealed_memory_reads_zeros_from_a_hole() {
    let memory = SharedMemory::anonymous(2 * page() as u64).create().unwrap();
    memory.seal_size().unwrap();
    let mapping = memory.map().unwrap();
    mapping.write_at(0, &pattern(2 * page())).unwrap();
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    fallocate(&memory, flags, page() as u64, page() as u64).unwrap();
    let mut bytes = vec![0xee; 2 * page()];
    mapping.read_at(0, &mut bytes).unwrap();
    assert!(bytes[..page()] == pattern(page()) && bytes[page()..].iter().all(|byte| *byte == 0));
    mapping.write_at(page(), b"again").unwrap();
    assert_eq!((&content(&memory)[page()..page() + 5], memory.has_huge_pages()), (&b"again"[..], false));
}

/// The size that the creator remembers does not count: a peer may have cut the object before. A page too much would be
/// a SIGBUS here.
fn sealed_memory_is_mapped_as_long_as_it_is() {
    let cut = || {
        let memory = SharedMemory::anonymous(2 * page() as u64).create().unwrap();
        memory.try_clone().unwrap().resize(page() as u64).unwrap();
        memory
    };
    let sealed_here = cut();
    sealed_here.seal_size().unwrap();
    let sealed_by_a_peer = cut();
    sealed_by_a_peer.try_clone().unwrap().seal_size().unwrap();
    assert!(sealed_by_a_peer.is_size_sealed());
    for memory in [sealed_here, sealed_by_a_peer] {
        let mapping = memory.map().unwrap();
        mapping.read_at(mapping.len() - 1, &mut [0]).unwrap();
        assert_eq!(mapping.len(), page());
    }
}

/// Most machines have no huge pages set aside: then an error says so, at creation.
fn huge_pages_work_or_say_why_not() {
    let odd = SharedMemory::anonymous(5000).huge_pages(true).create().unwrap_err();
    let kinds = [ErrorKind::InvalidInput, ErrorKind::OutOfMemory, ErrorKind::Unsupported];
    let full = matches!(odd.kind(), ErrorKind::LimitExceeded(_));
    assert!(full || kinds.contains(&odd.kind()), "{odd}");
    assert_eq!(odd.operation(), Operation::CreateMemory);
    let size = 2 << 20;
    match SharedMemory::anonymous(size).huge_pages(true).create() {
        Err(error) => {
            let full = matches!(error.kind(), ErrorKind::LimitExceeded(_));
            assert!(full || kinds.contains(&error.kind()), "{error}");
            assert_eq!(error.operation(), Operation::CreateMemory);
        }
        Ok(memory) => {
            let mapping = memory.map().unwrap();
            assert!(mapping.len() as u64 == size && memory.has_huge_pages());
            mapping.get::<AtomicU32>(size as usize - 4).unwrap().store(1, Relaxed);
            let (clone, mut mapping) = (memory.try_clone().unwrap(), mapping);
            let adopted = SharedMemory::try_from(OwnedFd::from(memory)).unwrap();
            for memory in [&clone, &adopted] {
                let error = memory.map_options().length(4096).map().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "a part of a huge page cannot be mapped");
                assert_eq!(mapping.remap(memory, 4096).unwrap_err().kind(), ErrorKind::InvalidInput);
            }
        }
    }
}

fn a_child_has_it_open_and_mapped() {
    let memory = SharedMemory::anonymous(100).create().unwrap();
    let mapping = memory.map().unwrap();
    let number: &AtomicU32 = mapping.get(96).unwrap();
    in_child(|| {
        number.fetch_add(5, Relaxed);
        memory.write_at(0, b"by descriptor").unwrap();
    });
    assert_eq!(number.load(Relaxed), 5);
    assert_eq!(&content(&memory)[..13], b"by descriptor");
    assert!(memory.as_raw_fd() > 2);
}
