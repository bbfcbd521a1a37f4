//! Files under a semaphore's name that are none: an error each, never a signal, never a change.

use std::ffi::CString;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use rawipc::error::Operation;
use rawipc::semaphore::NamedSemaphoreOptions;
use rawipc::semaphore::abi::Abi;
use rawipc::{Errno, ErrorKind, NamedSemaphore};

use crate::harness::queues::assert_error;
use crate::semaphore::support::{ABIS, FreeName, Snapshot};

crate::tests!(
    a_file_of_another_size_is_refused,
    a_file_that_is_not_regular_is_refused,
    a_symbolic_link_is_not_followed,
    a_file_of_unknown_content_is_refused,
    another_layout_than_asked_for_is_refused,
    what_lies_at_the_other_place_does_not_hide_that_there_is_none,
);

const NOT_REGULAR: &str = "the file of this name is not a regular file (EINVAL)";

/// Opens a file in every way that could find it in the place of a layout, and makes sure that each is refused and
/// changes nothing.
#[track_caller]
fn assert_refused(name: &FreeName, place: Abi, part: &str) {
    let before = Snapshot::of(&name.file(place));
    let mut all: Vec<NamedSemaphoreOptions> = ABIS
        .into_iter()
        .filter(|abi| (*abi == Abi::Musl) == (place == Abi::Musl))
        .map(|abi| NamedSemaphore::options().abi(abi))
        .collect();
    if (Abi::NATIVE == Abi::Musl) == (place == Abi::Musl) {
        all.push(NamedSemaphore::options());
    }
    for options in all {
        for (options, operation) in [
            (options, Operation::OpenSemaphore),
            (options.create(true).initial_value(3), Operation::CreateSemaphore),
            (options.create(true).exact_mode(0o666).unlink_on_drop(true), Operation::CreateSemaphore),
        ] {
            let error = options.open(name).unwrap_err();
            assert_error(error, ErrorKind::Malformed, Errno::INVAL, operation, part);
        }
        let error = options.create_new(true).open(name).unwrap_err();
        assert_eq!((error.kind(), error.errno()), (ErrorKind::AlreadyExists, Errno::EXIST));
    }
    assert_eq!(Snapshot::of(&name.file(place)), before);
}

