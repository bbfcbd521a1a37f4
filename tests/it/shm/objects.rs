//! Opening, creating, emptying, unlinking; sizes, modes, names.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rawipc::error::Operation;
use rawipc::{Errno, ErrorKind, Name, SharedMemory, name};

use crate::harness::kernel::set_umask;
use crate::harness::queues::assert_error;
use crate::shm::support::{
    FreeName, Untouched, content, exists, file_of, memory, name_of, pattern, reserved, sized, text,
};

crate::tests!(
    a_created_object_is_a_file_of_zeros,
    an_object_may_have_no_bytes,
    an_opener_has_what_the_creator_wrote,
    opening_with_another_size_resizes_nothing,
    opening_for_reading_with_a_size_deletes_nothing,
    create_new_is_for_who_comes_first,
    truncate_empties_and_gives_the_size_asked_for,
    truncate_creates_only_if_asked,
    space_is_reserved_unless_sparse,
    an_unlinked_object_goes_on_for_those_who_have_it,
    a_unique_name_begins_with_its_prefix,
    a_name_may_have_255_bytes,
    debug_shows_the_name;
    alone: the_umask_applies_to_mode_and_not_to_exact_mode
);

fn a_created_object_is_a_file_of_zeros() {
    for size in [1, 4095, 4096, 4097, 100_000] {
        let free = FreeName::new();
        let memory = sized(size).create(true).open(&free).unwrap();
        assert_eq!(memory.size().unwrap(), size as u64);
        assert_eq!(memory.name(), Some(&*free));
        assert_eq!(memory.mode().unwrap(), 0o600);
        assert_eq!(fs::read(free.file()).unwrap(), vec![0; size]);
        assert!(!memory.is_size_sealed());
    }
}

