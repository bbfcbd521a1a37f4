//! Who removes an object's name, and when; closing; descriptors given away and taken over.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rawipc::error::{Operation, RejectedError};
use rawipc::fd::{AsFd, AsRawFd, OwnedFd};
use rawipc::{Errno, ErrorKind, MessageQueue, SharedMemory};
use rustix::fs::{Mode, OFlags, fstat, open};
use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

use crate::harness::Ending;
use crate::harness::kernel::{as_nobody, fail_calls, in_child};
use crate::harness::queues::{assert_error, small_queue};
use crate::shm::support::{FreeName, content, exists, memory, name_of, pattern, sized};

crate::tests!(
    without_unlink_on_drop_the_name_stays,
    a_dropped_creator_takes_the_name_along,
    an_opener_never_removes_the_name,
    a_clone_never_removes_the_name,
    a_name_that_stands_for_another_object_stays,
    a_name_that_is_gone_is_no_error_of_close,
    a_mapping_outlives_its_handle_and_the_name,
    an_object_given_away_as_descriptor_keeps_its_name,
    a_descriptor_is_taken_over_with_its_content,
    what_is_no_memory_is_refused_and_given_back,
    descriptors_are_closed_by_exec;
    alone: a_forked_child_never_removes_the_name,
    close_reports_a_name_that_may_not_be_removed,
    a_failing_close_is_told
);

fn without_unlink_on_drop_the_name_stays() {
    let free = FreeName::new();
    drop(sized(1).unlink_on_drop(false).create_new(true).open(&free).unwrap());
    sized(1).unlink_on_drop(false).create(true).open(&free).unwrap().close().unwrap();
    assert!(free.is_taken());
    SharedMemory::unlink(&free).unwrap();
    assert!(!free.is_taken());
}

fn a_dropped_creator_takes_the_name_along() {
    for options in [sized(1).create(true), sized(1).create_new(true), sized(1).create(true).truncate(true)] {
        for close in [false, true] {
            let free = FreeName::new();
            let memory = options.open(&free).unwrap();
            assert!(free.is_taken());
            if close {
                memory.close().unwrap()
            } else {
                drop(memory)
            }
            assert!(!free.is_taken());
        }
    }
}

fn an_opener_never_removes_the_name() {
    let memory = memory(1);
    for options in [sized(1), sized(1).create(true), sized(1).truncate(true)] {
        drop(options.open(name_of(&memory)).unwrap());
        options.open(name_of(&memory)).unwrap().close().unwrap();
        assert!(exists(name_of(&memory)));
    }
}

fn a_clone_never_removes_the_name() {
    let free = FreeName::new();
    let memory = sized(4).create_new(true).open(&free).unwrap();
    let clone = memory.try_clone().unwrap();
    assert_eq!(clone.name(), memory.name());
    drop(memory.try_clone().unwrap());
    memory.try_clone().unwrap().close().unwrap();
    assert!(free.is_taken());
    drop(memory);
    assert!(!free.is_taken(), "the creator still does");
    clone.write_at(0, b"open").unwrap();
    assert_eq!(content(&clone), b"open");
}

fn a_name_that_stands_for_another_object_stays() {
    for close in [false, true] {
        let free = FreeName::new();
        let first = sized(1).create_new(true).open(&free).unwrap();
        SharedMemory::unlink(&free).unwrap();
        let second = sized(2).create_new(true).open(&free).unwrap();
        if close {
            first.close().unwrap()
        } else {
            drop(first)
        }
        let found = SharedMemory::options().read(true).open(&free).unwrap();
        assert_eq!(fstat(&found).unwrap().st_ino, fstat(&second).unwrap().st_ino);
    }
}

fn a_name_that_is_gone_is_no_error_of_close() {
    let free = FreeName::new();
    let memory = sized(1).create_new(true).open(&free).unwrap();
    SharedMemory::unlink(&free).unwrap();
    memory.close().unwrap();
}

fn a_mapping_outlives_its_handle_and_the_name() {
    let free = FreeName::new();
    let memory = sized(5000).create_new(true).open(&free).unwrap();
    let (mapping, number) = (memory.map().unwrap(), memory.as_raw_fd());
    let inode = fstat(&memory).unwrap().st_ino as u64;
    memory.close().unwrap();
    assert!(!free.is_taken());
    // Another thread may have the number by now, but not for this object.
    assert!(fs::metadata(format!("/proc/self/fd/{number}")).map_or(true, |status| status.ino() != inode));
    let mut bytes = vec![0; 5000];
    mapping.write_at(0, &pattern(5000)).unwrap();
    mapping.read_at(0, &mut bytes).unwrap();
    assert_eq!(bytes, pattern(5000));
}

