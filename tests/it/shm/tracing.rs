//! The system calls of shared memory, counted by ptrace: two more than C makes to create what is whole at once.

use std::collections::BTreeMap;
use std::ptr::null_mut;

use rawipc::{SharedMemory, name};

use crate::harness::tracer::{Call, be_traced, calls_of, piece};
use crate::harness::{Ending, Role, role};
use crate::shm::support::{FreeName, memory, name_of, sized};

crate::tests!(shared_memory_cycle_makes_three_calls_more_than_cs, each_operation_makes_the_calls_it_must,);

pub const ROLES: &[Role] = &[("shm_trace_cycles", trace_cycles), ("shm_trace_operations", trace_operations)];

fn numbers(pieces: &BTreeMap<u64, Vec<Call>>, piece: u64) -> Vec<libc::c_long> {
    let calls = pieces.get(&piece).expect("the piece was played");
    let std_looks_before_it_closes = cfg!(all(debug_assertions, feature = "std"));
    let counted = |call: &&Call| match call.number {
        libc::SYS_fcntl => !(std_looks_before_it_closes && call.arguments[1] == libc::F_GETFD as u64),
        _ => true,
    };
    calls.iter().filter(counted).map(|call| call.number).collect()
}

const SIZE: usize = 8192;

fn trace_cycles(_: &[String]) {
    let [ours, cs, owned] = [FreeName::new(), FreeName::new(), FreeName::new()];
    let path = std::ffi::CString::new(cs.as_str()).unwrap();
    // The first that is to remove a name makes what tells a process from its children.
    drop(memory(SIZE));
    be_traced();
    piece(1, || {
        let memory = sized(SIZE).unlink_on_drop(false).create(true).open(&ours).unwrap();
        let mapping = memory.map().unwrap();
        drop(mapping);
        drop(memory);
        SharedMemory::unlink(&ours).unwrap();
    });
    piece(2, || cycle_of_c(&path));
    piece(3, || {
        let memory = sized(SIZE).create_new(true).open(&owned).unwrap();
        drop(memory.map().unwrap());
        memory.close().unwrap();
    });
}

fn cycle_of_c(name: &std::ffi::CStr) {
    // SAFETY: the name ends in a NUL.
    let number = unsafe { libc::shm_open(name.as_ptr(), libc::O_CREAT | libc::O_RDWR, 0o600) };
    // SAFETY: takes numbers only.
    assert_eq!(unsafe { libc::ftruncate(number, SIZE as libc::off_t) }, 0);
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: the kernel chooses the address.
    let start = unsafe { libc::mmap(null_mut(), SIZE, access, libc::MAP_SHARED, number, 0) };
    // SAFETY: the range is the mapping just made.
    assert_eq!(unsafe { libc::munmap(start, SIZE) }, 0);
    // SAFETY: the descriptor is this function's own.
    assert_eq!(unsafe { libc::close(number) }, 0);
    // SAFETY: the name ends in a NUL.
    assert_eq!(unsafe { libc::shm_unlink(name.as_ptr()) }, 0);
}

fn shared_memory_cycle_makes_three_calls_more_than_cs() -> Ending {
    let pieces = calls_of(&mut role("shm_trace_cycles", &[]))?;
    use libc::{SYS_close, SYS_fallocate, SYS_linkat, SYS_mmap, SYS_munmap, SYS_prlimit64};
    let (mut ours, cs, mut owned) = (numbers(&pieces, 1), numbers(&pieces, 2), numbers(&pieces, 3));
    // Giving a name to what is whole takes one call, on older machines two.
    for numbers in [&mut ours, &mut owned] {
        let count = numbers.len();
        numbers.retain(|number| *number != SYS_linkat);
        assert!(matches!(count - numbers.len(), 1 | 2));
    }
    // Before them one that looks for it and one that creates it, after them one that unlinks.
    assert_eq!(ours[2..7], [SYS_prlimit64, SYS_fallocate, SYS_mmap, SYS_munmap, SYS_close]);
    assert_eq!((ours.len(), cs.len() >= 6), (8, true), "ours: {ours:?}, C's: {cs:?}");
    // One that takes its name along looks twice which file it is, so as not to remove another one's.
    assert_eq!(owned.len(), 9, "{owned:?}");
    Ok(())
}

fn trace_operations(_: &[String]) {
    let memory = memory(SIZE);
    let (reader, mapping) = (SharedMemory::options().read(true).open(name_of(&memory)).unwrap(), memory.map().unwrap());
    be_traced();
    piece(1, || memory.size().unwrap());
    piece(2, || memory.read_at(10, &mut [0; 100]).unwrap());
    piece(3, || memory.write_at(10, &[0; 100]).unwrap());
    piece(4, || drop(reader.map_options().length(10).map_read_only().unwrap()));
    piece(5, || memory.resize(2 * SIZE as u64).unwrap());
    piece(6, || {
        mapping.write_at(3, &[1; 100]).unwrap();
        mapping.read_at(3, &mut [1; 100]).unwrap();
        mapping.get::<std::sync::atomic::AtomicU32>(0).unwrap().store(1, std::sync::atomic::Ordering::Relaxed);
    });
    piece(7, || drop(SharedMemory::options().read(true).open(name_of(&memory)).unwrap()));
    let anonymous = piece(8, || SharedMemory::anonymous(SIZE as u64).create().unwrap());
    piece(9, || anonymous.seal_size().unwrap());
    let _ = piece(10, || SharedMemory::options().write(true).open(name!("/rawipc-test-shm-none")).unwrap_err());
}

fn each_operation_makes_the_calls_it_must() -> Ending {
    let pieces = calls_of(&mut role("shm_trace_operations", &[]))?;
    use libc::{SYS_fallocate, SYS_fcntl, SYS_memfd_create, SYS_pread64, SYS_prlimit64};
    assert_eq!(numbers(&pieces, 2), [SYS_pread64]);
    assert_eq!(numbers(&pieces, 6), [], "mapped memory needs no call");
    assert_eq!(numbers(&pieces, 8), [SYS_memfd_create, SYS_prlimit64, SYS_fallocate]);
    assert_eq!(numbers(&pieces, 9).len(), 1);
    if cfg!(target_pointer_width = "64") {
        assert_eq!(numbers(&pieces, 9), [SYS_fcntl]);
    }
    // A look at the size and at the limit for files, and what was asked for; opening looks what sort of file it is.
    for (piece, count) in [(1, 1), (3, 3), (4, 3), (5, 3), (7, 3), (10, 1)] {
        assert_eq!(numbers(&pieces, piece).len(), count, "piece {piece}: {:?}", numbers(&pieces, piece));
    }
    Ok(())
}
