//! A `/dev/shm` that is full: an error where space is asked for, nothing left behind, and no SIGBUS later.

use rawipc::error::{Limit, Operation};
use rawipc::{Errno, ErrorKind, Shared, SharedMemory, name};
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};

use crate::harness::Ending;
use crate::harness::queues::assert_error;
use crate::shm::support::{content, dev_shm, page, sized, tiny_dev_shm};

crate::tests!(
    ;
    alone: a_creation_without_space_fails_and_leaves_nothing,
    what_was_created_has_its_space,
    growing_without_space_changes_nothing,
    a_sparse_object_is_written_safely_by_system_calls,
    a_shared_value_without_space_is_told
);

const PAGES: usize = 64;
const FULL: ErrorKind = ErrorKind::LimitExceeded(Limit::DevShm);
const PART: &str = "/dev/shm is full; remove what is not needed, or mount it larger (ENOSPC)";

fn a_creation_without_space_fails_and_leaves_nothing() -> Ending {
    tiny_dev_shm(PAGES * page())?;
    let name = name!("/rawipc-test-full");
    // More than there is, far more, and as much as a size can be.
    for size in [(PAGES as u64 + 1) * page() as u64, 1 << 40, i64::MAX as u64] {
        for options in [sized(1).create(true), sized(1).create_new(true), sized(1).create(true).exact_mode(0o666)] {
            let error = options.size(size).open(name).unwrap_err();
            assert_error(error, FULL, Errno::NOSPC, Operation::CreateMemory, PART);
            assert_eq!(dev_shm(), [""; 0]);
        }
        let error = sized(1).size(size).create_unique(name).unwrap_err();
        assert_error(error, FULL, Errno::NOSPC, Operation::CreateMemory, PART);
        assert_eq!(dev_shm(), [""; 0]);
    }
    // All the space is there still.
    sized(PAGES * page()).create(true).open(name).unwrap();
    Ok(())
}

fn what_was_created_has_its_space() -> Ending {
    tiny_dev_shm(PAGES * page())?;
    let memory = sized(PAGES / 2 * page()).create(true).open(name!("/rawipc-test-half")).unwrap();
    let rest = sized(PAGES / 2 * page()).create(true).open(name!("/rawipc-test-rest")).unwrap();
    let error = sized(1).create(true).open(name!("/rawipc-test-none")).unwrap_err();
    assert_error(error, FULL, Errno::NOSPC, Operation::CreateMemory, PART);
    // Every page can be touched: a SIGBUS would end this process.
    for memory in [&memory, &rest] {
        let mapping = memory.map().unwrap();
        for byte in mapping.slice::<AtomicU8>(0, mapping.len()).unwrap() {
            byte.store(1, Relaxed);
        }
        assert!(content(memory).iter().all(|byte| *byte == 1));
    }
    assert_eq!(dev_shm().len(), 2);
    Ok(())
}

fn growing_without_space_changes_nothing() -> Ending {
    tiny_dev_shm(PAGES * page())?;
    let memory = sized(100).create(true).open(name!("/rawipc-test-grow")).unwrap();
    memory.write_at(0, &[7; 100]).unwrap();
    let error = memory.resize((PAGES as u64 + 1) * page() as u64).unwrap_err();
    assert_error(error, FULL, Errno::NOSPC, Operation::ResizeMemory, PART);
    assert_eq!(content(&memory), [7; 100]);
    memory.resize((PAGES * page()) as u64).unwrap();
    // Emptying another one takes its space too, and gives back what it had.
    let error = sized(1).create_new(true).open(name!("/rawipc-test-none")).unwrap_err();
    assert_eq!(error.kind(), FULL);
    let error = sized((PAGES + 1) * page()).truncate(true).open(name!("/rawipc-test-grow")).unwrap_err();
    assert_error(error, FULL, Errno::NOSPC, Operation::OpenMemory, PART);
    assert_eq!(memory.size().unwrap(), 0, "it is emptied, as was asked");
    assert_eq!(dev_shm(), ["rawipc-test-grow"]);
    Ok(())
}

/// Memory that was not reserved is the caller's risk when it is mapped, and still none when it is not.
fn a_sparse_object_is_written_safely_by_system_calls() -> Ending {
    tiny_dev_shm(PAGES * page())?;
    let sparse = sized(2 * PAGES * page()).sparse(true).create(true).open(name!("/rawipc-test-sparse")).unwrap();
    assert_eq!(sparse.size().unwrap(), (2 * PAGES * page()) as u64);
    let error = sparse.write_at(0, &vec![1; 2 * PAGES * page()]).unwrap_err();
    assert_error(error, FULL, Errno::NOSPC, Operation::WriteMemory, PART);
    let error = SharedMemory::options().write(true).create(true).size(1).open(name!("/rawipc-test-more")).unwrap_err();
    assert_eq!(error.kind(), FULL);
    assert_eq!(dev_shm(), ["rawipc-test-sparse"]);
    Ok(())
}

fn a_shared_value_without_space_is_told() -> Ending {
    tiny_dev_shm(PAGES * page())?;
    let filler = sized(PAGES * page()).create(true).open(name!("/rawipc-test-filler")).unwrap();
    let options = Shared::<AtomicU32>::options().unlink_on_drop(true);
    let error = options.open(name!("/rawipc-test-value"), |_| panic!("it has no memory")).unwrap_err();
    assert_error(error, FULL, Errno::NOSPC, Operation::CreateMemory, PART);
    assert_eq!(dev_shm(), ["rawipc-test-filler"]);
    drop(filler);
    let value = options.open(name!("/rawipc-test-value"), |fresh| fresh.store(5, Relaxed)).unwrap();
    assert_eq!(value.load(Relaxed), 5);
    Ok(())
}