fn an_object_may_have_no_bytes() {
    for sparse in [false, true] {
        let memory = sized(0).sparse(sparse).create_unique(name!("/rawipc-test-shm-")).unwrap();
        assert_eq!(memory.size().unwrap(), 0);
        memory.read_at(0, &mut []).unwrap();
        memory.write_at(0, &[]).unwrap();
        assert_eq!(memory.map().unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

fn an_opener_has_what_the_creator_wrote() {
    let memory = memory(5000);
    memory.write_at(0, &pattern(5000)).unwrap();
    for options in [
        SharedMemory::options().read(true),
        SharedMemory::options().write(true),
        SharedMemory::options().read(true).write(true),
        SharedMemory::options().write(true).create(true),
    ] {
        let opened = options.open(name_of(&memory)).unwrap();
        assert_eq!(content(&opened), pattern(5000));
        assert_eq!(opened.name(), memory.name());
    }
    assert_eq!(fs::read(file_of(name_of(&memory))).unwrap(), pattern(5000));
}

/// A defect of `posix_ipc`: the size given is set, whoever made the object.
fn opening_with_another_size_resizes_nothing() {
    let watched = Untouched::new();
    for size in [0, 1, 4999, 5001, 1 << 20, u64::MAX] {
        let options = SharedMemory::options().write(true).size(size);
        for options in [options, options.create(true), options.sparse(true), options.create(true).sparse(true)] {
            let opened = options.exact_mode(0o666).open(watched.name()).unwrap();
            assert_eq!((opened.size().unwrap(), opened.mode().unwrap()), (5000, 0o600));
            opened.close().unwrap();
        }
    }
    watched.assert_untouched();
}

/// A defect of `posix_ipc`: setting the size of what is open for reading fails, and then the object is unlinked.
fn opening_for_reading_with_a_size_deletes_nothing() {
    let watched = Untouched::new();
    for unlink_on_drop in [false, true] {
        let options = SharedMemory::options().read(true).size(100).unlink_on_drop(unlink_on_drop);
        let opened = options.open(watched.name()).unwrap();
        assert_eq!(content(&opened), pattern(5000));
        drop(opened);
        options.open(watched.name()).unwrap().close().unwrap();
    }
    watched.assert_untouched();
}

fn create_new_is_for_who_comes_first() {
    let free = FreeName::new();
    let first = sized(10).create_new(true).open(&free).unwrap();
    for options in [sized(20).create_new(true), sized(20).create(true).create_new(true).truncate(true)] {
        let error = options.open(&free).unwrap_err();
        let part = "creating the shared memory: an object of this name already exists (EEXIST)";
        assert_error(error, ErrorKind::AlreadyExists, Errno::EXIST, Operation::CreateMemory, part);
    }
    assert_eq!(first.size().unwrap(), 10);
    first.close().unwrap();
    sized(20).create_new(true).open(&free).unwrap();
}

fn truncate_empties_and_gives_the_size_asked_for() {
    let watched = Untouched::new();
    for (size, sparse) in [(5000, false), (0, false), (8192, true), (100, false), (6000, true)] {
        watched.memory.write_at(0, &vec![7; watched.memory.size().unwrap() as usize]).unwrap();
        let options = sized(size).truncate(true).sparse(sparse).exact_mode(0o666);
        let opened = options.open(watched.name()).unwrap();
        assert_eq!(content(&opened), vec![0; size], "{size} bytes of zeros");
        assert_eq!(opened.mode().unwrap(), 0o600, "the mode is its creator's");
        assert_eq!(reserved(watched.name()), if sparse { 0 } else { size.next_multiple_of(4096) as u64 });
        drop(opened);
        assert!(exists(watched.name()), "who empties it has not created it");
    }
}

fn truncate_creates_only_if_asked() {
    let free = FreeName::new();
    let options = sized(10).truncate(true);
    assert_eq!(options.open(&free).unwrap_err().kind(), ErrorKind::NotFound);
    assert!(!free.is_taken());
    let created = options.create(true).open(&free).unwrap();
    assert_eq!(content(&created), [0; 10]);
}

fn space_is_reserved_unless_sparse() {
    const SIZE: usize = 1 << 20;
    let memory = memory(SIZE);
    assert_eq!(reserved(name_of(&memory)), SIZE as u64);
    let sparse = sized(SIZE).sparse(true).create_unique(name!("/rawipc-test-shm-")).unwrap();
    assert_eq!((sparse.size().unwrap(), reserved(name_of(&sparse))), (SIZE as u64, 0));
    sparse.write_at(SIZE as u64 - 1, b"x").unwrap();
    assert!((1..=1 << 16).contains(&reserved(name_of(&sparse))), "a page is taken when it is touched");
}

fn an_unlinked_object_goes_on_for_those_who_have_it() {
    let (free, mut bytes) = (FreeName::new(), [0; 4]);
    let memory = sized(10).create_new(true).open(&free).unwrap();
    let other = SharedMemory::options().read(true).open(&free).unwrap();
    SharedMemory::unlink(&free).unwrap();
    assert!(!free.is_taken());
    memory.write_at(6, b"last").unwrap();
    drop(memory);
    other.read_at(6, &mut bytes).unwrap();
    assert_eq!(&bytes, b"last");
    let error = SharedMemory::unlink(&free).unwrap_err();
    let part = "unlinking the shared memory: no object has this name (ENOENT)";
    assert_error(error, ErrorKind::NotFound, Errno::NOENT, Operation::UnlinkMemory, part);
}

fn a_unique_name_begins_with_its_prefix() {
    let prefix = name!("/rawipc-test-shm-unique-");
    let made: Vec<SharedMemory> = (0..50).map(|_| sized(1).create_unique(prefix).unwrap()).collect();
    let mut names: Vec<&[u8]> = made.iter().map(|memory| name_of(memory).as_bytes()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 50);
    for name in names {
        assert_eq!(name.strip_prefix(prefix.as_bytes()).map(<[u8]>::len), Some(16));
    }
    let longest = format!("/rawipc-test-shm-{:x<224}", "");
    let memory = sized(1).create_unique(Name::new(&longest[..240]).unwrap()).unwrap();
    assert_eq!(text(name_of(&memory)).len(), 256);
    let error = sized(1).create_unique(Name::new(&longest[..241]).unwrap()).unwrap_err();
    let part = "the prefix has 240 bytes after its slash, at most 239 leave room";
    assert_error(error, ErrorKind::InvalidName, Errno::NAMETOOLONG, Operation::CreateMemory, part);
}

fn a_name_may_have_255_bytes() {
    let long = format!("{:y<256}", FreeName::new().as_str());
    let long = Name::new(&*long).unwrap();
    let memory = sized(3).create_new(true).open(long).unwrap();
    assert_eq!(fs::read(file_of(long)).unwrap(), [0; 3]);
    memory.close().unwrap();
    assert!(!exists(long));
}

fn debug_shows_the_name() {
    let memory = memory(1);
    let shown = format!("{memory:?}");
    assert!(shown.starts_with("SharedMemory { name: Some(") && shown.contains(&text(name_of(&memory))[1..]), "{shown}");
    let shown = format!("{:?}", memory.map().unwrap());
    assert!(shown.starts_with("Mapping(1 bytes at 0x"), "{shown}");
}

fn the_umask_applies_to_mode_and_not_to_exact_mode() {
    let umask = set_umask(0o027);
    for (mode, masked) in [(0o666, 0o640), (0o777, 0o750), (0o000, 0o000), (0o600, 0o600)] {
        for (options, expected) in [(sized(1).mode(mode), masked), (sized(1).exact_mode(mode), mode)] {
            let free = FreeName::new();
            let memory = options.create_new(true).open(&free).unwrap();
            assert_eq!(memory.mode().unwrap(), expected);
            assert_eq!(fs::metadata(free.file()).unwrap().permissions().mode() & 0o7777, expected);
            assert_eq!(set_umask(0o027), 0o027, "the mask itself is not touched");
        }
    }
    set_umask(umask);
}
