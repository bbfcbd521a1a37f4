//! Semaphores by name: the files that the C libraries' `sem_open` opens.

use core::ffi::CStr;
use core::fmt::Write;

use rawipc::semaphore::abi::Abi;
use rawipc::{ErrorKind, Name, NameBuf, NamedSemaphore, Semaphore, SharedMemory, name};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::read;

use super::support::{LONG, SHORT, kind, prefix};
use crate::console::Text;
use crate::harness::{Peer, tests, wait_until};

tests![
    are_created_opened_and_removed,
    are_opened_by_an_owned_name,
    are_the_files_of_the_c_libraries,
    have_values_and_modes,
    are_shared_by_processes,
    refuse_what_is_no_semaphore,
    end_waits_with_their_time,
];

const ABIS: [Abi; 3] = [Abi::Gnu64, Abi::Gnu32, Abi::Musl];

/// A semaphore of a name of its own.
fn semaphore(abi: Abi, value: u32) -> NamedSemaphore {
    let options = NamedSemaphore::options().abi(abi).initial_value(value).unlink_on_drop(true);
    options.create_unique(prefix().name()).unwrap()
}

fn are_opened_by_an_owned_name() {
    let created = semaphore(Abi::NATIVE, 1);
    let name = NameBuf::from(created.name());
    assert_eq!((name, &*name), (NameBuf::try_from(name.as_bytes()).unwrap(), created.name()));
    assert_eq!(NamedSemaphore::options().abi(Abi::NATIVE).open(&name).unwrap().value(), 1);
    assert_eq!(kind("no-slash".parse::<NameBuf>()), ErrorKind::InvalidName);
}

fn are_created_opened_and_removed() {
    for abi in ABIS {
        let created = semaphore(abi, 2);
        let options = NamedSemaphore::options().abi(abi);
        assert_eq!(kind(options.create_new(true).open(created.name())), ErrorKind::AlreadyExists);
        let opened = options.open(created.name()).unwrap();
        assert_eq!((opened.abi(), opened.value()), (abi, 2));
        let is_own = (abi == Abi::Musl) == (Abi::of_machine() == Abi::Musl);
        let by_default = NamedSemaphore::options().open(created.name()).map(|semaphore| semaphore.abi());
        assert_eq!(by_default.map_err(|error| error.kind()), if is_own { Ok(abi) } else { Err(ErrorKind::NotFound) });
        opened.wait().unwrap();
        assert_eq!(created.value(), 1);
        options.unlink(created.name()).unwrap();
        assert_eq!(kind(options.open(created.name())), ErrorKind::NotFound);
        opened.post().unwrap();
        assert_eq!(created.diagnose().value, 2);
        created.close().unwrap();
    }
}

/// Reads a file in `/dev/shm`.
fn file<'bytes>(prefix: &str, name: &Name, bytes: &'bytes mut [u8; 64]) -> Option<&'bytes [u8]> {
    let mut path = Text::new();
    write!(path, "/dev/shm/{prefix}{}\0", core::str::from_utf8(&name.as_bytes()[1..]).unwrap()).unwrap();
    let file = open(CStr::from_bytes_until_nul(path.as_bytes()).unwrap(), OFlags::RDONLY, Mode::empty()).ok()?;
    let count = read(file, &mut bytes[..]).unwrap();
    Some(&bytes[..count])
}

fn are_the_files_of_the_c_libraries() {
    let bytes = &mut [0; 64];
    let word = |bytes: &[u8], at: usize| u32::from_ne_bytes(bytes[4 * at..][..4].try_into().unwrap());

    let gnu64 = semaphore(Abi::Gnu64, 5);
    let found = file("sem.", gnu64.name(), bytes).unwrap();
    assert_eq!(found.len(), 32);
    assert_eq!(u64::from_ne_bytes(found[..8].try_into().unwrap()), 5);
    assert_eq!(word(found, 2), 128);

    let gnu32 = semaphore(Abi::Gnu32, 5);
    let found = file("sem.", gnu32.name(), bytes).unwrap();
    assert_eq!((found.len(), word(found, 0), word(found, 1), word(found, 2)), (16, 5 << 1, 128, 0));

    let musl = semaphore(Abi::Musl, 5);
    assert!(file("sem.", musl.name(), bytes).is_none());
    let found = file("", musl.name(), bytes).unwrap();
    assert_eq!((found.len(), word(found, 0), word(found, 1)), (4 * size_of::<usize>(), 5, 0));
}

fn have_values_and_modes() {
    let options = NamedSemaphore::options().unlink_on_drop(true);
    let most = options.initial_value(Semaphore::MAX_VALUE).exact_mode(0o640).create_unique(prefix().name()).unwrap();
    assert_eq!(most.value(), Semaphore::MAX_VALUE);
    assert_eq!(kind(most.post()), ErrorKind::Overflow);
    assert_eq!(most.abi(), Abi::of_machine());
    for wrong in [options.initial_value(Semaphore::MAX_VALUE + 1), options.mode(0o1000)] {
        assert_eq!(kind(wrong.create_unique(prefix().name())), ErrorKind::InvalidInput);
    }
    assert_eq!(kind(options.open(name!("/rawipc-bare-none"))), ErrorKind::NotFound);
}

fn are_shared_by_processes() {
    for abi in ABIS {
        let (there, back) = (semaphore(abi, 0), semaphore(abi, 0));
        let peer = Peer::start(|| {
            let options = NamedSemaphore::options().abi(abi);
            let (there, back) = (options.open(there.name()).unwrap(), options.open(back.name()).unwrap());
            for _ in 0..50 {
                there.wait_timeout(LONG).unwrap();
                back.post().unwrap();
            }
        });
        wait_until("the peer is a waiter", || there.waiters() == 1);
        for _ in 0..50 {
            there.post().unwrap();
            drop(back.acquire().unwrap());
            back.wait().unwrap();
        }
        peer.join();
        assert_eq!((there.value(), back.value(), there.waiters()), (0, 0, 0));
    }
}

fn refuse_what_is_no_semaphore() {
    let memory =
        SharedMemory::options().write(true).size(64).unlink_on_drop(true).create_unique(prefix().name()).unwrap();
    let musl = NamedSemaphore::options().abi(Abi::Musl);
    assert_eq!(kind(musl.open(memory.name().unwrap())), ErrorKind::Malformed);
    memory.resize(32).unwrap();
    memory.write_at(0, &[0xee; 32]).unwrap();
    assert_eq!(kind(musl.open(memory.name().unwrap())), ErrorKind::Malformed);
    let gnu = semaphore(Abi::Gnu64, 0);
    assert_eq!(kind(NamedSemaphore::options().abi(Abi::Gnu32).open(gnu.name())), ErrorKind::Malformed);
}

fn end_waits_with_their_time() {
    for abi in ABIS {
        let semaphore = semaphore(abi, 0);
        assert_eq!(kind(semaphore.try_wait()), ErrorKind::WouldBlock);
        assert_eq!(kind(semaphore.wait_timeout(SHORT)), ErrorKind::TimedOut);
        assert_eq!(kind(semaphore.wait_deadline(rawipc::Deadline::realtime_after(SHORT))), ErrorKind::TimedOut);
        assert_eq!((semaphore.value(), semaphore.waiters()), (0, 0));
    }
}
