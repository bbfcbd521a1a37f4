//! A value in shared memory that is initialized exactly once.

use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

use rawipc::{ErrorKind, Name, Shared, SharedMemory, shareable};

use super::support::{LONG, common_memory, kind, prefix};
use crate::harness::{Peer, tests};

tests![
    is_initialized_once,
    is_refused_if_it_is_another,
    lies_in_memory_as_its_format_says,
    is_taken_over_from_the_dead
];

shareable! {
    struct Value {
        count: AtomicU64,
        flags: [AtomicU8; 3],
    }
}

/// A name that nobody has: that of an object that was just removed.
fn free_name(memory: &SharedMemory) -> &Name {
    let name = memory.name().unwrap();
    SharedMemory::unlink(name).unwrap();
    name
}

fn is_initialized_once() {
    const PEERS: u32 = 6;
    let holder = SharedMemory::options().write(true).create_unique(prefix().name()).unwrap();
    let name = free_name(&holder);
    let memory = common_memory();
    let initialized: &AtomicU32 = memory.get(0).unwrap();
    let options = Shared::<Value>::options().version(3);
    let peers = [(); PEERS as usize].map(|()| {
        Peer::start(|| {
            let value = options.open(name, |fresh| {
                initialized.fetch_add(1, Relaxed);
                fresh.count.store(100, Relaxed);
            });
            value.unwrap().count.fetch_add(1, Relaxed);
        })
    });
    peers.into_iter().for_each(Peer::join);
    let value = options.open_existing(name).unwrap();
    assert_eq!((initialized.load(Relaxed), value.count.load(Relaxed)), (1, 100 + u64::from(PEERS)));
    SharedMemory::unlink(name).unwrap();
    assert_eq!(kind(options.open_existing(name)), ErrorKind::NotFound);
}

fn is_refused_if_it_is_another() {
    let holder = SharedMemory::options().write(true).create_unique(prefix().name()).unwrap();
    let name = free_name(&holder);
    let options = Shared::<Value>::options().version(1);
    let value = options.unlink_on_drop(true).open(name, |_| {}).unwrap();
    assert_eq!(kind(options.version(2).open(name, |_| {})), ErrorKind::Malformed);
    assert_eq!(kind(Shared::<AtomicU64>::options().version(1).open_existing(name)), ErrorKind::Malformed);
    assert_eq!(value.count.load(Relaxed), 0);
    drop(value);
    assert_eq!(kind(SharedMemory::options().read(true).open(name)), ErrorKind::NotFound);
}

fn lies_in_memory_as_its_format_says() {
    let holder = SharedMemory::options().write(true).create_unique(prefix().name()).unwrap();
    let name = free_name(&holder);
    let options = Shared::<Value>::options().version(0x0102_0304).unlink_on_drop(true);
    let _value = options.open(name, |fresh| fresh.count.store(0x1122_3344_5566_7788, Relaxed)).unwrap();
    let memory = SharedMemory::options().read(true).open(name).unwrap();
    let mut bytes = [0; 80];
    memory.read_at(0, &mut bytes).unwrap();
    let word = |at: usize| u32::from_ne_bytes(bytes[at..][..4].try_into().unwrap());
    assert_eq!(&bytes[..8], b"rawipc/S");
    let alignment = align_of::<Value>() as u32;
    assert_eq!([8, 12, 16, 20, 24, 28].map(word), [1, 1, size_of::<Value>() as u32, alignment, 0x0102_0304, 0]);
    assert_eq!(bytes[64..72], 0x1122_3344_5566_7788_u64.to_ne_bytes());
}

fn is_taken_over_from_the_dead() {
    let holder = SharedMemory::options().write(true).create_unique(prefix().name()).unwrap();
    let name = free_name(&holder);
    let memory = common_memory();
    let ready: &rawipc::Semaphore = memory.get(0).unwrap();
    let peer = Peer::start(|| {
        let _ = Shared::<Value>::options().open(name, |fresh| {
            fresh.count.store(7, Relaxed);
            ready.post().unwrap();
            // Nobody posts: it is killed here.
            let _ = memory.get::<rawipc::Semaphore>(64).unwrap().wait();
        });
    });
    ready.wait_timeout(LONG).unwrap();
    peer.kill();
    let initialize = |fresh: &Value| assert_eq!(fresh.count.swap(9, Relaxed), 0);
    let value = Shared::<Value>::options().open(name, initialize).unwrap();
    assert_eq!(value.count.load(Relaxed), 9);
    // It was created by the dead.
    SharedMemory::unlink(name).unwrap();
}
