//! Mappings that follow their object, or go over to another one.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use rawipc::error::Operation;
use rawipc::shm::Advice;
use rawipc::{Errno, ErrorKind, Mapping, SharedMemory};

use crate::harness::queues::{assert_bounds, assert_error};
use crate::shm::support::{content, memory, name_of, page, pattern};

crate::tests!(
    a_mapping_grows_with_its_object,
    a_part_is_remapped_from_the_same_start,
    remapping_refuses_what_is_not_there,
    mapping_remap_needs_the_rights_of_a_mapping,
    mapping_remap_keeps_its_options;
    alone: mapping_remap_takes_another_object_whole
);

fn a_mapping_grows_with_its_object() {
    let memory = memory(page());
    let mut mapping = memory.map().unwrap();
    mapping.write_at(0, &pattern(page())).unwrap();
    for pages in [2, 3, 64, 1, 1000, 2] {
        memory.resize((pages * page()) as u64).unwrap();
        mapping.remap(&memory, pages * page()).unwrap();
        assert_eq!(mapping.len(), pages * page());
        mapping.write_at(pages * page() - 4, b"last").unwrap();
        assert_eq!(mapping.get::<AtomicU8>(0).unwrap().load(Relaxed), 1);
    }
    mapping.remap(&memory, 10).unwrap();
    assert_eq!(mapping.len(), 10);
    assert!(mapping.get::<AtomicU8>(10).is_err());
    assert_eq!(content(&memory)[2 * page() - 4..], *b"last");
}

fn a_part_is_remapped_from_the_same_start() {
    let memory = memory(4 * page());
    let mut mapping = memory.map_options().offset(page() as u64).length(page()).map().unwrap();
    mapping.write_at(0, b"here").unwrap();
    mapping.remap(&memory, 3 * page()).unwrap();
    mapping.write_at(3 * page() - 3, b"end").unwrap();
    let bytes = content(&memory);
    assert_eq!((&bytes[page()..page() + 4], &bytes[4 * page() - 3..]), (&b"here"[..], &b"end"[..]));
    let error = mapping.remap(&memory, 3 * page() + 1).unwrap_err();
    assert_bounds(error, 3 * page() as u64 + 1, 3 * page() as u64);
}

fn remapping_refuses_what_is_not_there() {
    let memory = memory(2 * page());
    let mut mapping = memory.map().unwrap();
    mapping.write_at(0, &pattern(2 * page())).unwrap();
    for (length, asked) in [(0, 1), (2 * page() + 1, 2 * page() as u64 + 1), (usize::MAX, u32::MAX.into())] {
        let error = mapping.remap(&memory, length).unwrap_err();
        let part = "bytes were requested, but only ";
        assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, Operation::MapMemory, part);
        assert_bounds(error, asked, 2 * page() as u64);
    }
    let mut bytes = vec![0; 2 * page()];
    mapping.read_at(0, &mut bytes).unwrap();
    assert_eq!(bytes, pattern(2 * page()), "the mapping is what it was");
}

/// What is mapped is the object that was passed, to its end. A page beyond it would be a SIGBUS here.
fn mapping_remap_takes_another_object_whole() {
    for (short, long) in [(memory(page()), memory(5 * page())), (anonymous(page()), anonymous(5 * page()))] {
        short.write_at(0, b"short").unwrap();
        long.write_at(0, &pattern(5 * page())).unwrap();
        let mut mapping = short.map().unwrap();
        mapping.remap(&long, 5 * page()).unwrap();
        let mut bytes = vec![0; 5 * page()];
        mapping.read_at(0, &mut bytes).unwrap();
        assert!(bytes == pattern(5 * page()) && mapping.len() == 5 * page());
        mapping.write_at(5 * page() - 3, b"end").unwrap();
        assert_eq!((&content(&long)[5 * page() - 3..], &content(&short)[..5]), (&b"end"[..], &b"short"[..]));
        let error = mapping.remap(&short, page() + 1).unwrap_err();
        assert_bounds(error, page() as u64 + 1, page() as u64);
        assert_eq!(mapping.len(), 5 * page(), "the mapping is what it was");
        mapping.remap(&short, page()).unwrap();
        mapping.read_at(0, &mut bytes[..5]).unwrap();
        assert_eq!((&bytes[..5], mapping.len()), (&b"short"[..], page()));
    }
}

fn anonymous(size: usize) -> SharedMemory {
    SharedMemory::anonymous(size as u64).create().unwrap()
}

fn mapping_remap_needs_the_rights_of_a_mapping() {
    let memory = memory(2 * page());
    let mut mapping = memory.map_options().length(page()).map().unwrap();
    mapping.write_at(0, b"there").unwrap();
    let reader = SharedMemory::options().read(true).open(name_of(&memory)).unwrap();
    let error = mapping.remap(&reader, 2 * page()).unwrap_err();
    let part = "mapping the shared memory: not permitted for this user (EACCES)";
    assert_error(error, ErrorKind::PermissionDenied, Errno::ACCESS, Operation::MapMemory, part);
    let mut bytes = [0; 5];
    mapping.read_at(0, &mut bytes).unwrap();
    assert_eq!((&bytes, mapping.len()), (b"there", page()), "the mapping is what it was");
}

/// What the kernel says of the mapping that begins there.
fn kernel_flags(mapping: &Mapping) -> Vec<String> {
    let start = format!("{:08x}-", mapping.as_ptr() as usize);
    let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let mut lines = maps.lines().skip_while(|line| !line.starts_with(&start));
    let flags = lines.find_map(|line| line.strip_prefix("VmFlags:")).expect("it is mapped");
    flags.split_whitespace().map(str::to_owned).collect()
}

fn mapping_remap_keeps_its_options() {
    let memory = memory(page());
    let options = memory.map_options();
    for (options, flag) in [
        (options, None),
        (options.locked(true), Some("lo")),
        (options.advice(Advice::Random), Some("rr")),
        (options.advice(Advice::Sequential), Some("sr")),
    ] {
        memory.resize(page() as u64).unwrap();
        let mut mapping = options.map().unwrap();
        memory.resize(3 * page() as u64).unwrap();
        mapping.remap(&memory, 3 * page()).unwrap();
        let flags = kernel_flags(&mapping);
        for known in ["lo", "rr", "sr"] {
            assert_eq!(flags.iter().any(|flag| flag == known), flag == Some(known), "{known} of {flags:?}");
        }
    }
}
