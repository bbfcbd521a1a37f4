//! Named semaphores: creating, opening, modes, names, who removes them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rawipc::error::Operation;
use rawipc::semaphore::NamedSemaphoreOptions;
use rawipc::semaphore::abi::Abi;
use rawipc::{Deadline, Errno, ErrorKind, Name, NamedSemaphore, SharedMemory, WaitTuning, name};

use crate::harness::Ending;
use crate::harness::kernel::{in_child, set_umask};
use crate::harness::queues::assert_error;
use crate::semaphore::support::{ABIS, FreeName, Sleeper, Snapshot, created, file_of};

crate::tests!(
    a_created_one_is_found_by_its_name_in_its_place,
    creating_what_exists_opens_it_as_it_is,
    every_operation_works_through_every_layout,
    two_handles_of_a_process_wake_each_other,
    a_permit_of_a_named_one_gives_its_token_back,
    named_semaphore_of_another_library_is_asked_for,
    named_semaphore_and_memory_of_one_name_never_meet,
    unlinking_removes_the_name_and_nothing_else,
    unlinking_works_after_the_handle_is_closed,
    unlink_on_drop_is_for_the_handle_that_created,
    a_name_created_anew_survives_its_first_owner,
    create_unique_makes_names_of_its_prefix,
    a_handle_tells_what_it_is,
    tuning_is_kept_and_can_be_set;
    alone: modes_lose_the_umask_unless_exact,
    the_umask_acts_as_in_the_c_library,
    a_forked_child_removes_no_name,
);

fn exclusive() -> NamedSemaphoreOptions {
    NamedSemaphore::options().create_new(true)
}

fn mode_of(file: &Path) -> u32 {
    fs::metadata(file).expect("the file is there").permissions().mode() & 0o7777
}

fn a_created_one_is_found_by_its_name_in_its_place() {
    for (abi, size) in [(Abi::Gnu64, 32), (Abi::Gnu32, 16), (Abi::Musl, 4 * size_of::<usize>() as u64)] {
        for value in [0, 1, 7, rawipc::Semaphore::MAX_VALUE] {
            let name = FreeName::new();
            let first = exclusive().abi(abi).initial_value(value).open(&name).unwrap();
            assert_eq!((first.value(), first.waiters(), first.abi()), (value, 0, abi));
            let file = fs::metadata(name.file(abi)).unwrap();
            assert_eq!((file.len(), mode_of(&name.file(abi))), (size, 0o600));
            let second = NamedSemaphore::options().abi(abi).open(&name).unwrap();
            assert_eq!((second.value(), second.abi(), second.name()), (value, abi, &*name));
            drop((first, second));
            assert!(name.file(abi).exists(), "a name stays unless it is to be removed");
        }
    }
}

fn creating_what_exists_opens_it_as_it_is() {
    for abi in ABIS {
        let name = FreeName::new();
        let options = NamedSemaphore::options().create(true).abi(abi);
        let first = options.initial_value(3).exact_mode(0o640).open(&name).unwrap();
        let second = options.initial_value(9).exact_mode(0o666).open(&name).unwrap();
        second.post().unwrap();
        assert_eq!((first.value(), second.value()), (4, 4));
        assert_eq!(mode_of(&name.file(abi)), 0o640);
        // What is not asked for does not count.
        let opened = NamedSemaphore::options().abi(abi).initial_value(9).open(&name).unwrap();
        assert_eq!(opened.value(), 4);
    }
}

fn every_operation_works_through_every_layout() {
    for abi in ABIS {
        let semaphore = created(abi, 0);
        let empty = |result: rawipc::Result<()>, kind| assert_eq!(result.unwrap_err().kind(), kind);
        empty(semaphore.try_wait(), ErrorKind::WouldBlock);
        empty(semaphore.wait_timeout(Duration::ZERO), ErrorKind::TimedOut);
        empty(semaphore.wait_timeout(Duration::from_millis(1)), ErrorKind::TimedOut);
        let soon = Duration::from_millis(1);
        empty(semaphore.wait_deadline(Deadline::after(soon)), ErrorKind::TimedOut);
        empty(semaphore.wait_deadline(Deadline::realtime_after(soon)), ErrorKind::TimedOut);
        semaphore.post().unwrap();
        semaphore.post_many(4).unwrap();
        assert_eq!(semaphore.value(), 5);
        semaphore.try_wait().unwrap();
        semaphore.wait().unwrap();
        semaphore.wait_timeout(Duration::ZERO).unwrap();
        semaphore.wait_timeout(soon).unwrap();
        semaphore.wait_deadline(Deadline::after(soon)).unwrap();
        assert_eq!((semaphore.value(), semaphore.waiters()), (0, 0));
        semaphore.close().unwrap();
    }
}

