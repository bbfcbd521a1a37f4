//! What another user has put where an object is to be.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;

use rawipc::error::Operation;
use rawipc::semaphore::abi::Abi;
use rawipc::{Error, ErrorKind, NamedSemaphore, Shared, SharedMemory};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::{Names, memory, semaphore};
use crate::harness::Ending;
use crate::harness::kernel::{ALICE, BOB, in_child_of};
use crate::shm::support::FreeName;

crate::tests!(
    ;
    alone: nothing_planted_is_followed_waited_for_or_changed,
    a_link_to_nowhere_is_not_created_through,
    what_is_planted_whole_is_not_taken_for_new,
    a_link_to_anothers_file_is_that_file_with_its_rights
);

const SECRET: &[u8] = b"0123456789abcdef";

/// Puts something in a place, which may have to do with Alice's file.
type Plant = fn(&Path, &Path);

const PLANTS: [(&str, Plant); 5] = [
    ("a link to her file", |place, hers| symlink(hers, place).unwrap()),
    ("a link to itself", |place, _| symlink(place, place).unwrap()),
    ("a directory", |place, _| fs::create_dir(place).unwrap()),
    ("a fifo", |place, _| make(place, FileType::Fifo)),
    ("a socket", |place, _| make(place, FileType::Socket)),
];

fn make(place: &Path, kind: FileType) {
    mknodat(CWD, place, kind, Mode::from_raw_mode(0o666), 0).unwrap();
    fs::set_permissions(place, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
}

/// All ways of hers to come across it; the name is that of everything.
fn meet(names: &Names) -> Vec<(&'static str, Error)> {
    let value = Shared::<AtomicU32>::options();
    vec![
        ("open semaphore", semaphore().open(&names.semaphore).unwrap_err()),
        ("create semaphore", semaphore().create(true).open(&names.semaphore).unwrap_err()),
        ("open memory", memory().open(&names.memory).unwrap_err()),
        ("open memory to read", SharedMemory::options().read(true).open(&names.memory).unwrap_err()),
        ("create memory", memory().create(true).open(&names.memory).unwrap_err()),
        ("truncate memory", memory().truncate(true).open(&names.memory).unwrap_err()),
        ("create value", value.open(&names.memory, |_| ()).map(drop).unwrap_err()),
        ("open value", value.open_existing(&names.memory).map(drop).unwrap_err()),
    ]
}

fn nothing_planted_is_followed_waited_for_or_changed() -> Ending {
    for (what, plant) in PLANTS {
        let (names, hers) = (Names::new(), FreeName::new());
        let places = [names.semaphore.file(Abi::NATIVE), names.memory.file()];
        in_child_of(ALICE, || fs::write(hers.file(), SECRET).unwrap())?;
        in_child_of(BOB, || places.iter().for_each(|place| plant(place, &hers.file())))?;
        let before = places.clone().map(|place| status(&place));
        in_child_of(ALICE, || {
            for (way, error) in meet(&names) {
                let expected = match error.operation() {
                    Operation::OpenSemaphore | Operation::CreateSemaphore => ErrorKind::Malformed,
                    _ => ErrorKind::InvalidInput,
                };
                assert_eq!(error.kind(), expected, "{way}, {what}: {error}");
            }
            let exclusively = [
                semaphore().create_new(true).open(&names.semaphore).map(drop).unwrap_err(),
                memory().create_new(true).open(&names.memory).map(drop).unwrap_err(),
            ];
            assert!(exclusively.iter().all(|error| error.kind() == ErrorKind::AlreadyExists), "{what}");
            let unlinked = [
                NamedSemaphore::unlink(&names.semaphore).unwrap_err(),
                SharedMemory::unlink(&names.memory).unwrap_err(),
            ];
            assert!(unlinked.iter().all(|error| error.kind() == ErrorKind::PermissionDenied), "{what}");
            assert_eq!(fs::read(hers.file()).unwrap(), SECRET, "{what}");
        })?;
        assert_eq!(places.map(|place| status(&place)), before, "{what}");
    }
    Ok(())
}

fn status(place: &Path) -> (u64, u32, i64, i64) {
    use std::os::unix::fs::MetadataExt;
    let status = fs::symlink_metadata(place).unwrap();
    (status.ino(), status.mode(), status.ctime(), status.ctime_nsec())
}

fn a_link_to_nowhere_is_not_created_through() -> Ending {
    let (names, target) = (Names::new(), FreeName::new());
    let places: [PathBuf; 2] = [names.semaphore.file(Abi::NATIVE), names.memory.file()];
    in_child_of(BOB, || places.iter().for_each(|place| symlink(target.file(), place).unwrap()))?;
    in_child_of(ALICE, || {
        for new in [false, true] {
            let semaphore = semaphore().create(true).create_new(new).open(&names.semaphore);
            let memory = memory().create(true).create_new(new).open(&names.memory);
            assert!(semaphore.is_err() && memory.is_err());
        }
        assert!(!target.is_taken(), "nothing was created where the link leads");
    })
}

/// `create` opens what is there; `create_new` is for those who must know that it is theirs.
fn what_is_planted_whole_is_not_taken_for_new() -> Ending {
    let names = Names::new();
    in_child_of(BOB, || {
        drop(semaphore().create_new(true).exact_mode(0o666).initial_value(9).open(&names.semaphore).unwrap());
        drop(memory().create_new(true).exact_mode(0o666).size(1).open(&names.memory).unwrap());
    })?;
    in_child_of(ALICE, || {
        let error = semaphore().create_new(true).open(&names.semaphore).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        let error = memory().create_new(true).open(&names.memory).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        // Neither the value nor the size asked for: it is his.
        assert_eq!(semaphore().create(true).initial_value(1).open(&names.semaphore).unwrap().value(), 9);
        let his = memory().create(true).unlink_on_drop(true).open(&names.memory).unwrap();
        assert_eq!(his.size().unwrap(), 1);
        drop(his);
        assert!(names.memory.is_taken(), "she has not created it");
    })
}

/// Where the system lets him make hard links to others' files at all (fs.protected_hardlinks).
fn a_link_to_anothers_file_is_that_file_with_its_rights() -> Ending {
    let (names, hers) = (Names::new(), FreeName::new());
    in_child_of(ALICE, || fs::write(hers.file(), SECRET).unwrap())?;
    in_child_of(BOB, || {
        if fs::hard_link(hers.file(), names.memory.file()).is_ok() {
            let error = memory().open(&names.memory).map(drop).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        } else {
            let error = memory().open(&names.memory).map(drop).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
        }
    })?;
    in_child_of(ALICE, || assert_eq!(fs::read(hers.file()).unwrap(), SECRET))
}
