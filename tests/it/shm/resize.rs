//! Growing and shrinking objects that peers have mapped, and what is refused.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::thread;

use rawipc::error::{Limit, Operation};
use rawipc::fd::OwnedFd;
use rawipc::{Errno, ErrorKind, MessageBuffer, Priority, Shared, SharedMemory, SharedQueue, name, shareable};
use rustix::fs::{SealFlags, fcntl_add_seals, fstat};

use crate::harness::Ending;
use crate::harness::kernel::in_child;
use crate::harness::queues::{assert_bounds, assert_error};
use crate::shared_queue::support as queues;
use crate::shm::support::{FreeName, content, file_of, memory, name_of, page, pattern, tiny_dev_shm};

crate::tests!(
    shared_memory_grows_under_an_older_mapping,
    shared_memory_shrinks_after_peers_have_remapped,
    shared_memory_reads_zeros_behind_a_new_end,
    shared_memory_resize_sparse_reserves_nothing,
    shared_memory_adopted_is_resized,
    shared_memory_sealed_one_way_names_the_seal,
    shared_memory_of_huge_pages_refuses_odd_sizes,
    shared_memory_resized_by_threads_has_one_size,
    shared_value_of_a_resized_object_is_refused,
    shared_queue_of_a_resized_object_is_refused,
    shared_queue_handles_survive_a_longer_object;
    alone: shared_memory_growth_without_space_is_undone,
    shared_memory_is_resized_by_a_child
);

fn shared_memory_grows_under_an_older_mapping() {
    let memory = memory(page());
    let peer = SharedMemory::options().write(true).open(name_of(&memory)).unwrap();
    let mut mapping = peer.map().unwrap();
    mapping.write_at(0, &pattern(page())).unwrap();
    let start = mapping.as_ptr();
    for pages in 2..20 {
        memory.resize((pages * page()) as u64).unwrap();
        let mut bytes = vec![0; page()];
        mapping.read_at(0, &mut bytes).unwrap();
        assert!(bytes == pattern(page()) && mapping.as_ptr() == start && mapping.len() == page());
        assert_bounds(mapping.read_at(page(), &mut [0]).unwrap_err(), page() as u64 + 1, page() as u64);
    }
    mapping.remap(&peer, 19 * page()).unwrap();
    mapping.write_at(19 * page() - 3, b"end").unwrap();
    assert_eq!(content(&memory)[19 * page() - 3..], *b"end");
}

/// The protocol: first the mappings, then the object. No page is touched that is not there.
fn shared_memory_shrinks_after_peers_have_remapped() {
    let memory = memory(4 * page());
    let mut mappings = [memory.map().unwrap(), memory.map().unwrap()];
    mappings[0].write_at(0, &pattern(4 * page())).unwrap();
    mappings.iter_mut().for_each(|mapping| mapping.remap(&memory, page()).unwrap());
    memory.resize(page() as u64).unwrap();
    for mapping in &mappings {
        let mut bytes = vec![0; page()];
        mapping.read_at(0, &mut bytes).unwrap();
        assert_eq!(bytes, pattern(page()));
    }
    assert_bounds(mappings[0].remap(&memory, page() + 1).unwrap_err(), page() as u64 + 1, page() as u64);
}

fn shared_memory_reads_zeros_behind_a_new_end() {
    let memory = memory(page());
    let mapping = memory.map().unwrap();
    mapping.write_at(0, &pattern(page())).unwrap();
    memory.resize(100).unwrap();
    let mut bytes = vec![1; page()];
    mapping.read_at(0, &mut bytes).unwrap();
    assert!(bytes[..100] == pattern(100) && bytes[100..].iter().all(|byte| *byte == 0));
    assert_eq!(content(&memory), pattern(100));
}