fn two_handles_of_a_process_wake_each_other() {
    for abi in ABIS {
        let first = created(abi, 0);
        let second = NamedSemaphore::options().abi(abi).open(first.name()).unwrap();
        thread::scope(|scope| {
            let waits = Sleeper::start(scope, || second.waiters() == 1, || first.wait());
            second.post().unwrap();
            waits.join().unwrap();
            let waits = Sleeper::start(scope, || first.waiters() == 1, || second.wait_timeout(Duration::from_secs(60)));
            first.post_many(1).unwrap();
            waits.join().unwrap();
        });
        assert_eq!((first.value(), first.waiters()), (0, 0));
    }
}

fn a_permit_of_a_named_one_gives_its_token_back() {
    for abi in ABIS {
        let semaphore = created(abi, 2);
        let (kept, used) = (semaphore.acquire().unwrap(), semaphore.acquire().unwrap());
        assert_eq!(semaphore.value(), 0);
        used.forget();
        drop(kept);
        assert_eq!(semaphore.value(), 1);
    }
}

fn named_semaphore_of_another_library_is_asked_for() {
    let name = FreeName::new();
    let musl = exclusive().abi(Abi::Musl).initial_value(1).open(&name).unwrap();
    // It is there, and says so, but nothing was asked of musl.
    let part = "musl has a semaphore of this name, /dev/shm/NAME; ask for its layout with `abi`, or remove it";
    let error = NamedSemaphore::options().open(&name).unwrap_err();
    assert_error(error, ErrorKind::NotFound, Errno::NOENT, Operation::OpenSemaphore, part);
    for options in [NamedSemaphore::options().create(true), exclusive(), exclusive().unlink_on_drop(true)] {
        let error = options.open(&name).unwrap_err();
        assert_error(error, ErrorKind::AlreadyExists, Errno::EXIST, Operation::CreateSemaphore, part);
        assert!(!name.file(Abi::GNU).exists());
    }
    // Who asks for a layout gets it beside the other.
    let error = NamedSemaphore::options().abi(Abi::Gnu32).open(&name).unwrap_err();
    assert_error(error, ErrorKind::NotFound, Errno::NOENT, Operation::OpenSemaphore, "no object has this name");
    let gnu = exclusive().abi(Abi::Gnu32).initial_value(2).open(&name).unwrap();
    // In glibc's place either layout is taken as it is.
    let opened = NamedSemaphore::options().create(true).open(&name).unwrap();
    assert_eq!((opened.abi(), opened.value()), (Abi::Gnu32, 2));
    for (abi, value) in [(Abi::Musl, 1), (Abi::Gnu32, 2)] {
        let opened = NamedSemaphore::options().abi(abi).create(true).open(&name).unwrap();
        assert_eq!((opened.abi(), opened.value()), (abi, value));
    }
    NamedSemaphore::unlink(&name).unwrap();
    assert_eq!((name.file(Abi::GNU).exists(), name.file(Abi::Musl).exists()), (false, true));
    drop((musl, gnu));
}

/// Shared memory of a semaphore's size, and with nothing in it that one could not have.
fn named_semaphore_and_memory_of_one_name_never_meet() {
    for (size, bytes) in [(32, &[][..]), (16, &[]), (32, &[5]), (16, &[7, 0, 0, 0, 9]), (32, &[1, 0, 0, 128, 3])] {
        let name = FreeName::new();
        let memory = SharedMemory::options().write(true).create_new(true).size(size).unlink_on_drop(true);
        let memory = memory.open(&name).unwrap();
        memory.write_at(0, bytes).unwrap();
        let before = Snapshot::of(&name.file(Abi::Musl));
        let error = NamedSemaphore::options().open(&name).unwrap_err();
        assert_error(error, ErrorKind::NotFound, Errno::NOENT, Operation::OpenSemaphore, "no object has this name");
        assert_eq!(NamedSemaphore::unlink(&name).unwrap_err().kind(), ErrorKind::NotFound);
        let semaphore = NamedSemaphore::options().create(true).initial_value(3).open(&name).unwrap();
        semaphore.post().unwrap();
        assert_eq!((semaphore.value(), semaphore.abi()), (4, Abi::GNU));
        let opened = NamedSemaphore::options().open(&name).unwrap();
        opened.wait().unwrap();
        assert_eq!(semaphore.value(), 3);
        assert_eq!(Snapshot::of(&name.file(Abi::Musl)), before);
        NamedSemaphore::unlink(&name).unwrap();
        assert_eq!(Snapshot::of(&name.file(Abi::Musl)), before);
        // Nor does memory that has a semaphore's name in `/dev/shm`.
        let other = FreeName::new();
        let file = Name::new(format!("/sem.{}", &other.as_str()[1..]).leak().as_bytes()).unwrap();
        let memory = SharedMemory::options().write(true).create_new(true).size(size).unlink_on_drop(true);
        let _memory = memory.open(file).unwrap();
        let error = NamedSemaphore::options().create(true).open(&other).unwrap_err();
        let part = "does not hold a semaphore of a known layout";
        assert_error(error, ErrorKind::Malformed, Errno::INVAL, Operation::CreateSemaphore, part);
    }
}

