//! Memory shared with other languages: theirs used by us, ours by them.
//!
//! All peers know the same commands (see `tests/peers/shm.c`), so each test runs once for each of them.

use std::ffi::CString;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rawipc::{Name, SharedMemory};

use crate::harness::languages::{c_compiler, compiled, python_with, source};
use crate::harness::{Ending, Lacking, Peer};
use crate::shm::support::{FreeName, content, exists, file_of, memory, name_of, page, pattern, sized, text};

/// Starts a peer's command on an object.
type Start = fn(&str, &Name, &[&str]) -> Result<Peer, Lacking>;

/// The same tests for each peer.
macro_rules! tests_with_each {
    ($($module:ident: $start:expr),*; $list:tt) => {$(tests_with_each!(@one $module, $start, $list);)*};
    (@one $module:ident, $start:expr, [$($test:ident),* $(,)?]) => {
        pub mod $module {
            use crate::harness::Ending;

            crate::tests!($($test),*);

            $(
                fn $test() -> Ending {
                    super::$test($start)
                }
            )*
        }
    };
}

tests_with_each!(
    c: super::start_c,
    posix_ipc: super::start_posix_ipc,
    multiprocessing: super::start_multiprocessing;
    [
        their_object_is_ours_to_read_and_write,
        our_object_is_theirs_to_read_and_write,
        their_object_is_removed_by_us_and_ours_by_them,
        their_resizing_is_seen_and_survived,
    ]
);

crate::tests!(the_c_library_in_this_process_sees_the_same, atomic_numbers_are_shared_with_c,);

fn start_c(command: &str, name: &Name, arguments: &[&str]) -> Result<Peer, Lacking> {
    let mut program = Command::new(compiled("shm.c", "glibc", || Ok(c_compiler()))?);
    Ok(Peer::start_reporting(program.arg(command).arg(text(name)).args(arguments)))
}

fn start_posix_ipc(command: &str, name: &Name, arguments: &[&str]) -> Result<Peer, Lacking> {
    start_python("posix_ipc", command, name, arguments)
}

fn start_multiprocessing(command: &str, name: &Name, arguments: &[&str]) -> Result<Peer, Lacking> {
    start_python("multiprocessing", command, name, arguments)
}

fn start_python(module: &str, command: &str, name: &Name, arguments: &[&str]) -> Result<Peer, Lacking> {
    let mut program = python_with(module)?;
    program.arg(source("shm.py")).args([module, command, text(name)]).args(arguments);
    Ok(Peer::start_reporting(&mut program))
}

fn their_object_is_ours_to_read_and_write(start: Start) -> Ending {
    let free = FreeName::new();
    start("create", &free, &["5000"])?.succeed();
    start("fill", &free, &[])?.succeed();
    let opened = sized(1).create(true).open(&free).unwrap();
    assert_eq!((opened.size().unwrap(), opened.mode().unwrap()), (5000, 0o600));
    assert_eq!(content(&opened), pattern(5000));
    let mapping = opened.map().unwrap();
    let mut bytes = vec![0; 5000];
    mapping.read_at(0, &mut bytes).unwrap();
    assert_eq!(bytes, pattern(5000));
    mapping.write_at(0, &[0; 5000]).unwrap();
    start("fill", &free, &[])?.succeed();
    mapping.read_at(0, &mut bytes).unwrap();
    assert_eq!(bytes, pattern(5000), "what they write is seen through a mapping made before");
    opened.close().unwrap();
    assert!(free.is_taken());
    Ok(())
}

fn our_object_is_theirs_to_read_and_write(start: Start) -> Ending {
    let memory = memory(5000);
    let mapping = memory.map().unwrap();
    assert_eq!(start("describe", name_of(&memory), &[])?.report(), b"5000 600");
    mapping.write_at(0, &pattern(5000)).unwrap();
    start("expect", name_of(&memory), &[])?.succeed();
    mapping.write_at(0, &[0; 5000]).unwrap();
    start("fill", name_of(&memory), &[])?.succeed();
    assert_eq!(content(&memory), pattern(5000));
    assert!(exists(name_of(&memory)), "they leave it where it is");
    Ok(())
}