fn a_file_of_another_size_is_refused() {
    for place in [Abi::Gnu64, Abi::Musl] {
        for size in [0, 1, 8, 15, 17, 31, 33, 48, 4096, 100_000] {
            let name = FreeName::new();
            fs::write(name.file(place), vec![0; size]).unwrap();
            assert_refused(&name, place, "neither 16 nor 32 bytes");
        }
        // Long on paper, without a byte in memory.
        let name = FreeName::new();
        File::create(name.file(place)).unwrap().set_len(1 << 40).unwrap();
        let error = NamedSemaphore::options().abi(place).open(&name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
    }
}

fn special(file: &Path, kind: libc::mode_t) {
    let path = CString::new(file.to_str().unwrap()).unwrap();
    // SAFETY: the path ends in a NUL.
    assert_eq!(unsafe { libc::mknod(path.as_ptr(), kind | 0o600, 0) }, 0);
}

fn a_file_that_is_not_regular_is_refused() {
    let make: [fn(&Path); 4] = [
        |file| fs::create_dir(file).unwrap(),
        |file| special(file, libc::S_IFIFO),
        |file| drop(UnixListener::bind(file).unwrap()),
        |file| special(file, libc::S_IFSOCK),
    ];
    for place in [Abi::Gnu64, Abi::Musl] {
        for make in make {
            let name = FreeName::new();
            make(&name.file(place));
            assert_refused(&name, place, NOT_REGULAR);
        }
    }
}

fn a_symbolic_link_is_not_followed() {
    for place in [Abi::Gnu64, Abi::Musl] {
        let (name, target) = (FreeName::new(), FreeName::new());
        // To a good semaphore, to itself, to nothing.
        let good = NamedSemaphore::options().abi(place).create_new(true).initial_value(1).open(&target).unwrap();
        let nowhere = Path::new("/dev/shm/rawipc-test-nowhere");
        for to in [target.file(place).as_path(), name.file(place).as_path(), nowhere] {
            symlink(to, name.file(place)).unwrap();
            assert_refused(&name, place, "the file of this name is a symbolic link (EINVAL)");
            fs::remove_file(name.file(place)).unwrap();
        }
        assert_eq!(good.value(), 1);
        assert!(!nowhere.exists());
    }
}

fn a_file_of_unknown_content_is_refused() {
    let written = |place, bytes: &[u8]| {
        let name = FreeName::new();
        fs::write(name.file(place), bytes).unwrap();
        assert_refused(&name, place, "does not hold a semaphore of a known layout (EINVAL)");
    };
    let bytes = |words: &[u32]| words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<u8>>();
    for place in [Abi::Gnu64, Abi::Musl] {
        written(place, &[0xff; 32]);
        written(place, &[0x20; 16]);
        written(place, b"#!/bin/sh\necho this is a script\n");
        written(place, &bytes(&[1, 2, 3, 4, 5, 6, 7, 8]));
        // Words that must be zero and are not.
        written(place, &bytes(&[0, 0, 128, 1, 0, 0, 0, 0]));
        written(place, &bytes(&[0, 0, 128, 0, 0, 0, 0, 1]));
        written(place, &bytes(&[0, 0, 1, 0]));
    }
    // One layout's words in a file of the other's size.
    written(Abi::Gnu64, &bytes(&[1, 0, 128, 0]));
    written(Abi::Gnu64, &bytes(&[2, 128, 0, 0, 0, 0, 0, 0]));
    // glibc's own, where only musl's lie.
    written(Abi::Musl, &bytes(&[1, 0, 128, 0, 0, 0, 0, 0]));
}

fn another_layout_than_asked_for_is_refused() {
    for (made, asked, part) in [
        (Abi::Gnu64, Abi::Gnu32, "it has the layout of 64-bit glibc, but another was requested"),
        (Abi::Gnu32, Abi::Gnu64, "it has the layout of 32-bit glibc, but another was requested"),
    ] {
        let name = FreeName::new();
        let semaphore = NamedSemaphore::options().abi(made).create_new(true).initial_value(6).open(&name).unwrap();
        let before = Snapshot::of(&name.file(made));
        let options = NamedSemaphore::options().abi(asked);
        let error = options.open(&name).unwrap_err();
        assert_error(error, ErrorKind::Malformed, Errno::INVAL, Operation::OpenSemaphore, part);
        let error = options.create(true).open(&name).unwrap_err();
        assert_error(error, ErrorKind::Malformed, Errno::INVAL, Operation::CreateSemaphore, part);
        assert_eq!(Snapshot::of(&name.file(made)), before);
        assert_eq!(semaphore.value(), 6);
    }
    // Nothing in glibc's place is musl's: there zeros are no semaphore.
    let name = FreeName::new();
    fs::write(name.file(Abi::Gnu64), [0; 32]).unwrap();
    assert_refused(&name, Abi::Gnu64, "does not hold a semaphore of a known layout (EINVAL)");
}

/// Shared memory of the same name, say, which lies where musl's semaphores do.
fn what_lies_at_the_other_place_does_not_hide_that_there_is_none() {
    let other = if Abi::NATIVE == Abi::Musl { Abi::Gnu64 } else { Abi::Musl };
    let name = FreeName::new();
    fs::write(name.file(other), [7; 100]).unwrap();
    let before = Snapshot::of(&name.file(other));
    let error = NamedSemaphore::options().open(&name).unwrap_err();
    assert_error(error, ErrorKind::NotFound, Errno::NOENT, Operation::OpenSemaphore, "no object has this name");
    let created = NamedSemaphore::options().create(true).initial_value(2).open(&name).unwrap();
    assert_eq!((created.abi(), created.value()), (Abi::NATIVE, 2));
    assert_eq!(Snapshot::of(&name.file(other)), before);
}
