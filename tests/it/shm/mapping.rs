//! Mappings: what they lend, where, and to whom.

use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::thread;

use rawipc::error::{Limit, Operation};
use rawipc::shm::{Advice, ReadOnlyMapping};
use rawipc::{Errno, ErrorKind, Mapping, Semaphore, Shareable, Shared, SharedMemory, name, shareable};
use rustix::process::Resource;

use crate::harness::kernel::{in_child, set_limit};
use crate::harness::queues::{assert_bounds, assert_error};
use crate::shm::support::{Untouched, content, memory, name_of, page, pattern, sized};

crate::tests!(
    values_lie_where_they_are_asked_for,
    nothing_is_lent_beyond_the_end,
    nothing_is_lent_unaligned,
    a_macros_struct_has_the_layout_of_c,
    mappings_of_one_object_show_the_same,
    a_reader_maps_for_reading_only,
    a_part_is_mapped_from_a_page_on,
    what_the_object_has_not_is_not_mapped,
    options_make_no_difference_to_the_content,
    the_handle_that_created_maps_its_size_and_others_what_is_there,
    mappings_may_be_used_by_other_threads;
    alone: mapping_of_any_options_is_safe_in_a_child,
    locking_beyond_the_limit_is_an_error
);

shareable! {
    struct Record {
        kind: AtomicU8,
        number: AtomicU32,
        ready: Semaphore,
        values: [AtomicU16; 3],
        last: AtomicI64,
    }
}

fn values_lie_where_they_are_asked_for() {
    let memory = memory(4096);
    memory.write_at(0, &pattern(4096)).unwrap();
    let (mapping, bytes) = (memory.map().unwrap(), pattern(4096));
    assert_eq!(mapping.len(), 4096);
    for offset in [0, 1, 7, 2047, 4095] {
        assert_eq!(mapping.get::<AtomicU8>(offset).unwrap().load(Relaxed), bytes[offset]);
    }
    for offset in [0, 8, 4088] {
        let expected = u64::from_ne_bytes(bytes[offset..offset + 8].try_into().unwrap());
        assert_eq!(mapping.get::<AtomicU64>(offset).unwrap().load(Relaxed), expected);
        assert_eq!(mapping.slice::<AtomicU64>(offset, 1).unwrap()[0].load(Relaxed), expected);
    }
    let all = mapping.slice::<AtomicU8>(0, 4096).unwrap();
    assert!(all.iter().map(|byte| byte.load(Relaxed)).eq(bytes));
    mapping.get::<AtomicU16>(4094).unwrap().store(u16::from_ne_bytes(*b"ok"), Relaxed);
    assert_eq!(content(&memory)[4094..], *b"ok");
}

#[track_caller]
fn assert_outside<T: Shareable>(mapping: &Mapping, offset: usize, count: usize, end: u64) {
    let error = mapping.slice::<T>(offset, count).map(|_| ()).unwrap_err();
    let part = ", but the object has 4,100 bytes";
    assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, Operation::AccessMemory, part);
    assert_bounds(error, end.min(u32::MAX.into()), 4100);
    if count == 1 {
        assert_eq!(mapping.get::<T>(offset).map(|_| ()).unwrap_err(), error);
    }
}