fn their_object_is_removed_by_us_and_ours_by_them(start: Start) -> Ending {
    let free = FreeName::new();
    start("create", &free, &["10"])?.succeed();
    assert!(free.is_taken());
    SharedMemory::unlink(&free).unwrap();
    assert!(!free.is_taken());
    let memory = sized(10).create_new(true).open(&free).unwrap();
    start("unlink", &free, &[])?.succeed();
    assert!(!free.is_taken());
    memory.write_at(0, b"still open").unwrap();
    memory.close().unwrap();
    Ok(())
}

fn their_resizing_is_seen_and_survived(start: Start) -> Ending {
    let memory = memory(2 * page());
    let mut mapping = memory.map().unwrap();
    start("resize", name_of(&memory), &[&page().to_string()])?.succeed();
    assert_eq!(memory.size().unwrap(), page() as u64);
    assert!(memory.read_at(page() as u64, &mut [0]).is_err(), "an error, and no SIGBUS");
    start("resize", name_of(&memory), &[&(5 * page()).to_string()])?.succeed();
    mapping.remap(&memory, 5 * page()).unwrap();
    mapping.write_at(5 * page() - 1, b"!").unwrap();
    assert_eq!(content(&memory).last(), Some(&b'!'));
    Ok(())
}

/// The same calls as another language's, without another process: the C library that this program is linked with.
fn the_c_library_in_this_process_sees_the_same() {
    let free = FreeName::new();
    let name = CString::new(free.as_str()).unwrap();
    // SAFETY: the name ends in a NUL.
    let number = unsafe { libc::shm_open(name.as_ptr(), libc::O_CREAT | libc::O_EXCL | libc::O_RDWR, 0o600) };
    assert!(number >= 0);
    // SAFETY: takes numbers only.
    assert_eq!(unsafe { libc::ftruncate(number, 100) }, 0);
    let opened = SharedMemory::options().write(true).open(&free).unwrap();
    assert_eq!(opened.size().unwrap(), 100);
    opened.write_at(90, b"from us").unwrap();
    let mut bytes = [0; 7];
    // SAFETY: the bytes are a place for the result.
    assert_eq!(unsafe { libc::pread(number, bytes.as_mut_ptr().cast(), 7, 90) }, 7);
    assert_eq!(&bytes, b"from us");
    // SAFETY: the descriptor is this function's own.
    assert_eq!(unsafe { libc::close(number) }, 0);
    // SAFETY: the name ends in a NUL.
    assert_eq!(unsafe { libc::shm_unlink(name.as_ptr()) }, 0);
    assert!(!free.is_taken());
    let ours = sized(10).create_new(true).open(&free).unwrap();
    // SAFETY: the name ends in a NUL.
    let number = unsafe { libc::shm_open(name.as_ptr(), libc::O_RDONLY, 0) };
    assert!(number >= 0);
    // SAFETY: the descriptor is this function's own.
    assert_eq!(unsafe { libc::close(number) }, 0);
    assert_eq!(std::fs::metadata(file_of(name_of(&ours))).unwrap().len(), 10);
}

fn atomic_numbers_are_shared_with_c() -> Ending {
    let memory = memory(4096);
    let mapping = memory.map().unwrap();
    let number: &AtomicU64 = mapping.get(64).unwrap();
    let peers =
        [start_c("add", name_of(&memory), &["64", "200000"])?, start_c("add", name_of(&memory), &["64", "200000"])?];
    (0..200_000).for_each(|_| _ = number.fetch_add(1, Relaxed));
    peers.into_iter().for_each(Peer::succeed);
    assert_eq!(number.load(Relaxed), 600_000);
    Ok(())
}
