//! Reading the limits and what the platform supports, where `/proc`, `/dev` and the calls are as they should be, and
//! where not.

use std::fs;

use rawipc::error::Operation;
use rawipc::inspect::{Limits, Platform, QueueSizes};
use rawipc::{Errno, ErrorKind, Name, Priority, Semaphore, VERSION};
use rustix::mount::{MountFlags, mount};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::harness::kernel::{fail_calls, private_ipc, private_ipc_and_mounts, set_limit, set_sysctl};
use crate::harness::queues::assert_error;
use crate::harness::{Ending, Lacking, small};

crate::tests!(
    they_are_what_proc_says,
    the_constants_are_the_c_librarys,
    everything_is_supported_here,
    the_version_is_the_packages;
    alone: what_is_written_is_what_is_read,
    defaults_above_the_maxima_are_cut,
    no_limit_is_none,
    without_proc_it_is_an_error_that_says_so,
    platform_probe_sees_calls_that_are_filtered,
    platform_probe_sees_calls_not_permitted,
    a_missing_dev_shm_is_seen
);

fn proc(setting: &str) -> u64 {
    fs::read_to_string(format!("/proc/sys/fs/mqueue/{setting}")).unwrap().trim().parse().unwrap()
}

fn assert_as_proc_says(limits: Limits) {
    assert_eq!(limits.max_messages, proc("msg_max"));
    assert_eq!(limits.default_messages, proc("msg_default").min(proc("msg_max")));
    assert_eq!(limits.max_message_size, proc("msgsize_max"));
    assert_eq!(limits.default_message_size, proc("msgsize_default").min(proc("msgsize_max")));
    assert_eq!(limits.max_queues, proc("queues_max"));
    assert_eq!(limits.queue_bytes, getrlimit(Resource::Msgqueue).current);
    // SAFETY: takes a number only.
    assert_eq!(limits.page_size as libc::c_long, unsafe { libc::sysconf(libc::_SC_PAGESIZE) });
}

fn they_are_what_proc_says() {
    assert_as_proc_says(Limits::current().unwrap());
}

fn what_is_written_is_what_is_read() -> Ending {
    private_ipc()?;
    let settings =
        [("msg_max", 21), ("msg_default", 5), ("msgsize_max", 4321), ("msgsize_default", 300), ("queues_max", 17)];
    for (setting, value) in settings {
        set_sysctl(setting, value)?;
    }
    set_limit(Resource::Msgqueue, 123_456);
    let limits = Limits::current().unwrap();
    assert_as_proc_says(limits);
    assert_eq!((limits.max_messages, limits.default_messages), (21, 5));
    assert_eq!((limits.max_message_size, limits.default_message_size), (4321, 300));
    assert_eq!((limits.max_queues, limits.queue_bytes), (17, Some(123_456)));
    // They are read anew each time.
    set_sysctl("queues_max", 0)?;
    set_limit(Resource::Msgqueue, 0);
    let limits = Limits::current().unwrap();
    assert_eq!((limits.max_queues, limits.queue_bytes), (0, Some(0)));
    Ok(())
}

fn defaults_above_the_maxima_are_cut() -> Ending {
    private_ipc()?;
    set_sysctl("msg_max", 3)?;
    set_sysctl("msgsize_max", 200)?;
    let limits = Limits::current().unwrap();
    assert!(proc("msg_default") > 3 && proc("msgsize_default") > 200);
    assert_eq!((limits.default_messages, limits.default_message_size), (3, 200));
    // As a queue made without sizes has it.
    let queue = rawipc::MessageQueue::options().read(true).unlink_on_drop(true);
    let attributes = queue.create_unique(rawipc::name!("/rawipc-test-")).unwrap().attributes().unwrap();
    assert_eq!((attributes.max_messages, attributes.max_message_size), (3, 200));
    Ok(())
}