fn nothing_is_lent_beyond_the_end() {
    let memory = memory(4100);
    let mapping = memory.map().unwrap();
    assert_outside::<AtomicU8>(&mapping, 4100, 1, 4101);
    assert_outside::<AtomicU8>(&mapping, 0, 4101, 4101);
    assert_outside::<AtomicU16>(&mapping, 4099, 1, 4101);
    assert_outside::<AtomicU64>(&mapping, 4096, 1, 4104);
    assert_outside::<[AtomicU64; 513]>(&mapping, 0, 1, 4104);
    for huge in [usize::MAX, usize::MAX - 7, usize::MAX / 2 + 1, usize::MAX / 8 + 1] {
        assert_outside::<AtomicU64>(&mapping, 0, huge, u64::MAX);
        assert_outside::<AtomicU64>(&mapping, huge, 1, u64::MAX);
        assert_outside::<AtomicU8>(&mapping, 1, huge, u64::MAX);
    }
    // The last ones that fit, and none at the very end.
    assert_eq!(mapping.slice::<AtomicU32>(4096, 1).unwrap().len(), 1);
    assert_eq!(mapping.slice::<AtomicU8>(4099, 1).unwrap().len(), 1);
    assert!(mapping.slice::<AtomicU32>(4100, 0).unwrap().is_empty());
    assert!(mapping.slice::<AtomicU8>(4101, 0).is_err());
    assert_eq!(mapping.get::<[AtomicU32; 1025]>(0).unwrap().len(), 1025);
}

fn nothing_is_lent_unaligned() {
    let memory = memory(4096);
    let mapping = memory.map().unwrap();
    for offset in 1..8 {
        let error = mapping.get::<AtomicU64>(offset).map(|_| ()).unwrap_err();
        let alignment = align_of::<AtomicU64>();
        if offset % alignment != 0 {
            let part = format!("the offset is not a multiple of {alignment}, the type's alignment (EINVAL)");
            assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, Operation::AccessMemory, &part);
        }
    }
    assert!(mapping.get::<AtomicU16>(4093).is_err());
    assert!(mapping.slice::<AtomicU32>(2, 0).is_err(), "an empty slice must be aligned too");
    assert!(mapping.get::<AtomicU16>(2).is_ok() && mapping.get::<AtomicU8>(3).is_ok());
}

fn a_macros_struct_has_the_layout_of_c() {
    let offsets = [
        std::mem::offset_of!(Record, kind),
        std::mem::offset_of!(Record, number),
        std::mem::offset_of!(Record, ready),
        std::mem::offset_of!(Record, values),
    ];
    assert_eq!(offsets[..2], [0, 4]);
    assert_eq!((offsets[2], offsets[3]), (8, 8 + size_of::<Semaphore>()));
    let memory = memory(4096);
    let mapping = memory.map().unwrap();
    let record: &Record = mapping.get(128).unwrap();
    record.number.store(0x0102_0304, Relaxed);
    record.values[2].store(9, Relaxed);
    record.last.store(-1, Relaxed);
    record.kind.store(3, Relaxed);
    record.ready.post().unwrap();
    record.ready.try_wait().unwrap();
    let bytes = content(&memory);
    assert_eq!((bytes[128], &bytes[132..136]), (3, &0x0102_0304_u32.to_ne_bytes()[..]));
    let last = 128 + std::mem::offset_of!(Record, last);
    assert_eq!(bytes[last..last + 8], [0xff; 8]);
}

fn mappings_of_one_object_show_the_same() {
    let memory = memory(100);
    let other = SharedMemory::options().write(true).open(name_of(&memory)).unwrap();
    let mappings = [memory.map().unwrap(), memory.map().unwrap(), other.map().unwrap()];
    let read_only = other.map_options().map_read_only().unwrap();
    for (number, mapping) in mappings.iter().enumerate() {
        mapping.write_at(10 * number, b"xyz").unwrap();
        for other in &mappings {
            let mut bytes = [0; 3];
            other.read_at(10 * number, &mut bytes).unwrap();
            assert_eq!(&bytes, b"xyz");
        }
        let mut bytes = [0; 3];
        read_only.read_at(10 * number, &mut bytes).unwrap();
        assert_eq!(&bytes, b"xyz");
        assert_ne!(mapping.as_ptr().cast_const(), read_only.as_ptr());
    }
}