fn an_object_given_away_as_descriptor_keeps_its_name() {
    let free = FreeName::new();
    let descriptor = OwnedFd::from(sized(1).create_new(true).open(&free).unwrap());
    assert!(free.is_taken());
    drop(descriptor);
    assert!(free.is_taken());
}

fn a_descriptor_is_taken_over_with_its_content() {
    let memory = memory(100);
    memory.write_at(0, &pattern(100)).unwrap();
    let descriptor = rustix::io::dup(&memory).unwrap();
    fcntl_setfd(&descriptor, FdFlags::empty()).unwrap();
    let adopted = SharedMemory::try_from(descriptor).unwrap();
    assert_eq!((adopted.name(), adopted.size().unwrap()), (None, 100));
    assert_eq!(fcntl_getfd(&adopted).unwrap(), FdFlags::CLOEXEC);
    assert_eq!(content(&adopted), pattern(100));
    adopted.map().unwrap().write_at(0, b"from the adopter").unwrap();
    drop(adopted);
    assert_eq!(&content(&memory)[..16], b"from the adopter");
}

fn what_is_no_memory_is_refused_and_given_back() {
    let (pipe, _other_end) = rustix::pipe::pipe().unwrap();
    let directory = open("/dev/shm", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
    let device = open("/dev/null", OFlags::RDWR, Mode::empty()).unwrap();
    // A clone's, since a queue given away keeps its name.
    let queue: OwnedFd = small_queue().try_clone().unwrap().into();
    for descriptor in [pipe, directory, device, queue] {
        fcntl_setfd(&descriptor, FdFlags::empty()).unwrap();
        let (number, status) = (descriptor.as_raw_fd(), fstat(&descriptor).unwrap());
        let RejectedError { error, value } = SharedMemory::try_from(descriptor).unwrap_err();
        let part = "opening the shared memory: it is not a regular file (EINVAL)";
        assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, Operation::OpenMemory, part);
        assert_eq!((value.as_raw_fd(), fstat(&value).unwrap().st_ino), (number, status.st_ino));
        assert_eq!(fcntl_getfd(&value).unwrap(), FdFlags::empty(), "it is as it was");
    }
    let error = rawipc::Error::from(
        MessageQueue::try_from(OwnedFd::from(SharedMemory::anonymous(1).create().unwrap())).unwrap_err(),
    );
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "and memory is no queue");
}

fn descriptors_are_closed_by_exec() {
    let memory = memory(1);
    let opened = SharedMemory::options().read(true).open(name_of(&memory)).unwrap();
    let (clone, anonymous) = (opened.try_clone().unwrap(), SharedMemory::anonymous(1).create().unwrap());
    for memory in [&memory, &opened, &clone, &anonymous] {
        assert_eq!(fcntl_getfd(memory.as_fd()).unwrap(), FdFlags::CLOEXEC);
    }
}

fn a_forked_child_never_removes_the_name() {
    let free = FreeName::new();
    let mut shared = Some(sized(4).create_new(true).open(&free).unwrap());
    in_child(|| drop(shared.take()));
    in_child(|| shared.take().unwrap().close().unwrap());
    assert!(free.is_taken());
    in_child(|| shared.as_ref().unwrap().write_at(0, b"kid!").unwrap());
    assert_eq!(content(shared.as_ref().unwrap()), b"kid!");
    // What a child creates itself, it removes itself.
    let childs = FreeName::new();
    in_child(|| {
        let own = sized(1).create_new(true).open(&childs).unwrap();
        assert!(childs.is_taken());
        drop(own);
        assert!(!childs.is_taken());
    });
    drop(shared);
    assert!(!free.is_taken());
}

/// The directory is sticky, so only an object's owner may remove it.
fn close_reports_a_name_that_may_not_be_removed() -> Ending {
    let free = FreeName::new();
    let memory = sized(1).create_new(true).open(&free).unwrap();
    let number = memory.as_raw_fd();
    let error = as_nobody(|| memory.close().unwrap_err())?;
    assert_error(error, ErrorKind::PermissionDenied, Errno::PERM, Operation::UnlinkMemory, "not permitted");
    assert!(free.is_taken());
    assert!(!Path::new(&format!("/proc/self/fd/{number}")).exists(), "the descriptor is still open");
    Ok(())
}

/// The descriptor is closed in any case, says Linux; here the filter keeps the kernel from hearing of it.
fn a_failing_close_is_told() -> Ending {
    let free = FreeName::new();
    let memory = sized(1).create_new(true).open(&free).unwrap();
    fail_calls(&[libc::SYS_close], Errno::IO)?;
    let error = memory.close().unwrap_err();
    assert_error(error, ErrorKind::Other, Errno::IO, Operation::CloseMemory, "closing the shared memory: ");
    assert!(!free.is_taken(), "the name is removed all the same");
    Ok(())
}
