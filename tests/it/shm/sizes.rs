//! Changing an object's size, and copying out of and into it by system calls.

use rawipc::error::Operation;
use rawipc::{Errno, ErrorKind, SharedMemory, name};

use crate::harness::queues::{assert_bounds, assert_error};
use crate::harness::random::Random;
use crate::shm::support::{Untouched, content, memory, name_of, page, pattern, reserved, sized};

crate::tests!(
    growing_adds_zeros_with_their_space,
    shrinking_cuts,
    growing_sparse_memory_reserves_what_is_new,
    the_same_size_changes_nothing,
    what_was_cut_off_comes_back_as_zeros,
    read_only_handles_resize_nothing,
    no_size_is_beyond_two_to_the_63rd,
    reads_and_writes_reach_every_byte,
    nothing_is_read_beyond_the_end,
    nothing_is_written_beyond_the_end,
    a_peer_that_truncates_makes_errors_and_no_signal,
    read_only_handles_write_nothing,
    copies_agree_with_a_model,
);

fn growing_adds_zeros_with_their_space() {
    let memory = memory(100);
    memory.write_at(0, &[7; 100]).unwrap();
    for size in [101, page(), page() + 1, 10 * page()] {
        memory.resize(size as u64).unwrap();
        let bytes = content(&memory);
        assert_eq!(bytes.len(), size);
        assert!(bytes[..100] == [7; 100] && bytes[100..].iter().all(|byte| *byte == 0));
        assert_eq!(reserved(name_of(&memory)), size.next_multiple_of(page()) as u64);
    }
}

fn shrinking_cuts() {
    let memory = memory(10_000);
    memory.write_at(0, &pattern(10_000)).unwrap();
    for size in [9999, 4096, 1, 0] {
        memory.resize(size as u64).unwrap();
        assert_eq!(content(&memory), pattern(size));
        assert_eq!(reserved(name_of(&memory)), size.next_multiple_of(page()) as u64);
    }
}

fn growing_sparse_memory_reserves_what_is_new() {
    let memory = sized(4 * page()).sparse(true).create_unique(name!("/rawipc-test-shm-")).unwrap();
    memory.resize(6 * page() as u64).unwrap();
    assert_eq!((memory.size().unwrap(), reserved(name_of(&memory))), (6 * page() as u64, 2 * page() as u64));
}

fn the_same_size_changes_nothing() {
    let memory = memory(5000);
    memory.write_at(0, &pattern(5000)).unwrap();
    memory.resize(5000).unwrap();
    assert_eq!(content(&memory), pattern(5000));
}

/// Also within a page: the kernel clears what lies behind the end.
fn what_was_cut_off_comes_back_as_zeros() {
    let memory = memory(100);
    memory.write_at(0, &[7; 100]).unwrap();
    memory.resize(10).unwrap();
    memory.resize(100).unwrap();
    let bytes = content(&memory);
    assert!(bytes[..10] == [7; 10] && bytes[10..] == [0; 90]);
}

fn read_only_handles_resize_nothing() {
    let watched = Untouched::new();
    let reader = SharedMemory::options().read(true).open(watched.name()).unwrap();
    for error in [reader.resize(5001), reader.resize(0), reader.resize_sparse(5001), reader.resize_sparse(1)] {
        let part =
            "resizing the shared memory: the object is open for reading only; open it with `write(true)` (EBADF)";
        assert_error(error.unwrap_err(), ErrorKind::BadDescriptor, Errno::BADF, Operation::ResizeMemory, part);
    }
    watched.assert_untouched();
}

fn no_size_is_beyond_two_to_the_63rd() {
    let watched = Untouched::new();
    for size in [1 << 63, u64::MAX] {
        let error = watched.memory.resize(size).unwrap_err();
        let part = "resizing the shared memory: no object has more than 9223372036854775807 bytes (EINVAL)";
        assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, Operation::ResizeMemory, part);
    }
    watched.assert_untouched();
}

fn reads_and_writes_reach_every_byte() {
    let memory = memory(10_000);
    memory.write_at(0, &pattern(10_000)).unwrap();
    for (offset, length) in [(0, 0), (0, 1), (0, 10_000), (9999, 1), (10_000, 0), (4000, 200), (1, 9998)] {
        let mut bytes = vec![0xee; length];
        memory.read_at(offset as u64, &mut bytes).unwrap();
        assert_eq!(bytes, pattern(10_000)[offset..offset + length]);
    }
    memory.write_at(9999, b"!").unwrap();
    assert_eq!(content(&memory)[9998..], [pattern(10_000)[9998], b'!']);
}