fn a_reader_maps_for_reading_only() {
    let watched = Untouched::new();
    let reader = SharedMemory::options().read(true).open(watched.name()).unwrap();
    let error = reader.map().unwrap_err();
    let part = "mapping the shared memory: not permitted for this user (EACCES)";
    assert_error(error, ErrorKind::PermissionDenied, Errno::ACCESS, Operation::MapMemory, part);
    let mapping = reader.map_options().populate(true).map_read_only().unwrap();
    let mut bytes = vec![0; 5000];
    mapping.read_at(0, &mut bytes).unwrap();
    assert_eq!((mapping.len(), bytes), (5000, pattern(5000)));
    let error = mapping.read_at(4000, &mut [0; 1001]).unwrap_err();
    assert_bounds(error, 5001, 5000);
    assert!(format!("{mapping:?}").starts_with("ReadOnlyMapping(5000 bytes at 0x"));
    watched.assert_untouched();
}

fn a_part_is_mapped_from_a_page_on() {
    let memory = memory(3 * page() + 10);
    memory.write_at(0, &pattern(3 * page() + 10)).unwrap();
    let all = pattern(3 * page() + 10);
    for (offset, length) in [(0, Some(1)), (page(), None), (page(), Some(page() + 5)), (3 * page(), Some(10))] {
        let options = memory.map_options().offset(offset as u64);
        let options = if let Some(length) = length { options.length(length) } else { options };
        let length = length.unwrap_or(all.len() - offset);
        let (mapping, reader) = (options.map().unwrap(), options.map_read_only().unwrap());
        let (mut bytes, mut same) = (vec![0; length], vec![0; length]);
        mapping.read_at(0, &mut bytes).unwrap();
        reader.read_at(0, &mut same).unwrap();
        assert_eq!((mapping.len(), reader.len()), (length, length));
        assert!(bytes == all[offset..offset + length] && same == bytes);
        assert!(mapping.get::<AtomicU8>(length).is_err(), "the rest of the page is not lent");
    }
    let error = memory.map_options().offset(1).map().unwrap_err();
    let part = "mapping the shared memory: an argument is not valid (EINVAL)";
    assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, Operation::MapMemory, part);
}

fn what_the_object_has_not_is_not_mapped() {
    let memory = memory(page() + 10);
    let (end, page) = (page() as u64 + 10, page() as u64);
    for (offset, length, asked, there) in [
        (0, Some(end as usize + 1), end + 1, end),
        (page, Some(11), 11, 10),
        (0, Some(0), 1, end),
        (2 * page, None, 1, 0),
        (2 * page, Some(1), 1, 0),
        (0, Some(usize::MAX), u32::MAX.into(), end),
        (!(page - 1), Some(1), 1, 0),
    ] {
        let options = memory.map_options().offset(offset);
        let options = if let Some(length) = length { options.length(length) } else { options };
        for error in [options.map().unwrap_err(), options.map_read_only().unwrap_err()] {
            let part = "bytes were requested, but only ";
            assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, Operation::MapMemory, part);
            assert_bounds(error, asked, there);
        }
    }
}

/// All that every kernel knows.
const ADVICES: [Advice; 3] = [Advice::Random, Advice::Sequential, Advice::WillNeed];

fn options_make_no_difference_to_the_content() {
    let memory = memory(10 * page());
    memory.write_at(0, &pattern(10 * page())).unwrap();
    let options = memory.map_options();
    let mut all: Vec<_> = ADVICES.into_iter().map(|advice| options.advice(advice)).collect();
    all.extend([options.populate(true), options.locked(true).length(page()), options.populate(true).locked(true)]);
    for options in all {
        let mapping = options.map().unwrap();
        let mut bytes = vec![0; mapping.len()];
        mapping.read_at(0, &mut bytes).unwrap();
        assert!(bytes == pattern(10 * page())[..bytes.len()], "{options:?}");
    }
    // A kernel without transparent huge pages does not know the advice.
    let huge = options.advice(Advice::HugePages).map();
    assert!(huge.as_ref().map_or_else(|error| error.kind() == ErrorKind::InvalidInput, |mapping| mapping.len() > 0));
}

