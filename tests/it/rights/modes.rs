//! What modes allow.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rawipc::{Error, ErrorKind, MessageQueue, NamedSemaphore, Priority, Shared, SharedMemory};

use super::{Names, memory, queue, semaphore};
use crate::harness::Ending;
use crate::harness::kernel::{ALICE, BOB, in_child_of, set_umask};

crate::tests!(
    ;
    alone: what_is_made_by_default_is_for_its_user_alone,
    others_may_do_what_the_mode_says_but_not_unlink,
    who_may_only_read_changes_nothing,
    the_umask_binds_users_and_exact_modes_do_not
);

/// Makes one object of each sort, of an exact mode or of the default one.
fn make_all(names: &Names, mode: Option<u32>) {
    let (mut queue, mut semaphore, mut memory) = (queue(), semaphore(), memory());
    let mut value = Shared::<AtomicU32>::options();
    if let Some(mode) = mode {
        (queue, semaphore) = (queue.exact_mode(mode), semaphore.exact_mode(mode));
        (memory, value) = (memory.exact_mode(mode), value.exact_mode(mode));
    }
    queue.create_new(true).open(&names.queue).unwrap().send(b"hers", Priority::MIN).unwrap();
    semaphore.create_new(true).initial_value(1).open(&names.semaphore).unwrap();
    memory.create_new(true).open(&names.memory).unwrap().write_at(0, b"hers").unwrap();
    value.open(&names.value, |value| value.store(7, Relaxed)).unwrap();
}

/// Makes sure that nothing has changed in them.
fn assert_all_unchanged(names: &Names) {
    let queue = queue().open(&names.queue).unwrap();
    assert_eq!(queue.receive(&mut [0; 16]).unwrap().payload(), b"hers");
    assert!(queue.is_empty().unwrap());
    assert_eq!(semaphore().open(&names.semaphore).unwrap().value(), 1);
    let memory = memory().open(&names.memory).unwrap();
    let mut bytes = [0; 4];
    memory.read_at(0, &mut bytes).unwrap();
    assert_eq!((bytes, memory.size().unwrap()), (*b"hers", 100));
    assert_eq!(Shared::<AtomicU32>::options().open_existing(&names.value).unwrap().load(Relaxed), 7);
}

#[track_caller]
fn assert_all_denied(errors: impl IntoIterator<Item = Error>) {
    for (index, error) in errors.into_iter().enumerate() {
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{index}: {error}");
    }
}

/// Removing needs more than any mode gives: the directories are sticky.
fn unlinks(names: &Names) -> [Error; 4] {
    [
        MessageQueue::unlink(&names.queue).unwrap_err(),
        NamedSemaphore::unlink(&names.semaphore).unwrap_err(),
        SharedMemory::unlink(&names.memory).unwrap_err(),
        SharedMemory::unlink(&names.value).unwrap_err(),
    ]
}

fn what_is_made_by_default_is_for_its_user_alone() -> Ending {
    let names = Names::new();
    in_child_of(ALICE, || make_all(&names, None))?;
    in_child_of(BOB, || {
        assert_all_denied([
            MessageQueue::options().read(true).open(&names.queue).unwrap_err(),
            MessageQueue::options().write(true).open(&names.queue).unwrap_err(),
            queue().create(true).open(&names.queue).unwrap_err(),
            queue().create(true).unlink_on_drop(true).open(&names.queue).unwrap_err(),
            semaphore().open(&names.semaphore).unwrap_err(),
            semaphore().create(true).unlink_on_drop(true).open(&names.semaphore).unwrap_err(),
            SharedMemory::options().read(true).open(&names.memory).unwrap_err(),
            memory().truncate(true).open(&names.memory).unwrap_err(),
            memory().create(true).unlink_on_drop(true).open(&names.memory).unwrap_err(),
            Shared::<AtomicU32>::options().open_existing(&names.value).unwrap_err(),
            Shared::<AtomicU32>::options().open(&names.value, |value| value.store(0, Relaxed)).unwrap_err(),
        ]);
        assert_all_denied(unlinks(&names));
    })?;
    in_child_of(ALICE, || assert_all_unchanged(&names))
}