fn no_limit_is_none() {
    // Takes CAP_SYS_RESOURCE; without it the limit is a number.
    let unlimited = setrlimit(Resource::Msgqueue, Rlimit { current: None, maximum: None }).is_ok();
    let mut limits = Limits::current().unwrap();
    assert_eq!(limits.queue_bytes.is_none(), unlimited || getrlimit(Resource::Msgqueue).current.is_none());
    limits.queue_bytes = None;
    let largest =
        QueueSizes { max_messages: limits.max_messages as usize, max_message_size: limits.max_message_size as usize };
    assert_eq!(limits.check(largest), Ok(largest.cost()));
}

fn without_proc_it_is_an_error_that_says_so() -> Ending {
    private_ipc_and_mounts()?;
    cover("/proc")?;
    let error = Limits::current().unwrap_err();
    let part = "reading the limits: /proc/sys/fs/mqueue cannot be read; mount /proc";
    assert_error(error, ErrorKind::Unsupported, Errno::NOENT, Operation::ReadLimits, part);
    // A queue of one size only needs it too, and says so; one of both sizes, or of none, does not.
    let error = rawipc::MessageQueue::options().read(true).max_messages(1);
    let error = error.create_unique(rawipc::name!("/rawipc-test-")).unwrap_err();
    assert_error(error, ErrorKind::Unsupported, Errno::NOENT, Operation::CreateQueue, "mount /proc");
    small().create_unique(rawipc::name!("/rawipc-test-")).unwrap();
    assert!(Platform::probe().message_queues, "it does not ask /proc");
    Ok(())
}

/// Hides what is in a directory behind an empty one, in this process's mounts.
fn cover(directory: &str) -> Ending {
    let lacking = |errno| Lacking(format!("the right to mount ({errno})"));
    mount("none", directory, "tmpfs", MountFlags::empty(), None).map_err(lacking)
}

fn everything_is_supported_here() {
    let platform = Platform::probe();
    assert!(platform.message_queues && platform.notification && platform.dev_shm, "{platform:?}");
    assert!(platform.shared_memory && platform.anonymous_memory && platform.shared_values, "{platform:?}");
    assert!(platform.semaphores && platform.named_semaphores, "{platform:?}");
    assert!(platform.robust_mutexes && platform.shared_queues, "{platform:?}");
    assert_eq!(platform.page_size, rustix::param::page_size());
}

fn platform_probe_sees_calls_not_permitted() -> Ending {
    fail_calls(&[libc::SYS_mq_notify], Errno::PERM)?;
    assert!(!Platform::probe().notification && Platform::probe().message_queues);
    // One of the four is enough: a program needs them all.
    fail_calls(&[libc::SYS_mq_timedsend], Errno::PERM)?;
    assert!(!Platform::probe().message_queues);
    Ok(())
}

fn platform_probe_sees_calls_that_are_filtered() -> Ending {
    fail_calls(&[libc::SYS_mq_notify], Errno::NOSYS)?;
    let platform = Platform::probe();
    assert!(platform.message_queues && !platform.notification && platform.dev_shm, "{platform:?}");
    fail_calls(&[libc::SYS_mq_getsetattr], Errno::NOSYS)?;
    let platform = Platform::probe();
    assert!(!platform.message_queues && !platform.notification && platform.dev_shm, "{platform:?}");
    Ok(())
}

fn a_missing_dev_shm_is_seen() -> Ending {
    private_ipc_and_mounts()?;
    cover("/dev")?;
    let platform = Platform::probe();
    assert!(platform.message_queues && platform.notification && !platform.dev_shm, "{platform:?}");
    Ok(())
}

fn the_constants_are_the_c_librarys() {
    // SAFETY: takes a number only.
    let configured = |name| unsafe { libc::sysconf(name) };
    assert_eq!(Semaphore::MAX_VALUE as libc::c_long, configured(libc::_SC_SEM_VALUE_MAX));
    let priorities = configured(libc::_SC_MQ_PRIO_MAX);
    // musl and glibc say 32,768, the number of priorities.
    assert_eq!(libc::c_long::from(Priority::MAX.get()) + 1, priorities);
    assert_eq!(Name::MAX_LEN as i32, libc::NAME_MAX);
}

fn the_version_is_the_packages() {
    assert_eq!(VERSION, env!("CARGO_PKG_VERSION"));
}