fn the_handle_that_created_maps_its_size_and_others_what_is_there() {
    let memory = memory(page());
    let other = SharedMemory::options().write(true).open(name_of(&memory)).unwrap();
    assert_eq!((memory.map().unwrap().len(), other.map().unwrap().len()), (page(), page()));
    other.resize(2 * page() as u64).unwrap();
    assert_eq!((memory.map().unwrap().len(), other.map().unwrap().len()), (2 * page(), 2 * page()));
    memory.resize(3 * page() as u64).unwrap();
    assert_eq!((memory.map().unwrap().len(), other.map().unwrap().len()), (3 * page(), 3 * page()));
    // Resized before it is mapped for the first time.
    let fresh = crate::shm::support::memory(page());
    fresh.resize(2 * page() as u64).unwrap();
    assert_eq!(fresh.map().unwrap().len(), 2 * page());
    let sparse = sized(1 << 30).sparse(true).create_unique(name!("/rawipc-test-shm-")).unwrap();
    assert_eq!(sparse.map().unwrap().len(), 1 << 30);
}

fn mappings_may_be_used_by_other_threads() {
    fn both<T: Send + Sync>() {}
    both::<SharedMemory>();
    both::<Mapping>();
    both::<ReadOnlyMapping>();
    both::<Shared<AtomicU64>>();
    let memory = memory(4096);
    let mapping = memory.map().unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..1000).for_each(|_| _ = mapping.get::<AtomicU64>(8).unwrap().fetch_add(1, Relaxed)));
        }
    });
    let moved = thread::spawn(move || mapping.get::<AtomicU64>(8).unwrap().load(Relaxed));
    assert_eq!(moved.join().unwrap(), 4000);
}

/// Whatever the options: the child has the memory, and dropping the mapping there takes nothing else away.
fn mapping_of_any_options_is_safe_in_a_child() {
    let memory = memory(256 * page());
    let options = memory.map_options();
    let mut all: Vec<_> = ADVICES.into_iter().map(|advice| options.advice(advice)).collect();
    all.extend([options, options.populate(true), options.length(page()).locked(true)]);
    let mappings: Vec<_> = all.iter().map(|options| options.map().unwrap()).collect();
    let mut mappings = Some(mappings);
    in_child(|| {
        // What a child allocates may come to lie where it has nothing mapped.
        let mut own = vec![vec![7_u8; 256 * page()]; 8];
        for (number, mapping) in mappings.take().into_iter().flatten().enumerate() {
            mapping.get::<AtomicU8>(number).unwrap().fetch_add(1, Relaxed);
            mapping.write_at(100 * (number + 1), b"from the child").unwrap();
            drop(mapping);
        }
        own.iter_mut().flatten().for_each(|byte| *byte += 1);
        assert!(own.iter().flatten().all(|byte| *byte == 8));
    });
    let mappings = mappings.expect("the parent has them still");
    for (number, mapping) in mappings.iter().enumerate() {
        let mut bytes = [0; 14];
        mapping.read_at(100 * (number + 1), &mut bytes).unwrap();
        assert_eq!((mapping.get::<AtomicU8>(number).unwrap().load(Relaxed), &bytes), (1, b"from the child"));
    }
}

fn locking_beyond_the_limit_is_an_error() {
    let memory = memory(64 * page());
    crate::inspect::list_support::drop_capabilities();
    set_limit(Resource::Memlock, page() as u64);
    let error = memory.map_options().locked(true).map().unwrap_err();
    let kind = ErrorKind::LimitExceeded(Limit::LockedMemory);
    assert_error(error, kind, Errno::NOMEM, Operation::MapMemory, "mapping the shared memory: ");
    let locked = memory.map_options().length(page()).locked(true).map().unwrap();
    assert_eq!(locked.len(), page());
    set_limit(Resource::Memlock, 0);
    let error = memory.map_options().length(page()).locked(true).map().unwrap_err();
    assert_eq!((error.kind(), error.errno()), (kind, Errno::PERM));
}
