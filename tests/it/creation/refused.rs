//! Creating where a security module, a sandbox, a kernel or a file system refuses a call.

use std::os::unix::fs::MetadataExt;
use std::{fs, panic};

use rawipc::Errno;
use rustix::mount::{MountFlags, mount};

use super::{FILES, Free, How, Kind, count, memory, open_and_add};
use crate::harness::kernel::{fail_calls, in_child, private_ipc_and_mounts};
use crate::harness::{Ending, Lacking};
use crate::semaphore::sandbox::{BY_DESCRIPTOR, BY_PROC, NAMED, NAMED_TOO, NAMELESS, NAMELESS_TOO, Refusal, refuse};

crate::tests!(
    ;
    alone: named_objects_are_created_despite_refused_calls,
    named_objects_refused_for_good_leave_nothing,
    shared_memory_on_ramfs_has_its_space,
    shared_memory_names_of_full_length_fall_back_too
);

const NONE: &[Refusal] = &[];

/// The same refusals with another errno.
fn with(errno: Errno, refusals: &[Refusal]) -> Vec<Refusal> {
    refusals.iter().map(|refusal| Refusal { errno, ..*refusal }).collect()
}

const TMPFILE: &[Refusal] = &[NAMELESS, NAMELESS_TOO];
const LINKS: &[Refusal] = &[BY_DESCRIPTOR, BY_PROC];

/// Refuses calls by their arguments and others wholly, in a child, and does `work` there.
fn under(refusals: &[Refusal], calls: &[(libc::c_long, Errno)], work: impl FnOnce()) -> Ending {
    // The first child shows whether there are filters at all.
    fail_in_child()?;
    in_child(|| {
        if !refusals.is_empty() {
            refuse(refusals).expect("there are filters");
        }
        for (call, errno) in calls {
            fail_calls(&[*call], *errno).expect("there are filters");
        }
        work();
    });
    Ok(())
}

fn fail_in_child() -> Ending {
    let works = panic::catch_unwind(|| in_child(|| fail_calls(&[], Errno::PERM).expect("there are filters")));
    works.map_err(|_| Lacking("seccomp filters".into()))
}

/// All is as it is without a filter.
fn assert_created(case: &str) {
    for kind in FILES {
        for (unlink_on_drop, mode) in [(false, None), (true, Some(0o640))] {
            let free = Free::new();
            let how = How { unlink_on_drop, mode, group: None };
            let handle = open_and_add(kind, free.name(), how).unwrap_or_else(|what| panic!("{case}: {what}"));
            assert_eq!(count(kind, free.name()), Ok(1), "{case}: {kind:?}");
            let files = free.files();
            assert_eq!(files.len(), 1, "{case}: {files:?}");
            let status = fs::metadata(format!("/dev/shm/{}", files.first().unwrap())).unwrap();
            assert_eq!(status.mode() & 0o777, mode.unwrap_or(0o600), "{case}: {kind:?}");
            assert_eq!(status.nlink(), 1, "{case}: {kind:?}");
            if kind != Kind::Sparse {
                assert!(512 * status.blocks() >= status.len(), "{case}: {kind:?} has no space");
            }
            drop(handle);
            assert_eq!(free.files().is_empty(), unlink_on_drop, "{case}: {kind:?}");
        }
    }
}