fn unlinking_removes_the_name_and_nothing_else() {
    for abi in ABIS {
        let name = FreeName::new();
        let old = exclusive().abi(abi).initial_value(1).open(&name).unwrap();
        let also_old = NamedSemaphore::options().abi(abi).open(&name).unwrap();
        NamedSemaphore::options().abi(abi).unlink(&name).unwrap();
        assert!(!name.file(abi).exists());
        let new = exclusive().abi(abi).initial_value(5).open(&name).unwrap();
        also_old.post().unwrap();
        assert_eq!((old.value(), new.value()), (2, 5));
        old.wait().unwrap();
        assert_eq!((also_old.value(), new.value()), (1, 5));
    }
}

fn unlinking_works_after_the_handle_is_closed() {
    let name = FreeName::new();
    exclusive().open(&name).unwrap().close().unwrap();
    NamedSemaphore::unlink(&name).unwrap();
    let error = NamedSemaphore::unlink(&name).unwrap_err();
    assert_error(error, ErrorKind::NotFound, Errno::NOENT, Operation::UnlinkSemaphore, "no object has this name");
}

fn unlink_on_drop_is_for_the_handle_that_created() {
    for abi in ABIS {
        let (name, options) = (FreeName::new(), NamedSemaphore::options().create(true).abi(abi).unlink_on_drop(true));
        let creator = options.open(&name).unwrap();
        drop(options.open(&name).unwrap());
        options.open(&name).unwrap().close().unwrap();
        assert!(name.file(abi).exists());
        creator.close().unwrap();
        assert!(!name.file(abi).exists());
        drop(options.open(&name).unwrap());
        assert!(!name.file(abi).exists());
        // A name that is gone already is as good.
        let creator = options.open(&name).unwrap();
        NamedSemaphore::options().abi(abi).unlink(&name).unwrap();
        creator.close().unwrap();
    }
}

fn a_name_created_anew_survives_its_first_owner() {
    for abi in ABIS {
        let name = FreeName::new();
        let first = exclusive().abi(abi).unlink_on_drop(true).open(&name).unwrap();
        NamedSemaphore::options().abi(abi).unlink(&name).unwrap();
        let second = exclusive().abi(abi).initial_value(8).open(&name).unwrap();
        first.close().unwrap();
        assert_eq!(NamedSemaphore::options().abi(abi).open(&name).unwrap().value(), 8);
        drop(second);
    }
}

fn create_unique_makes_names_of_its_prefix() {
    let prefix = FreeName::new();
    for abi in ABIS {
        let options = NamedSemaphore::options().abi(abi).initial_value(3).unlink_on_drop(true);
        let all: Vec<NamedSemaphore> = (0..20).map(|_| options.create_unique(&prefix).unwrap()).collect();
        let mut names: Vec<&Name> = all.iter().map(NamedSemaphore::name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 20);
        for name in names {
            assert!(name.as_bytes().starts_with(prefix.as_bytes()));
            assert_eq!(name.as_bytes().len(), prefix.as_bytes().len() + 16);
            assert_eq!(NamedSemaphore::options().abi(abi).open(name).unwrap().value(), 3);
        }
    }
    let longest = |length| format!("/{}", "x".repeat(length));
    let (fits, over) = (longest(235), longest(236));
    let options = NamedSemaphore::options().unlink_on_drop(true).abi(Abi::Gnu64);
    options.create_unique(Name::new(fits.as_str()).unwrap()).unwrap();
    let error = options.create_unique(Name::new(over.as_str()).unwrap()).unwrap_err();
    assert_error(error, ErrorKind::InvalidName, Errno::NAMETOOLONG, Operation::CreateSemaphore, "at most");
}

