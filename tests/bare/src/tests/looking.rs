//! What the platform supports and what exists.

use core::mem::MaybeUninit;

use rawipc::{
    Abi, Listing, MessageQueue, NamedSemaphore, ObjectKind, Platform, Priority, SharedMemory, SharedQueue, VERSION,
    VERSION_NUMBERS,
};
use rustix::fs::{Mode, mkdir};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};

use super::support::{become_nobody, own_namespaces, prefix, queue};
use crate::harness::{Call, expect_call, lacking, tests};

tests![
    the_platform_has_what_this_is_about,
    queues_are_listed_without_a_mount,
    queues_are_listed_without_privileges,
    files_are_listed,
    the_version_is_one
];

fn the_platform_has_what_this_is_about() {
    let platform = Platform::probe();
    assert!(platform.message_queues && platform.dev_shm);
}

fn queues_are_listed_without_a_mount() {
    own_namespaces();
    let queue = queue(3);
    list(&queue, |buffer| expect_call(Call::Fsopen, Listing::queues(buffer)));
}

fn queues_are_listed_without_privileges() {
    own_namespaces();
    // The directory may not be there.
    let mounted = mount_change(c"/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .and_then(|()| mount(c"none", c"/dev", c"tmpfs", MountFlags::empty(), None))
        .and_then(|()| mkdir(c"/dev/mqueue", Mode::RWXU))
        .and_then(|()| mount(c"none", c"/dev/mqueue", c"mqueue", MountFlags::empty(), None));
    mounted.unwrap_or_else(|_| lacking(Call::Mount));
    become_nobody();
    let queue = queue(3);
    list(&queue, |buffer| Listing::queues(buffer).unwrap());
}

/// Makes sure that this queue is listed, and nothing else.
fn list(queue: &MessageQueue, open: impl FnOnce(&mut [MaybeUninit<u8>]) -> Listing<'_>) {
    queue.send(b"four", Priority::MIN).unwrap();
    let mut buffer = [MaybeUninit::uninit(); Listing::BUFFER_SIZE];
    let mut listing = open(&mut buffer);
    let entry = listing.next().expect("there is one").unwrap();
    assert_eq!((entry.name(), entry.kind), (queue.name().unwrap(), ObjectKind::Queue));
    assert_eq!((entry.mode, entry.queue_status().unwrap().bytes), (0o600, 4));
    assert_eq!(entry.open_queue().unwrap().len(), Ok(1));
    assert!(listing.next().is_none(), "the namespace has one queue");
}

fn files_are_listed() {
    let semaphore =
        |abi| NamedSemaphore::options().abi(abi).unlink_on_drop(true).create_unique(prefix().name()).unwrap();
    let (gnu, musl) = (semaphore(Abi::Gnu64), semaphore(Abi::Musl));
    let memory =
        SharedMemory::options().write(true).size(77).unlink_on_drop(true).create_unique(prefix().name()).unwrap();
    let mut buffer = [MaybeUninit::uninit(); Listing::BUFFER_SIZE];
    let mut seen = [0; 4];
    let mut semaphores = Listing::semaphores(&mut buffer).unwrap();
    while let Some(entry) = semaphores.next() {
        let Ok(entry) = entry else { continue };
        seen[0] += u32::from(entry.name() == gnu.name() && entry.kind == ObjectKind::Semaphore && entry.size == 32);
        seen[1] += u32::from(entry.name() == musl.name() && entry.kind == ObjectKind::MuslSemaphore);
    }
    let mut objects = Listing::shared_memory(&mut buffer).unwrap();
    while let Some(entry) = objects.next() {
        let Ok(entry) = entry else { continue };
        seen[2] += u32::from(Some(entry.name()) == memory.name() && entry.size == 77);
    }
    let queue = SharedQueue::options().read(true).unlink_on_drop(true).create_unique(prefix().name()).unwrap();
    let mut queues = Listing::shared_queues(&mut buffer).unwrap();
    while let Some(entry) = queues.next() {
        let Ok(entry) = entry else { continue };
        seen[3] += u32::from(Some(entry.name()) == queue.name() && entry.kind == ObjectKind::SharedQueue);
    }
    assert_eq!(seen, [1; 4]);
}

fn the_version_is_one() {
    let (major, minor, patch) = VERSION_NUMBERS;
    let mut text = crate::console::Text::new();
    core::fmt::Write::write_fmt(&mut text, format_args!("{major}.{minor}.{patch}")).unwrap();
    assert_eq!(text.as_bytes(), VERSION.as_bytes());
}