fn shared_memory_resize_sparse_reserves_nothing() {
    let memory = memory(2 * page());
    memory.write_at(0, &pattern(2 * page())).unwrap();
    let blocks = |memory: &SharedMemory| 512 * fs::metadata(file_of(name_of(memory))).unwrap().blocks();
    memory.resize_sparse(1 << 40).unwrap();
    assert_eq!((memory.size().unwrap(), blocks(&memory)), (1 << 40, 2 * page() as u64));
    memory.resize_sparse(page() as u64).unwrap();
    assert_eq!((content(&memory), blocks(&memory)), (pattern(page()), page() as u64));
    for size in [1 << 63, u64::MAX] {
        let error = memory.resize_sparse(size).unwrap_err();
        let part = "no object has more than 9223372036854775807 bytes (EINVAL)";
        assert_error(error, ErrorKind::InvalidInput, Errno::INVAL, Operation::ResizeMemory, part);
    }
}

fn shared_memory_adopted_is_resized() {
    let memory = SharedMemory::anonymous(100).create().unwrap();
    // The creator knows its size for the first mapping.
    assert_eq!(memory.map().unwrap().len(), 100);
    let adopted = SharedMemory::try_from(OwnedFd::from(memory.try_clone().unwrap())).unwrap();
    adopted.resize(5000).unwrap();
    assert_eq!((memory.size().unwrap(), memory.map().unwrap().len()), (5000, 5000));
    adopted.resize(7).unwrap();
    assert_eq!((memory.size().unwrap(), memory.map().unwrap().len()), (7, 7));
}

fn shared_memory_sealed_one_way_names_the_seal() {
    for (seal, refused, allowed) in [(SealFlags::GROW, 101, 99), (SealFlags::SHRINK, 99, 101)] {
        let memory = SharedMemory::anonymous(100).create().unwrap();
        fcntl_add_seals(&memory, seal).unwrap();
        for error in [memory.resize(refused), memory.resize_sparse(refused)] {
            let part = "resizing the shared memory: the object's size is sealed, which no process can undo";
            assert_error(error.unwrap_err(), ErrorKind::PermissionDenied, Errno::PERM, Operation::ResizeMemory, part);
        }
        assert_eq!(memory.size().unwrap(), 100);
        memory.resize(allowed).unwrap();
        assert_eq!(memory.size().unwrap(), allowed);
    }
}

/// A sparse object takes none of the pages that most machines have not set aside.
fn shared_memory_of_huge_pages_refuses_odd_sizes() -> Ending {
    let memory = match SharedMemory::anonymous(0).huge_pages(true).sparse(true).create() {
        Ok(memory) => memory,
        Err(error) => return Err(crate::harness::Lacking(format!("memory of huge pages ({error})"))),
    };
    let unit = fstat(&memory).unwrap().st_blksize as u64;
    memory.resize_sparse(2 * unit).unwrap();
    for size in [1, unit - 1, unit + 1, 3 * unit + 4096] {
        for error in [memory.resize(size), memory.resize_sparse(size)] {
            let part = "resizing the shared memory: the size is not a multiple of ";
            assert_error(error.unwrap_err(), ErrorKind::InvalidInput, Errno::INVAL, Operation::ResizeMemory, part);
        }
        assert_eq!(memory.size().unwrap(), 2 * unit);
    }
    memory.resize(unit).unwrap();
    assert_eq!(memory.size().unwrap(), unit);
    // More than any machine has.
    let before = fstat(&memory).unwrap().st_blocks;
    let error = memory.resize(unit << 20).unwrap_err();
    assert!(error.operation() == Operation::ResizeMemory && error.errno() == Errno::NOSPC, "{error}");
    let after = fstat(&memory).unwrap();
    assert_eq!((after.st_size as u64, after.st_blocks), (unit, before), "what was reserved is given back");
    Ok(())
}

fn shared_memory_resized_by_threads_has_one_size() {
    let memory = memory(100);
    thread::scope(|scope| {
        for size in [4000, 9000, 20_000] {
            let memory = &memory;
            scope.spawn(move || (0..200).for_each(|_| memory.resize(size).unwrap()));
        }
    });
    let size = memory.size().unwrap();
    // One that grows adds to the size that it has seen.
    assert!([4000, 9000, 20_000].contains(&size), "{size}");
    memory.resize(64).unwrap();
    assert_eq!(content(&memory), [0; 64]);
}

shareable! {
    struct Value {
        number: AtomicU64,
    }
}