fn named_objects_are_created_despite_refused_calls() -> Ending {
    const REFUSED: [Errno; 6] =
        [Errno::ACCESS, Errno::PERM, Errno::OPNOTSUPP, Errno::ISDIR, Errno::INVAL, Errno::NOSYS];
    for errno in REFUSED {
        let tmpfile = with(errno, TMPFILE);
        under(&tmpfile, &[], || assert_created(&format!("O_TMPFILE is {errno:?}")))?;
        for renamed in [Errno::NOSYS, Errno::INVAL, Errno::PERM] {
            let calls = [(libc::SYS_renameat2, renamed)];
            let case = format!("O_TMPFILE is {errno:?}, renameat2 {renamed:?}");
            under(&tmpfile, &calls, || assert_created(&case))?;
        }
    }
    for errno in [Errno::NOENT, Errno::PERM, Errno::ACCESS, Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP] {
        under(&with(errno, LINKS), &[], || assert_created(&format!("links are {errno:?}")))?;
        under(&[], &[(libc::SYS_linkat, errno)], || assert_created(&format!("linkat is {errno:?}")))?;
    }
    for errno in [Errno::OPNOTSUPP, Errno::NOSYS] {
        let calls = [(libc::SYS_fallocate, errno)];
        under(NONE, &calls, || assert_created(&format!("fallocate is {errno:?}")))?;
        under(TMPFILE, &calls, || assert_created(&format!("fallocate and O_TMPFILE are {errno:?}")))?;
    }
    Ok(())
}

/// The error is the last way's, and nothing is there.
fn assert_refused(case: &str, kinds: &[Kind], part: &str) {
    for kind in kinds {
        let free = Free::new();
        let error = open_and_add(*kind, free.name(), How::default()).map(drop).unwrap_err();
        assert!(error.contains(part), "{case}: {error}");
        assert_eq!(free.files().len(), 0, "{case}: {kind:?}");
    }
}

fn named_objects_refused_for_good_leave_nothing() -> Ending {
    const RESERVED: [Kind; 3] = [Kind::Memory, Kind::Shared, Kind::SharedQueue];
    for (errno, part) in [(Errno::ACCESS, "(EACCES)"), (Errno::PERM, "(EPERM)")] {
        // As in a directory that may not be written to.
        let all = with(errno, &[NAMELESS, NAMELESS_TOO, NAMED, NAMED_TOO]);
        under(&all, &[], || assert_refused("no file", &FILES, part))?;
        let calls = [(libc::SYS_renameat2, errno), (libc::SYS_linkat, errno)];
        under(TMPFILE, &calls, || assert_refused("no name", &FILES, part))?;
    }
    for (errno, part) in [(Errno::NOSPC, "/dev/shm is full"), (Errno::INTR, "(EINTR)")] {
        let calls = [(libc::SYS_fallocate, errno)];
        under(NONE, &calls, || assert_refused("no space", &RESERVED, part))?;
        under(TMPFILE, &calls, || assert_refused("no space for a private one", &RESERVED, part))?;
    }
    // Zeros cannot be written either.
    for (errno, part) in [(Errno::NOSPC, "/dev/shm is full"), (Errno::INTR, "(EINTR)")] {
        let calls = [(libc::SYS_fallocate, Errno::OPNOTSUPP), (libc::SYS_pwrite64, errno)];
        under(NONE, &calls, || assert_refused("no zeros", &RESERVED, part))?;
    }
    Ok(())
}

fn shared_memory_on_ramfs_has_its_space() -> Ending {
    private_ipc_and_mounts()?;
    let lacking = |errno: Errno| Lacking(format!("the right to mount a ramfs ({errno})"));
    mount("none", "/dev/shm", "ramfs", MountFlags::empty(), None).map_err(lacking)?;
    assert_created("ramfs");
    let free = Free::new();
    let memory = memory().create_new(true).open(free.name()).unwrap();
    memory.write_at(0, &[7; 10_000]).unwrap();
    memory.resize(20_000).unwrap();
    let mut bytes = [1; 20_000];
    memory.read_at(0, &mut bytes).unwrap();
    assert!(bytes[..10_000].iter().all(|byte| *byte == 7) && bytes[10_000..].iter().all(|byte| *byte == 0));
    Ok(())
}

/// The private name begins as the object's does, as far as there is room.
fn shared_memory_names_of_full_length_fall_back_too() -> Ending {
    under(TMPFILE, &[], || {
        let mut free = Free::new();
        free.0.push_str(&"x".repeat(256 - free.0.len()));
        let _kept = open_and_add(Kind::Memory, free.name(), How::default()).unwrap();
        assert_eq!(count(Kind::Memory, free.name()), Ok(1));
    })
}
