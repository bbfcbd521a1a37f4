//! Names: what is one, and what is wrong with what is not.

use std::ffi::CString;

use rawipc::fd::{FromRawFd, OwnedFd};
use rawipc::{Errno, ErrorKind, MessageQueue, Name, name};
use rustix::fs::fstat;

use crate::harness::queues::{FreeName, inode};
use crate::harness::{exists, small};

crate::tests!(
    valid_names_are_taken_as_they_are,
    each_fault_is_told_apart,
    what_is_refused_the_c_library_refuses_with_the_same_errno,
    what_is_taken_is_the_c_librarys_queue_of_that_name,
    names_are_shown_without_control_characters,
);

fn valid_names_are_taken_as_they_are() {
    let longest = format!("/{}", "x".repeat(255));
    for valid in ["/a", "/jobs", "/...", "/.hidden", "/with space", "/ü", longest.as_str()] {
        assert_eq!(Name::new(valid).expect(valid).as_bytes(), valid.as_bytes());
        assert_eq!(Name::new(valid.as_bytes()), Name::new(valid));
    }
    assert_eq!(Name::new(c"/jobs"), Ok(name!("/jobs")));
    assert_eq!(Name::new(b"/jobs"), Ok(name!("/jobs")));
    assert_eq!(Name::new(b"/a\x1b[2J\xff").unwrap().to_string(), r"/a\x1b[2J\xff");
}

fn each_fault_is_told_apart() {
    let too_long = format!("/{}", "x".repeat(256));
    for (wrong, errno, part) in [
        ("", Errno::INVAL, "it is empty"),
        ("jobs", Errno::INVAL, "does not begin with a slash"),
        ("/", Errno::NOENT, "nothing follows the slash"),
        ("/a/b", Errno::ACCESS, "a second slash at byte 2"),
        ("//", Errno::ACCESS, "a second slash at byte 1"),
        ("/.", Errno::ACCESS, "are not valid names"),
        ("/..", Errno::ACCESS, "are not valid names"),
        ("/a\0b", Errno::INVAL, "a NUL at byte 2"),
        (too_long.as_str(), Errno::NAMETOOLONG, "256 bytes follow the slash, at most 255 may"),
    ] {
        let error = Name::new(wrong).expect_err(wrong);
        assert_eq!((error.kind(), error.errno()), (ErrorKind::InvalidName, errno), "{wrong:?}");
        assert!(error.to_string().contains(part), "{wrong:?}: {error}");
    }
}

/// The C library's `mq_open`, for reading and without creation unless asked for; or its errno.
fn c_open(name: &[u8], create: bool) -> Result<OwnedFd, Errno> {
    let name = CString::new(name).expect("C has no names with a NUL inside");
    let flags = libc::O_RDONLY | if create { libc::O_CREAT | libc::O_EXCL } else { 0 };
    // SAFETY: all zeros are an `mq_attr`.
    let mut attributes: libc::mq_attr = unsafe { std::mem::zeroed() };
    (attributes.mq_maxmsg, attributes.mq_msgsize) = (1, 1);
    // SAFETY: the name ends in a NUL, and the attributes are read only.
    let result = unsafe { libc::mq_open(name.as_ptr(), flags, 0o600 as libc::c_uint, &raw mut attributes) };
    if result < 0 {
        let errno = std::io::Error::last_os_error().raw_os_error().expect("an errno");
        return Err(Errno::from_raw_os_error(errno));
    }
    // SAFETY: the C library has just made it, and on Linux it is a descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(result) })
}

fn what_is_refused_the_c_library_refuses_with_the_same_errno() {
    let long = |length| [b"/".as_slice(), &vec![b'x'; length]].concat();
    let (too_long, far_too_long) = (long(256), long(5000));
    for wrong in [
        &b""[..],
        b"rawipc-test",
        b"rawipc-test/x",
        b"/",
        b"//",
        b"//rawipc-test",
        b"/rawipc-test/x",
        b"/rawipc-test/",
        b"/.",
        b"/..",
        &too_long,
        &far_too_long,
    ] {
        let ours = Name::new(wrong).expect_err("an invalid name").errno();
        assert_eq!(c_open(wrong, true).map(drop), Err(ours), "{}", wrong.escape_ascii());
    }
}

fn what_is_taken_is_the_c_librarys_queue_of_that_name() {
    let free = FreeName::new();
    let base = free.as_bytes();
    let with = |suffix: &[u8]| [base, suffix].concat();
    let longest = [base, &vec![b'x'; 256 - base.len()]].concat();
    let bytes: Vec<u8> = (1..=255).filter(|byte| *byte != b'/').collect();
    let dots = [b"/...".as_slice(), &base[1..]].concat();
    let mut names = vec![base.to_vec(), with(b".."), with(b"\xff\x80"), with(" ü\n".as_bytes()), longest, dots];
    // Every byte that a name can have, in names short enough.
    names.extend(bytes.chunks(128).map(with));
    for bytes in names {
        let name = Name::new(bytes.as_slice()).expect("a valid name");
        let queue = small().create_new(true).open(name).unwrap();
        let theirs = c_open(&bytes, false).expect("the C library finds it");
        assert_eq!(fstat(&theirs).unwrap().st_ino as u64, inode(&queue), "{name}");
        queue.close().unwrap();
        assert!(!exists(name));
        let theirs = c_open(&bytes, true).expect("the C library takes the name");
        let ours = MessageQueue::options().read(true).open(name).expect("its queue is found");
        assert_eq!(fstat(&theirs).unwrap().st_ino as u64, inode(&ours), "{name}");
        MessageQueue::unlink(name).unwrap();
    }
}

fn names_are_shown_without_control_characters() {
    let name = Name::new(b"/a\x1b[31m\n\xff\"").unwrap();
    assert_eq!(name.to_string(), r#"/a\x1b[31m\n\xff\""#);
    assert!(format!("{name:?}").chars().all(|character| !character.is_control()));
}
