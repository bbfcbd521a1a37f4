//! What the platform supports and what exists.

use core::mem::MaybeUninit;
use core::sync::atomic::AtomicU32;

use rawipc::inspect::{Limits, Listing, ObjectKind, Platform};
use rawipc::mqueue::Notify;
use rawipc::semaphore::abi::Abi;
use rawipc::{
    ErrorKind, MessageQueue, NamedSemaphore, Priority, RobustMutex, Semaphore, Shared, SharedMemory, SharedQueue,
    VERSION,
};
use rustix::fs::{Mode, mkdir};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use syscalls::{Errno, Sysno};

use super::support::{SHORT, become_nobody, kind, options, own_namespaces, prefix, queue};
use crate::harness::{Call, expect_call, lacking, tests};
use crate::kernels;
use crate::raw::{Rule, refuse};

tests![
    platform_probe_agrees_with_what_calls_do,
    platform_probe_outlives_a_deadly_filter,
    page_size_is_known_without_proc,
    queue_listing_looks_at_the_mount_under_a_filter,
    queues_are_listed_without_a_mount,
    queues_are_listed_without_privileges,
    files_are_listed,
    the_version_is_one
];

/// The features, by the names of the fields of `Platform`, and whether a call has them too.
fn features(platform: Platform) -> [(&'static str, bool, fn() -> rawipc::Result<()>); 10] {
    [
        ("message_queues", platform.message_queues, || {
            let queue = options(1).create_unique(prefix().name())?;
            queue.send(b"", Priority::MIN)?;
            queue.receive(&mut [0; 16]).map(drop)
        }),
        ("notification", platform.notification, || {
            options(1).create_unique(prefix().name())?.notify(Notify::None).map(drop)
        }),
        ("queue_listing", platform.queue_listing, || {
            Listing::queues(&mut [MaybeUninit::uninit(); Listing::BUFFER_SIZE]).map(drop)
        }),
        ("shared_memory", platform.shared_memory, || memory().map(drop)),
        ("anonymous_memory", platform.anonymous_memory, || SharedMemory::anonymous(9).create()?.map().map(drop)),
        ("shared_values", platform.shared_values, || {
            let memory = memory()?;
            let name = memory.name().expect("it has a name");
            SharedMemory::unlink(name)?;
            Shared::<AtomicU32>::options().unlink_on_drop(true).open(name, |_| {}).map(drop)
        }),
        ("semaphores", platform.semaphores, || match Semaphore::new(0).wait_timeout(SHORT) {
            Err(error) if error.kind() == ErrorKind::TimedOut => Ok(()),
            result => result,
        }),
        ("named_semaphores", platform.named_semaphores, || {
            let semaphore = NamedSemaphore::options().unlink_on_drop(true).create_unique(prefix().name())?;
            match semaphore.wait_timeout(SHORT) {
                Err(error) if error.kind() == ErrorKind::TimedOut => Ok(()),
                result => result,
            }
        }),
        ("robust_mutexes", platform.robust_mutexes, || {
            let memory = memory()?;
            let (mutex, other) = (RobustMutex::in_memory(&memory, 0)?, RobustMutex::in_memory(&memory, 0)?);
            let _guard = mutex.lock()?;
            match other.lock_timeout(SHORT) {
                Err(error) if error.kind() == ErrorKind::TimedOut => Ok(()),
                result => result.map(drop),
            }
        }),
        ("shared_queues", platform.shared_queues, || {
            let options = SharedQueue::options().read(true).max_messages(1).max_message_size(16).unlink_on_drop(true);
            match options.create_unique(prefix().name())?.receive_timeout(&mut [0; 16], SHORT) {
                Err(error) if error.kind() == ErrorKind::TimedOut => Ok(()),
                result => result.map(drop),
            }
        }),
    ]
}

fn memory() -> rawipc::Result<SharedMemory> {
    SharedMemory::options().write(true).size(4096).unlink_on_drop(true).create_unique(prefix().name())
}

/// What is not probed as missing works, and the other way round; and a kernel lacks what the table says.
fn platform_probe_agrees_with_what_calls_do() {
    let platform = Platform::probe();
    assert!(platform.dev_shm && platform.page_size.is_power_of_two());
    for (feature, is_there, call) in features(platform) {
        match kernels::chosen() {
            // Whether this machine has one mounted is not the kernel's doing.
            _ if feature == "queue_listing" => {}
            Some(kernel) => assert_eq!(is_there, kernel.has(feature), "{feature} {platform:?}"),
            // An emulator may lack it.
            None => assert!(is_there || feature == "notification", "{feature} {platform:?}"),
        }
        match call() {
            // Under a filter it is not tried.
            Ok(()) => assert!(is_there || feature == "queue_listing", "{feature} is there"),
            Err(error) => assert!(!is_there, "{feature}: {error}"),
        }
    }
}

/// A filter may end the process for calls that few programs make, as systemd's `@system-service` does.
fn queue_listing_looks_at_the_mount_under_a_filter() {
    mount_queues();
    let queue = queue(3);
    let calls = [Sysno::fsopen, Sysno::fsconfig, Sysno::fsmount, Sysno::open_tree, Sysno::move_mount];
    if !refuse(calls.map(Rule::deadly)) {
        lacking(Call::Seccomp);
    }
    assert!(Platform::probe().queue_listing);
    list(&queue, |buffer| Listing::queues(buffer).unwrap());
}

/// Nothing is mounted, and the probe does not find out by a call that ends the process.
fn platform_probe_outlives_a_deadly_filter() {
    own_namespaces();
    let hidden = mount_change(c"/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .and_then(|()| mount(c"none", c"/dev", c"tmpfs", MountFlags::empty(), None));
    hidden.unwrap_or_else(|_| lacking(Call::Mount));
    if !refuse([Sysno::fsopen, Sysno::fsconfig, Sysno::fsmount].map(Rule::deadly)) {
        lacking(Call::Seccomp);
    }
    let platform = Platform::probe();
    assert!(platform.message_queues && !platform.queue_listing && !platform.dev_shm && !platform.shared_memory);
}

/// Without `/proc`, and without the call of Linux 6.4 that tells the same.
fn page_size_is_known_without_proc() {
    own_namespaces();
    let size = Platform::probe().page_size;
    let hidden = mount_change(c"/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .and_then(|()| mount(c"none", c"/proc", c"tmpfs", MountFlags::empty(), None));
    hidden.unwrap_or_else(|_| lacking(Call::Mount));
    if !refuse([Rule::value(Sysno::prctl, 0, 0x4155_5856, Errno::EINVAL)]) {
        lacking(Call::Seccomp);
    }
    assert_eq!(Platform::probe().page_size, size);
    assert_eq!(kind(Limits::current()), ErrorKind::Unsupported);
}

fn queues_are_listed_without_a_mount() {
    own_namespaces();
    let queue = queue(3);
    list(&queue, |buffer| expect_call(Call::Fsopen, Listing::queues(buffer)));
}

fn queues_are_listed_without_privileges() {
    mount_queues();
    become_nobody();
    let queue = queue(3);
    list(&queue, |buffer| Listing::queues(buffer).unwrap());
}

/// Mounts the file system of queues where it belongs, for this process alone.
fn mount_queues() {
    own_namespaces();
    // The directory may not be there.
    let mounted = mount_change(c"/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .and_then(|()| mount(c"none", c"/dev", c"tmpfs", MountFlags::empty(), None))
        .and_then(|()| mkdir(c"/dev/mqueue", Mode::RWXU))
        .and_then(|()| mount(c"none", c"/dev/mqueue", c"mqueue", MountFlags::empty(), None));
    mounted.unwrap_or_else(|_| lacking(Call::Mount));
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
    assert!(VERSION.split('.').take(3).all(|number| number.parse::<u16>().is_ok()));
}