fn a_handle_tells_what_it_is() {
    let semaphore = created(Abi::Gnu32, 6);
    let known = semaphore.diagnose();
    assert_eq!((known.abi, known.value, known.waiters), (Abi::Gnu32, 6, 0));
    assert_eq!(known.to_string(), "layout gnu32, value 6, 0 recorded as waiting");
    let text = format!("{semaphore:?}");
    for part in ["NamedSemaphore", "rawipc-test-", "Gnu32", "value: 6", "waiters: 0"] {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
    assert_eq!((Abi::Gnu64.to_string(), Abi::Musl.to_string()), ("gnu64".into(), "musl".into()));
    fn is_for_threads<T: Send + Sync>(_: &T) {}
    is_for_threads(&semaphore);
}

fn tuning_is_kept_and_can_be_set() {
    let tuning = WaitTuning { spin: 7, recheck_interval: Some(Duration::from_millis(9)) };
    let options = NamedSemaphore::options().tuning(tuning).unlink_on_drop(true);
    let mut semaphore = options.create_unique(name!("/rawipc-test-")).unwrap();
    assert_eq!(semaphore.tuning(), tuning);
    semaphore.set_tuning(WaitTuning::default());
    assert_eq!(semaphore.tuning(), WaitTuning::DEFAULT);
    assert_eq!(created(Abi::NATIVE, 0).tuning(), WaitTuning::DEFAULT);
}

const MASKS: [u32; 5] = [0, 0o022, 0o027, 0o077, 0o777];
const MODES: [u32; 7] = [0o600, 0o640, 0o660, 0o666, 0o777, 0o400, 0];

fn modes_lose_the_umask_unless_exact() -> Ending {
    for abi in ABIS {
        for (mask, mode) in MASKS.into_iter().flat_map(|mask| MODES.map(|mode| (mask, mode))) {
            set_umask(mask);
            let masked = exclusive().abi(abi).mode(mode).unlink_on_drop(true);
            let exact = exclusive().abi(abi).exact_mode(mode).unlink_on_drop(true);
            for (options, expected) in [(masked, mode & !mask), (exact, mode)] {
                let semaphore = options.create_unique(name!("/rawipc-test-")).unwrap();
                let file = file_of(semaphore.name(), abi);
                assert_eq!(mode_of(&file), expected, "mode {mode:o}, mask {mask:o}");
                // It works whatever others may do.
                semaphore.post().unwrap();
                assert_eq!(semaphore.value(), 1);
            }
            assert_eq!(set_umask(0), mask, "the process's umask is not touched");
        }
    }
    Ok(())
}

fn the_umask_acts_as_in_the_c_library() -> Ending {
    for (mask, mode) in MASKS.into_iter().flat_map(|mask| MODES.map(|mode| (mask, mode))) {
        set_umask(mask);
        let (ours, theirs) = (FreeName::new(), FreeName::new());
        let semaphore = exclusive().abi(Abi::NATIVE).mode(mode).open(&ours).unwrap();
        let path = std::ffi::CString::new(theirs.as_str()).unwrap();
        // SAFETY: the name ends in a NUL, and the flags ask for a mode and a value.
        let created = unsafe { libc::sem_open(path.as_ptr(), libc::O_CREAT | libc::O_EXCL, mode, 0_u32) };
        assert_ne!(created, libc::SEM_FAILED);
        assert_eq!(mode_of(&ours.file(Abi::NATIVE)), mode_of(&theirs.file(Abi::NATIVE)));
        drop(semaphore);
    }
    Ok(())
}

fn a_forked_child_removes_no_name() -> Ending {
    for abi in ABIS {
        let (name, other) = (FreeName::new(), FreeName::new());
        let options = exclusive().abi(abi).unlink_on_drop(true);
        let mut pair = [Some(options.open(&name).unwrap()), Some(options.open(&other).unwrap())];
        in_child(|| {
            drop(pair[0].take());
            pair[1].take().unwrap().close().unwrap();
            // Guards of the parent are not the child's.
            assert!(name.file(abi).exists() && other.file(abi).exists());
        });
        assert!(name.file(abi).exists() && other.file(abi).exists());
        drop(pair);
        assert!(!name.file(abi).exists() && !other.file(abi).exists());
    }
    Ok(())
}
