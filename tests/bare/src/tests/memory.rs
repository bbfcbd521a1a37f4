//! Shared memory: objects by name and without one, and their mappings.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rawipc::{ErrorKind, Semaphore, SharedMemory, name};

use super::support::{LONG, kind, prefix};
use crate::harness::{Call, Peer, lacking, tests};

tests![
    is_created_opened_and_removed,
    has_its_size_and_mode,
    is_seen_by_another_process,
    is_read_and_written_within_its_bounds,
    is_lent_aligned_and_within_its_bounds,
    is_resized_by_name_alone,
    is_sealed,
    is_larger_than_two_gibibytes,
    is_mapped_beyond_four_gibibytes,
    is_refused_where_no_size_can_be,
];

fn memory(size: u64) -> SharedMemory {
    SharedMemory::options().write(true).size(size).unlink_on_drop(true).create_unique(prefix().name()).unwrap()
}

fn is_created_opened_and_removed() {
    let created = memory(100);
    let name = created.name().unwrap();
    let options = SharedMemory::options().write(true);
    assert_eq!(kind(options.create_new(true).open(name)), ErrorKind::AlreadyExists);
    created.write_at(0, b"there").unwrap();
    let opened = SharedMemory::options().read(true).open(name).unwrap();
    let mut bytes = [0; 5];
    opened.read_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"there");
    SharedMemory::unlink(name).unwrap();
    assert_eq!(kind(options.open(name)), ErrorKind::NotFound);
    created.close().unwrap();
    assert_eq!(kind(options.open(name!("/rawipc-bare-none"))), ErrorKind::NotFound);
}

fn has_its_size_and_mode() {
    let memory = SharedMemory::options().write(true).size(10_000).exact_mode(0o606).unlink_on_drop(true);
    let memory = memory.create_unique(prefix().name()).unwrap();
    assert_eq!((memory.size(), memory.mode()), (Ok(10_000), Ok(0o606)));
    let other = SharedMemory::options().write(true).create(true).size(5).open(memory.name().unwrap()).unwrap();
    assert_eq!(other.size(), Ok(10_000), "opening changes no size");
}

fn is_seen_by_another_process() {
    let memory = memory(4096);
    let mapping = memory.map().unwrap();
    let peer = Peer::start(|| {
        let mapping = SharedMemory::options().write(true).open(memory.name().unwrap()).unwrap().map().unwrap();
        mapping.get::<Semaphore>(0).unwrap().wait_timeout(LONG).unwrap();
        mapping.get::<AtomicU64>(1024).unwrap().fetch_add(1 << 40, Relaxed);
        mapping.get::<Semaphore>(64).unwrap().post().unwrap();
    });
    mapping.get::<AtomicU64>(1024).unwrap().store(1, Relaxed);
    mapping.get::<Semaphore>(0).unwrap().post().unwrap();
    mapping.get::<Semaphore>(64).unwrap().wait_timeout(LONG).unwrap();
    assert_eq!(mapping.get::<AtomicU64>(1024).unwrap().load(Relaxed), (1 << 40) + 1);
    peer.join();
}

/// At every place in a word and of every length up to several lines of a cache, since each architecture copies by
/// instructions of its own.
fn is_read_and_written_within_its_bounds() {
    let memory = memory(100);
    let mapping = memory.map().unwrap();
    let all: [u8; 100] = core::array::from_fn(|number| number as u8 + 1);
    let places = || (0..=16).flat_map(|start| (start..=100).map(move |end| (start, end)));
    for (start, end) in places() {
        memory.write_at(0, &[0xee; 100]).unwrap();
        mapping.write_at(start, &all[start..end]).unwrap();
        let mut bytes = [0; 100];
        memory.read_at(0, &mut bytes).unwrap();
        assert_eq!(bytes[start..end], all[start..end], "written from {start} to {end}");
        assert!(bytes[..start].iter().chain(&bytes[end..]).all(|byte| *byte == 0xee), "beside {start} to {end}");
    }
    memory.write_at(0, &all).unwrap();
    for (start, end) in places() {
        let mut bytes = [0xee; 101];
        mapping.read_at(start, &mut bytes[..end - start]).unwrap();
        assert_eq!(bytes[..end - start], all[start..end], "read from {start} to {end}");
        assert!(bytes[end - start..].iter().all(|byte| *byte == 0xee), "behind what was read from {start} to {end}");
    }
    assert_eq!(kind(mapping.write_at(84, &[0; 17])), ErrorKind::InvalidInput);
    assert_eq!(kind(mapping.read_at(usize::MAX, &mut [0; 2])), ErrorKind::InvalidInput);
    assert_eq!(kind(memory.write_at(84, &[0; 17])), ErrorKind::InvalidInput);
    assert_eq!(kind(memory.read_at(u64::MAX, &mut [0; 2])), ErrorKind::InvalidInput);
    assert_eq!(memory.size(), Ok(100));
}

