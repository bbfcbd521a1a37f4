//! Limits, as a user without privileges meets them: which one, its value, what was asked for.

use core::fmt::Write;

use rawipc::error::{Bounds, Limit};
use rawipc::inspect::{Limits, QueueSizes};
use rawipc::{ErrorKind, MessageQueue, NamedSemaphore, SharedMemory};
use rustix::fs::{Mode, OFlags, open};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::support::{become_nobody, kind, options, own_namespaces, prefix, queue};
use crate::console::Text;
use crate::harness::{Call, Peer, lacking, tests};

tests![
    are_those_of_the_kernel,
    of_messages_and_their_size_hold_without_privileges,
    of_the_bytes_of_all_queues_hold,
    of_the_number_of_queues_hold,
    of_descriptors_are_told_from_those_of_queues,
    of_rights_hold,
    of_dev_shm_hold,
];

fn limit(resource: Resource, most: u64) {
    setrlimit(resource, Rlimit { current: Some(most), maximum: getrlimit(resource).maximum }).unwrap();
}

/// Writes a setting of the namespace's own.
fn set_sysctl(path: &core::ffi::CStr, value: u32) {
    let mut text = Text::new();
    write!(text, "{value}").unwrap();
    let file = open(path, OFlags::WRONLY, Mode::empty()).unwrap();
    rustix::io::write(file, text.as_bytes()).unwrap();
}

fn are_those_of_the_kernel() {
    own_namespaces();
    set_sysctl(c"/proc/sys/fs/mqueue/msg_max", 7);
    set_sysctl(c"/proc/sys/fs/mqueue/msg_default", 5);
    set_sysctl(c"/proc/sys/fs/mqueue/msgsize_max", 500);
    set_sysctl(c"/proc/sys/fs/mqueue/msgsize_default", 300);
    set_sysctl(c"/proc/sys/fs/mqueue/queues_max", 3);
    let defaults = MessageQueue::options().read(true).unlink_on_drop(true).create_unique(prefix().name()).unwrap();
    let attributes = defaults.attributes().unwrap();
    assert_eq!((attributes.max_messages, attributes.max_message_size), (5, 300));
    // Last, since the user's other queues count too.
    limit(Resource::Msgqueue, 70_000);
    let limits = Limits::current().unwrap();
    assert_eq!((limits.max_messages, limits.default_messages), (7, 5));
    assert_eq!((limits.max_message_size, limits.default_message_size), (500, 300));
    assert_eq!((limits.max_queues, limits.queue_bytes), (3, Some(70_000)));
    assert!(limits.page_size.is_power_of_two());
}

fn of_messages_and_their_size_hold_without_privileges() {
    own_namespaces();
    set_sysctl(c"/proc/sys/fs/mqueue/msg_max", 7);
    set_sysctl(c"/proc/sys/fs/mqueue/msgsize_max", 500);
    become_nobody();
    for (wrong, which, given, bound) in [
        (options(8), Limit::MaxMessages, 8, 7),
        (options(1).max_message_size(501), Limit::MaxMessageSize, 501, 500),
        (options(1 << 20), Limit::MaxMessages, 1 << 20, 7),
    ] {
        let error = wrong.create_unique(prefix().name()).unwrap_err();
        assert_eq!((error.kind(), error.bounds()), (ErrorKind::LimitExceeded(which), Some(Bounds { given, bound })));
    }
    options(7).max_message_size(500).create_unique(prefix().name()).unwrap();
    let check = |max_messages| Limits::current().unwrap().check(QueueSizes { max_messages, max_message_size: 16 });
    assert_eq!(kind(check(8)), ErrorKind::LimitExceeded(Limit::MaxMessages));
    assert!(check(7).is_ok());
}

fn of_the_bytes_of_all_queues_hold() {
    become_nobody();
    let sizes = QueueSizes { max_messages: 2, max_message_size: 16 };
    let cost = sizes.cost();
    limit(Resource::Msgqueue, cost - 1);
    let error = options(2).create_unique(prefix().name()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded(Limit::QueueBytes));
    assert_eq!(error.bounds(), Some(Bounds { given: cost, bound: cost - 1 }));
    assert_eq!(kind(Limits::current().unwrap().check(sizes)), error.kind());
}

fn of_the_number_of_queues_hold() {
    own_namespaces();
    set_sysctl(c"/proc/sys/fs/mqueue/queues_max", 2);
    become_nobody();
    let _both = [queue(1), queue(1)];
    let error = options(1).create_unique(prefix().name()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded(Limit::Queues));
    assert_eq!(error.bounds(), Some(Bounds { given: 3, bound: 2 }));
}

fn of_descriptors_are_told_from_those_of_queues() {
    let queue = queue(1);
    // One that is free at best.
    let next = {
        use rustix::fd::AsRawFd;
        queue.try_clone().unwrap().as_raw_fd() as u64
    };
    limit(Resource::Nofile, next);
    assert_eq!(kind(queue.try_clone()), ErrorKind::LimitExceeded(Limit::Descriptors));
    assert_eq!(kind(options(1).create_unique(prefix().name())), ErrorKind::LimitExceeded(Limit::Descriptors));
    let semaphore = NamedSemaphore::options().create_unique(prefix().name());
    assert_eq!(kind(semaphore), ErrorKind::LimitExceeded(Limit::Descriptors));
}

fn of_rights_hold() {
    let queue = options(1).exact_mode(0o600).create_unique(prefix().name()).unwrap();
    let memory = SharedMemory::options().write(true).size(1).exact_mode(0o400).unlink_on_drop(true);
    let memory = memory.create_unique(prefix().name()).unwrap();
    let semaphore = NamedSemaphore::options().unlink_on_drop(true).create_unique(prefix().name()).unwrap();
    if !rustix::process::geteuid().is_root() {
        lacking(Call::Setuid);
    }
    Peer::start(|| {
        become_nobody();
        let name = queue.name().unwrap();
        assert_eq!(kind(MessageQueue::options().read(true).open(name)), ErrorKind::PermissionDenied);
        assert_eq!(kind(MessageQueue::unlink(name)), ErrorKind::PermissionDenied);
        let name = memory.name().unwrap();
        assert_eq!(kind(SharedMemory::options().read(true).open(name)), ErrorKind::PermissionDenied);
        assert_eq!(kind(SharedMemory::unlink(name)), ErrorKind::PermissionDenied);
        assert_eq!(kind(NamedSemaphore::options().open(semaphore.name())), ErrorKind::PermissionDenied);
        // What is open stays usable.
        queue.send(b"", rawipc::Priority::MIN).unwrap();
    })
    .join();
    assert_eq!(queue.len(), Ok(1));
}

fn of_dev_shm_hold() {
    own_namespaces();
    mount_change(c"/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .and_then(|()| mount(c"none", c"/dev/shm", c"tmpfs", MountFlags::empty(), Some(c"size=64k")))
        .unwrap_or_else(|_| lacking(Call::Mount));
    let options = SharedMemory::options().write(true).unlink_on_drop(true);
    let error = options.size(1 << 20).create_unique(prefix().name()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded(Limit::DevShm));
    let memory = options.size(4096).create_unique(prefix().name()).unwrap();
    assert_eq!(kind(memory.resize(1 << 20)), ErrorKind::LimitExceeded(Limit::DevShm));
    memory.write_at(4000, b"still whole").unwrap();
}