fn nothing_is_read_beyond_the_end() {
    let watched = Untouched::new();
    for (offset, length, there) in
        [(0, 5001, 5000), (4999, 2, 1), (5000, 1, 0), (5001, 1, 0), (1 << 40, 8, 0), (i64::MAX as u64, 1, 0)]
    {
        let error = watched.memory.read_at(offset, &mut vec![0; length]).unwrap_err();
        let part = "bytes were requested, but only ";
        assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, Operation::ReadMemory, part);
        assert_bounds(error, length as u64, there);
    }
    for offset in [1 << 63, u64::MAX] {
        let error = watched.memory.read_at(offset, &mut [0; 4]).unwrap_err();
        assert_error(
            error,
            ErrorKind::InvalidInput,
            Errno::INVAL,
            Operation::ReadMemory,
            "4 bytes were requested, but only 0 follow the offset (EINVAL)",
        );
        assert_bounds(error, 4, 0);
    }
    let error = watched.memory.read_at(4000, &mut [0; 2345]).unwrap_err();
    let sentence = "reading the shared memory: 2,345 bytes were requested, but only 1,000 follow the offset (EINVAL)";
    assert_eq!(error.to_string(), sentence);
    watched.assert_untouched();
}

fn nothing_is_written_beyond_the_end() {
    let watched = Untouched::new();
    for (offset, length, there) in
        [(0, 5001, 5000), (4999, 2, 1), (5000, 1, 0), (1 << 40, 8, 0), (1 << 63, 1, 0), (u64::MAX, 1, 0)]
    {
        let error = watched.memory.write_at(offset, &vec![1; length]).unwrap_err();
        let part = "bytes were requested, but only ";
        assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, Operation::WriteMemory, part);
        assert_bounds(error, length as u64, there);
    }
    watched.memory.write_at(5000, &[]).unwrap();
    watched.assert_untouched();
}

/// The checked accessors do not touch the mapping, so what a peer has cut off is an error.
fn a_peer_that_truncates_makes_errors_and_no_signal() {
    let memory = memory(3 * page());
    let mapping = memory.map().unwrap();
    let peer = SharedMemory::options().write(true).open(name_of(&memory)).unwrap();
    peer.resize(page() as u64).unwrap();
    let mut bytes = vec![0; 2 * page()];
    let read = memory.read_at(0, &mut bytes).unwrap_err();
    assert_eq!(read.kind(), ErrorKind::InvalidInput);
    assert_bounds(read, bytes.len() as u64, page() as u64);
    let write = memory.write_at(page() as u64, b"x").unwrap_err();
    assert_bounds(write, 1, 0);
    assert_eq!(memory.size().unwrap(), page() as u64, "it has not become longer");
    // What is left of the mapping is as good as ever.
    mapping.write_at(page() - 1, b"!").unwrap();
    assert_eq!(content(&memory).last(), Some(&b'!'));
    let error = memory.map_options().length(page() + 1).map().unwrap_err();
    assert_bounds(error, page() as u64 + 1, page() as u64);
    assert_eq!(memory.map().unwrap().len(), page(), "a new mapping has what is there");
}

fn read_only_handles_write_nothing() {
    let watched = Untouched::new();
    let reader = SharedMemory::options().read(true).open(watched.name()).unwrap();
    let error = reader.write_at(0, b"x").unwrap_err();
    let part = "writing the shared memory: the descriptor is not open for this direction (EBADF)";
    assert_error(error, ErrorKind::BadDescriptor, Errno::BADF, Operation::WriteMemory, part);
    watched.assert_untouched();
}

fn copies_agree_with_a_model() {
    let (mut random, memory, mut model) = (Random::new(), memory(3000), vec![0; 3000]);
    for _ in 0..2000 {
        let offset = random.below(3200);
        let length = random.below(300);
        let inside = offset + length <= model.len();
        match random.below(3) {
            0 => {
                let bytes = random.bytes(length);
                let written = memory.write_at(offset as u64, &bytes).is_ok();
                assert_eq!(written, inside || length == 0);
                if inside {
                    model[offset..offset + length].copy_from_slice(&bytes);
                }
            }
            1 => {
                let mut bytes = vec![0; length];
                let read = memory.read_at(offset as u64, &mut bytes).is_ok();
                assert_eq!(read, inside || length == 0);
                assert!(!inside || bytes == model[offset..offset + length]);
            }
            _ => {
                memory.resize(offset as u64).unwrap();
                model.resize(offset, 0);
            }
        }
    }
    assert_eq!(content(&memory), model);
}
