//! Every resource that can run out, and every operation that can meet it: the kind, the limit's value, the remedy. No
//! limit is told by a signal.

use std::sync::atomic::AtomicU32;

use rawipc::ErrorKind::{LimitExceeded, OutOfMemory, PermissionDenied, Unsupported};
use rawipc::error::Limit;
use rawipc::inspect::Platform;
use rawipc::shared_queue::SharedQueueOptions;
use rawipc::shm::SharedMemoryOptions;
use rawipc::{
    Errno, Error, ErrorKind, MessageQueue, Name, NamedSemaphore, NotificationSocket, Result, Shared, SharedMemory,
    SharedQueue, name,
};
use rustix::mount::{MountFlags, mount};
use rustix::process::Resource;
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::harness::Ending;
use crate::harness::kernel::{fail_calls, in_child, set_limit, set_sysctl};
use crate::harness::queues::small_queue;
use crate::inspect::list_support::private_dev;
use crate::shm::support::page;

crate::tests!(
    ;
    alone: shared_memory_limits_are_errors_with_remedies,
    platform_agrees_with_refused_notification_sockets
);

const NAME: &Name = name!("/rawipc-test-resource");
const SIZE: u64 = 1 << 16;

/// What runs out, how that comes about, what is done then, and what the error has: its kind, its bound if it
/// is one, and the remedy.
type Row = (&'static str, fn(), &'static [fn() -> Result<()>], ErrorKind, Option<u64>, &'static str);

const ROWS: &[Row] = &[
    (
        "RLIMIT_FSIZE of 0",
        || set_limit(Resource::Fsize, 0),
        &[named, sparse, anonymous, anonymous_sparse, value, shared_queue, semaphore],
        LimitExceeded(Limit::FileSize),
        Some(0),
        "bytes for a file); raise it with `ulimit -f` (EFBIG)",
    ),
    (
        "RLIMIT_FSIZE after creation",
        || {},
        &[resize_above_the_file_limit, write_above_the_file_limit],
        LimitExceeded(Limit::FileSize),
        Some(100),
        "are above RLIMIT_FSIZE (100 bytes for a file); raise it with `ulimit -f` (EFBIG)",
    ),
    (
        "space",
        || mount_shm(c"size=4k", MountFlags::empty()),
        &[named, shared_queue, populate_sparse, lock_sparse, write_sparse],
        LimitExceeded(Limit::DevShm),
        None,
        "/dev/shm is full; remove what is not needed, or mount it larger (ENOSPC)",
    ),
    (
        "inodes",
        || mount_shm(c"nr_inodes=1", MountFlags::empty()),
        &[named, sparse, value, shared_queue, semaphore],
        LimitExceeded(Limit::Inodes),
        Some(1),
        "has its 1 files, the maximum; remove what is not needed, or mount it with a larger nr_inodes (ENOSPC)",
    ),
    (
        "a quota",
        || fail(libc::SYS_fallocate, Errno::DQUOT),
        &[named, anonymous, value, shared_queue],
        LimitExceeded(Limit::Quota),
        None,
        "quota on /dev/shm is used up; remove what is not needed, or raise the quota (EDQUOT)",
    ),
    (
        "RLIMIT_AS",
        || set_limit(Resource::As, 1 << 38),
        &[map_half_a_tebibyte],
        LimitExceeded(Limit::AddressSpace),
        Some(u32::MAX as u64),
        "bytes for the process) leaves; raise it with `ulimit -v` (ENOMEM)",
    ),
    (
        "RLIMIT_MEMLOCK",
        || set_limit(Resource::Memlock, 4096),
        &[lock],
        LimitExceeded(Limit::LockedMemory),
        Some(4096),
        "bytes more are above what RLIMIT_MEMLOCK (4,096 bytes for the process) leaves; raise it with `ulimit -l`",
    ),
    (
        "RLIMIT_MEMLOCK of 0",
        || set_limit(Resource::Memlock, 0),
        &[lock],
        LimitExceeded(Limit::LockedMemory),
        Some(0),
        "raise it with `ulimit -l` (EPERM)",
    ),
    (
        "RLIMIT_NOFILE",
        || set_limit(Resource::Nofile, 0),
        &[named, anonymous, value, shared_queue, semaphore, message_queue],
        LimitExceeded(Limit::Descriptors),
        None,
        "raise the limit with `ulimit -n` (EMFILE)",
    ),
    (
        "RLIMIT_MSGQUEUE",
        || set_limit(Resource::Msgqueue, 1),
        &[message_queue],
        LimitExceeded(Limit::QueueBytes),
        Some(1),
        "over what RLIMIT_MSGQUEUE (1 bytes for all queues of the user) leaves; raise it with `ulimit -q`",
    ),
    (
        "fs.mqueue.queues_max",
        || set_sysctl("queues_max", 0).expect("it could be written before"),
        &[message_queue],
        LimitExceeded(Limit::Queues),
        Some(0),
        "raise it in /proc/sys/fs/mqueue/queues_max, or unlink some (ENOSPC)",
    ),
    (
        "huge pages",
        || {},
        &[huge, map_huge_sparse],
        LimitExceeded(Limit::HugePages),
        None,
        "are free; raise it in /proc/sys/vm/nr_hugepages",
    ),
    (
        "memory that can be promised",
        || fail(libc::SYS_fallocate, Errno::NOSPC),
        &[anonymous],
        OutOfMemory,
        None,
        "add swap space, or look at vm.overcommit_memory (ENOSPC)",
    ),
    (
        "participants",
        || {},
        &[take_part_too_often],
        LimitExceeded(Limit::Participants),
        Some(128),
        "all 128 participant slots are in use; close a handle",
    ),
    (
        "a read-only mount",
        || mount_shm(c"", MountFlags::RDONLY),
        &[named, sparse, value, shared_queue, semaphore],
        PermissionDenied,
        None,
        "mounted read-only; remount it with `mount -o remount,rw /dev/shm` (EROFS)",
    ),
    (
        "a missing mount",
        || {
            mount("none", "/dev", "tmpfs", MountFlags::empty(), None).expect("it could be mounted before");
        },
        &[named, sparse, value, shared_queue, semaphore],
        Unsupported,
        None,
        "there is no directory /dev/shm; mount a tmpfs on it (ENOENT)",
    ),
    (
        "an unknown address family",
        || fail(libc::SYS_socket, Errno::AFNOSUPPORT),
        &[notification_socket],
        Unsupported,
        None,
        "AF_NETLINK (systemd's RestrictAddressFamilies=, or the sandbox's filter), or use a signal (EAFNOSUPPORT)",
    ),
    (
        "a refused address family",
        || fail(libc::SYS_socket, Errno::PERM),
        &[notification_socket],
        PermissionDenied,
        None,
        "allow AF_NETLINK (systemd's RestrictAddressFamilies=, or the sandbox's filter), or use a signal (EPERM)",
    ),
    (
        "a refused system call",
        || fail(libc::SYS_fallocate, Errno::PERM),
        &[named, anonymous, value, shared_queue],
        PermissionDenied,
        None,
        "not permitted for this user (EPERM)",
    ),
    (
        "a security module",
        || fail(libc::SYS_mmap, Errno::ACCESS),
        &[map, shared_queue, semaphore],
        PermissionDenied,
        None,
        "not permitted for this user (EACCES)",
    ),
    (
        "open files of the system",
        || fail(libc::SYS_memfd_create, Errno::NFILE),
        &[anonymous],
        LimitExceeded(Limit::SystemDescriptors),
        None,
        "the system has too many open files; raise fs.file-max (ENFILE)",
    ),
];

fn shared_memory_limits_are_errors_with_remedies() -> Ending {
    private_dev(false)?;
    set_sysctl("queues_max", 256)?;
    for (resource, exhaust, operations, kind, bound, part) in ROWS {
        for (number, operation) in operations.iter().enumerate() {
            in_child(|| {
                // SAFETY: the process has one thread and shares nothing by reference.
                unsafe { unshare_unsafe(UnshareFlags::NEWNS) }.expect("it has a user namespace of its own");
                set_sysctl("queues_max", 256).expect("it could be written before");
                exhaust();
                let error: Error = operation().expect_err(resource);
                let text = format!("{resource}, operation {number}: {error}");
                assert_eq!(error.kind(), *kind, "{text}");
                assert!(text.contains(part), "{text}");
                if bound.is_some() {
                    assert_eq!(error.bounds().map(|bounds| bounds.bound), *bound, "{text}");
                }
            });
        }
    }
    Ok(())
}

fn platform_agrees_with_refused_notification_sockets() -> Ending {
    assert!(Platform::probe().notification_sockets);
    for errno in [Errno::AFNOSUPPORT, Errno::PERM, Errno::ACCESS] {
        in_child(|| {
            fail(libc::SYS_socket, errno);
            assert!(!Platform::probe().notification_sockets && Platform::probe().notification);
        });
    }
    Ok(())
}

fn mount_shm(options: &std::ffi::CStr, flags: MountFlags) {
    mount("none", "/dev/shm", "tmpfs", flags, Some(options)).expect("it could be mounted before");
}

fn fail(call: libc::c_long, errno: Errno) {
    fail_calls(&[call], errno).expect("there are filters");
}

fn memory() -> SharedMemoryOptions {
    SharedMemory::options().write(true).create_new(true).size(SIZE).unlink_on_drop(true)
}

fn queue() -> SharedQueueOptions {
    SharedQueue::options().read(true).write(true).max_messages(16).max_message_size(1024).unlink_on_drop(true)
}

fn named() -> Result<()> {
    memory().open(NAME).map(drop)
}

fn sparse() -> Result<()> {
    memory().sparse(true).open(NAME).map(drop)
}

fn anonymous() -> Result<()> {
    SharedMemory::anonymous(SIZE).create().map(drop)
}

fn anonymous_sparse() -> Result<()> {
    SharedMemory::anonymous(SIZE).sparse(true).create().map(drop)
}

fn value() -> Result<()> {
    Shared::<AtomicU32>::options().unlink_on_drop(true).open(NAME, |_| ()).map(drop)
}

fn shared_queue() -> Result<()> {
    queue().create_new(true).open(NAME).map(drop)
}

fn semaphore() -> Result<()> {
    NamedSemaphore::options().create_new(true).unlink_on_drop(true).open(NAME).map(drop)
}

fn message_queue() -> Result<()> {
    let options = MessageQueue::options().read(true).write(true).max_messages(2).max_message_size(8);
    options.create_new(true).unlink_on_drop(true).open(NAME).map(drop)
}

fn resize_above_the_file_limit() -> Result<()> {
    let memory = memory().size(10).open(NAME)?;
    set_limit(Resource::Fsize, 100);
    memory.resize(100).expect("it is within the limit");
    memory.resize(101)
}

/// Also inside of an object that is longer than the limit.
fn write_above_the_file_limit() -> Result<()> {
    let memory = memory().open(NAME)?;
    set_limit(Resource::Fsize, 100);
    memory.write_at(90, &[1; 10]).expect("it is within the limit");
    memory.write_at(90, &[1; 11])
}

fn populate_sparse() -> Result<()> {
    memory().sparse(true).open(NAME)?.map_options().populate(true).map().map(drop)
}

fn lock_sparse() -> Result<()> {
    memory().sparse(true).open(NAME)?.map_options().locked(true).map().map(drop)
}

fn write_sparse() -> Result<()> {
    memory().sparse(true).open(NAME)?.write_at(0, &vec![1; 4 * page()])
}

fn map() -> Result<()> {
    SharedMemory::anonymous(SIZE).create().expect("there is space").map().map(drop)
}

fn map_half_a_tebibyte() -> Result<()> {
    SharedMemory::anonymous(1 << 39).sparse(true).create().expect("it takes no space").map().map(drop)
}

fn lock() -> Result<()> {
    let memory = SharedMemory::anonymous(SIZE).create().expect("there is space");
    memory.map_options().locked(true).map().map(drop)
}

fn huge() -> Result<()> {
    SharedMemory::anonymous(1 << 42).huge_pages(true).create().map(drop)
}

fn map_huge_sparse() -> Result<()> {
    let memory = SharedMemory::anonymous(1 << 42).huge_pages(true).sparse(true).create().expect("it takes no page");
    memory.map().map(drop)
}

fn take_part_too_often() -> Result<()> {
    let mut handles = vec![queue().create_anonymous()?];
    loop {
        handles.push(handles[0].try_clone()?);
    }
}

fn notification_socket() -> Result<()> {
    NotificationSocket::new(&small_queue()).map(drop).map_err(|refused| refused.error)
}