fn is_lent_aligned_and_within_its_bounds() {
    let mapping = memory(64).map().unwrap();
    assert!(mapping.get::<AtomicU64>(56).is_ok());
    assert_eq!(kind(mapping.get::<AtomicU64>(60)), ErrorKind::InvalidInput);
    assert_eq!(kind(mapping.get::<AtomicU64>(1)), ErrorKind::InvalidInput);
    assert_eq!(mapping.slice::<AtomicU64>(0, 8).unwrap().len(), 8);
    assert_eq!(kind(mapping.slice::<AtomicU64>(0, usize::MAX / 4)), ErrorKind::InvalidInput);
}

fn is_resized_by_name_alone() {
    let memory = memory(4096);
    let mut mapping = memory.map().unwrap();
    mapping.write_at(4000, b"stays").unwrap();
    memory.resize(20_000).unwrap();
    mapping.remap(&memory, 20_000).unwrap();
    let mut bytes = [0; 5];
    mapping.read_at(4000, &mut bytes).unwrap();
    assert_eq!((&bytes, mapping.len()), (b"stays", 20_000));
    mapping.write_at(19_995, b"grown").unwrap();
    memory.read_at(19_995, &mut bytes).unwrap();
    assert_eq!(&bytes, b"grown");
}

fn is_sealed() {
    let memory = SharedMemory::anonymous(4096).create().unwrap();
    assert!(!memory.is_size_sealed());
    memory.seal_size().unwrap();
    assert!(memory.is_size_sealed());
    assert_eq!(kind(memory.resize(8192)), ErrorKind::PermissionDenied);
    assert_eq!(kind(memory.resize(0)), ErrorKind::PermissionDenied);
    memory.map().unwrap().write_at(0, b"content may change").unwrap();
    memory.map_options().map_read_only().unwrap().read_at(0, &mut [0; 8]).unwrap();
}

/// File offsets have 64 bits on every architecture: nothing wraps to the start.
fn is_larger_than_two_gibibytes() {
    for size in [(1 << 31) + 4096, (1 << 32) + 8192, 1 << 40] {
        let memory = SharedMemory::anonymous(size).sparse(true).create().unwrap();
        memory.write_at(size - 3, b"end").unwrap();
        let mut bytes = [0; 3];
        memory.read_at(size - 3, &mut bytes).unwrap();
        assert_eq!((&bytes, memory.size()), (b"end", Ok(size)));
        memory.read_at((size - 3) & 0x7fff_ffff, &mut bytes).unwrap();
        assert_eq!(&bytes, &[0; 3], "the offset was cut");
        if size > usize::MAX as u64 {
            assert_eq!(kind(memory.map()), ErrorKind::OutOfMemory, "more than can be addressed");
        }
    }
}

fn is_mapped_beyond_four_gibibytes() {
    let size = (1 << 40) + 8192;
    let memory = SharedMemory::anonymous(size).sparse(true).create().unwrap();
    memory.write_at(size - 4096, b"far").unwrap();
    let mapping = memory.map_options().offset(size - 4096).length(4096).map().unwrap();
    let mut bytes = [0; 3];
    mapping.read_at(0, &mut bytes).unwrap();
    // An emulator may cut the offset. Where nothing may be lacking, this fails.
    if bytes == [0; 3] {
        lacking(Call::Mmap2);
    }
    assert_eq!(&bytes, b"far");
}

fn is_refused_where_no_size_can_be() {
    for size in [u64::MAX, 1 << 63] {
        assert_eq!(kind(SharedMemory::anonymous(size).create()), ErrorKind::InvalidInput);
        assert_eq!(kind(memory(1).resize(size)), ErrorKind::InvalidInput);
    }
    assert_eq!(kind(SharedMemory::options().read(true).create(true).open(prefix().name())), ErrorKind::InvalidInput);
}