fn others_may_do_what_the_mode_says_but_not_unlink() -> Ending {
    let names = Names::new();
    in_child_of(ALICE, || make_all(&names, Some(0o666)))?;
    in_child_of(BOB, || {
        let queue = queue().create(true).unlink_on_drop(true).open(&names.queue).unwrap();
        queue.send(b"his", Priority::MIN).unwrap();
        semaphore().create(true).unlink_on_drop(true).open(&names.semaphore).unwrap().post().unwrap();
        let memory = memory().create(true).unlink_on_drop(true).open(&names.memory).unwrap();
        memory.write_at(4, b" and his").unwrap();
        let value = Shared::<AtomicU32>::options().unlink_on_drop(true);
        value.open(&names.value, |_| ()).unwrap().fetch_add(1, Relaxed);
        assert_all_denied(unlinks(&names));
    })?;
    in_child_of(ALICE, || {
        assert_eq!(queue().open(&names.queue).unwrap().len().unwrap(), 2);
        assert_eq!(semaphore().open(&names.semaphore).unwrap().value(), 2);
        let mut bytes = [0; 12];
        memory().open(&names.memory).unwrap().read_at(0, &mut bytes).unwrap();
        assert_eq!(bytes, *b"hers and his");
        assert_eq!(Shared::<AtomicU32>::options().open_existing(&names.value).unwrap().load(Relaxed), 8);
        MessageQueue::unlink(&names.queue).unwrap();
        NamedSemaphore::unlink(&names.semaphore).unwrap();
        SharedMemory::unlink(&names.memory).unwrap();
        SharedMemory::unlink(&names.value).unwrap();
    })
}

fn who_may_only_read_changes_nothing() -> Ending {
    let names = Names::new();
    in_child_of(ALICE, || make_all(&names, Some(0o644)))?;
    in_child_of(BOB, || {
        assert_all_denied([
            MessageQueue::options().write(true).open(&names.queue).unwrap_err(),
            queue().open(&names.queue).unwrap_err(),
            semaphore().open(&names.semaphore).unwrap_err(),
            memory().open(&names.memory).unwrap_err(),
            Shared::<AtomicU32>::options().open_existing(&names.value).unwrap_err(),
        ]);
        let reader = MessageQueue::options().read(true).open(&names.queue).unwrap();
        assert_eq!(reader.send(b"his", Priority::MIN).unwrap_err().kind(), ErrorKind::BadDescriptor);
        let memory = SharedMemory::options().read(true).open(&names.memory).unwrap();
        let mut bytes = [0; 4];
        memory.map_options().map_read_only().unwrap().read_at(0, &mut bytes).unwrap();
        assert_eq!(bytes, *b"hers");
        assert_eq!(memory.map().unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert_eq!(memory.write_at(0, b"his").unwrap_err().kind(), ErrorKind::BadDescriptor);
        assert!(memory.resize(0).is_err() && memory.resize(200).is_err() && memory.seal_size().is_err());
    })?;
    in_child_of(ALICE, || assert_all_unchanged(&names))
}

fn the_umask_binds_users_and_exact_modes_do_not() -> Ending {
    let names = Names::new();
    in_child_of(ALICE, || {
        set_umask(0o027);
        let queue = queue().unlink_on_drop(true).create_new(true);
        assert_eq!(queue.mode(0o666).open(&names.queue).unwrap().mode().unwrap(), 0o640);
        assert_eq!(queue.exact_mode(0o666).open(&names.queue).unwrap().mode().unwrap(), 0o666);
        let memory = memory().unlink_on_drop(true).create_new(true);
        assert_eq!(memory.mode(0o666).open(&names.memory).unwrap().mode().unwrap(), 0o640);
        assert_eq!(memory.exact_mode(0o666).open(&names.memory).unwrap().mode().unwrap(), 0o666);
        let semaphore = semaphore().create_new(true);
        drop(semaphore.mode(0o666).open(&names.semaphore).unwrap());
        assert_eq!(mode_of(&names), 0o640);
        NamedSemaphore::unlink(&names.semaphore).unwrap();
        drop(semaphore.exact_mode(0o666).open(&names.semaphore).unwrap());
        assert_eq!(mode_of(&names), 0o666);
    })
}

/// The mode of the semaphore.
fn mode_of(names: &Names) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    let file = std::fs::metadata(names.semaphore.file(rawipc::semaphore::abi::Abi::NATIVE)).unwrap();
    file.permissions().mode() & 0o777
}