fn shared_value_of_a_resized_object_is_refused() {
    let name = FreeName::new();
    let options = Shared::<Value>::options().unlink_on_drop(true);
    let value = options.open(&name, |fresh| fresh.number.store(7, Relaxed)).unwrap();
    let memory = SharedMemory::options().write(true).open(&name).unwrap();
    let size = memory.size().unwrap();
    for other in [size + 1, size - 1, 1 << 20, 64] {
        memory.resize(other).unwrap();
        let errors = [
            options.open(&name, |_| panic!("it is there")).unwrap_err(),
            options.open_existing(&name).unwrap_err(),
            options.open_read_only(&name).unwrap_err(),
        ];
        for error in errors {
            assert_eq!((error.kind(), error.operation()), (ErrorKind::Malformed, Operation::OpenShared), "{error}");
            assert_bounds(error, size, other);
        }
    }
    memory.resize(size).unwrap();
    assert_eq!(value.number.load(Relaxed), 0, "what was cut off came back as zeros, in its page");
    options.open_existing(&name).unwrap();
}

fn shared_queue_of_a_resized_object_is_refused() {
    let queue = queues::small_queue();
    let image = fs::read(queues::file_of(queues::name_of(&queue))).unwrap();
    let name = FreeName::new();
    for size in [image.len() + 1, image.len() + 4096, image.len() - 1, 640, 100, 0] {
        // Of a copy: a queue whose memory is cut off must not be touched.
        let mut copy = image.clone();
        copy.resize(size, 0);
        fs::write(queues::file_of(&name), copy).unwrap();
        let open = SharedQueue::options().read(true).open(&name).unwrap_err();
        let inspect = SharedQueue::inspect(&name).unwrap_err();
        fs::remove_file(queues::file_of(&name)).unwrap();
        for error in [open, inspect] {
            assert_eq!(error.kind(), ErrorKind::Malformed, "{error}");
            assert!(error.to_string().contains("is not a shared queue"), "{error}");
        }
    }
}

fn shared_queue_handles_survive_a_longer_object() {
    let queue = queues::small_queue();
    let file = fs::File::options().write(true).open(queues::file_of(queues::name_of(&queue))).unwrap();
    queue.send(b"before", Priority::MIN).unwrap();
    file.set_len(file.metadata().unwrap().len() + 4096).unwrap();
    queue.send(b"after", Priority::MIN).unwrap();
    let mut buffer = MessageBuffer::<64>::new();
    for expected in [b"before".as_slice(), b"after"] {
        assert_eq!(queue.try_receive(&mut buffer).unwrap().payload(), expected);
    }
    let error = queue.try_clone().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed, "{error}");
    queue.send(b"still", Priority::MIN).unwrap();
    assert_eq!(queue.len().unwrap(), 1);
}

fn shared_memory_growth_without_space_is_undone() -> Ending {
    const PAGES: usize = 64;
    tiny_dev_shm(PAGES * page())?;
    let options = SharedMemory::options().write(true).create(true).unlink_on_drop(true);
    let memory = options.size(8 * page() as u64).open(name!("/rawipc-test-full")).unwrap();
    memory.write_at(0, &pattern(8 * page())).unwrap();
    for pages in [PAGES + 1, 1 << 20] {
        let error = memory.resize((pages * page()) as u64).unwrap_err();
        let kind = ErrorKind::LimitExceeded(Limit::DevShm);
        assert_error(error, kind, Errno::NOSPC, Operation::ResizeMemory, "/dev/shm is full");
        assert_eq!(content(&memory), pattern(8 * page()));
    }
    // Nothing was kept of the space.
    memory.resize((PAGES * page()) as u64).unwrap();
    let mapping = memory.map().unwrap();
    mapping.write_at(0, &pattern(PAGES * page())).unwrap();
    Ok(())
}

fn shared_memory_is_resized_by_a_child() {
    let memory = memory(page());
    let mut mapping = memory.map().unwrap();
    in_child(|| {
        memory.resize(2 * page() as u64).unwrap();
        memory.map().unwrap().get::<AtomicU32>(page()).unwrap().store(9, Relaxed);
    });
    mapping.remap(&memory, 2 * page()).unwrap();
    assert_eq!(mapping.get::<AtomicU32>(page()).unwrap().load(Relaxed), 9);
}
