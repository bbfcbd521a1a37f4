//! What a forked child and an executed program get of a queue.

use rawipc::fd::{AsFd, AsRawFd, OwnedFd};
use rawipc::{ErrorKind, MessageQueue, Priority};
use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

use crate::harness::kernel::in_child;
use crate::harness::{Peer, Role, name_of, role, small, small_queue};

crate::tests!(
    every_handle_is_close_on_exec;
    alone: exec_closes_every_handle, a_forked_child_has_the_same_open_queue
);

pub const ROLES: &[Role] = &[("count_queues", count_queues)];

/// Handles made in all ways there are.
fn handles() -> Vec<MessageQueue> {
    let created = small_queue();
    let opened = MessageQueue::options().read(true).open(name_of(&created)).unwrap();
    let cloned = created.try_clone().unwrap();
    let found = small().create(true).open(name_of(&created)).unwrap();
    let descriptor = OwnedFd::from(created.try_clone().unwrap());
    fcntl_setfd(&descriptor, FdFlags::empty()).unwrap();
    let adopted = MessageQueue::try_from(descriptor).unwrap();
    let by_exact_mode = small().exact_mode(0o600).create_unique(rawipc::name!("/rawipc-test-")).unwrap();
    vec![created, opened, cloned, found, adopted, by_exact_mode]
}

fn every_handle_is_close_on_exec() {
    for handle in handles() {
        assert_eq!(fcntl_getfd(&handle).unwrap(), FdFlags::CLOEXEC, "{handle:?}");
    }
}

fn exec_closes_every_handle() {
    let handles = handles();
    let count = || {
        let report = Peer::start_reporting(&mut role("count_queues", &[])).report();
        String::from_utf8(report).unwrap().parse::<usize>().unwrap()
    };
    assert_eq!(count(), 0);
    // The program would have seen them.
    for (already, handle) in handles.iter().enumerate() {
        fcntl_setfd(handle.as_fd(), FdFlags::empty()).unwrap();
        assert_eq!(count(), already + 1);
    }
}

/// Prints how many descriptors this program was started with that are queues.
fn count_queues(_: &[String]) {
    const MQUEUE_MAGIC: u64 = 0x1980_0202;
    let is_queue = |number: &i32| {
        let path = format!("/proc/self/fd/{number}");
        rustix::fs::statfs(path.as_str()).is_ok_and(|info| info.f_type as u64 == MQUEUE_MAGIC)
    };
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap();
    let numbers = descriptors.map(|entry| entry.unwrap().file_name().into_string().unwrap().parse().unwrap());
    print!("{}", numbers.collect::<Vec<i32>>().iter().filter(|number| is_queue(number)).count());
}

fn a_forked_child_has_the_same_open_queue() {
    let queue = small_queue();
    queue.send(b"from the parent", Priority::MIN).unwrap();
    in_child(|| {
        assert!(queue.as_raw_fd() >= 0);
        assert_eq!(queue.receive(&mut [0; 64]).unwrap().payload(), b"from the parent");
        queue.send(b"from the child", Priority::MAX).unwrap();
        queue.set_nonblocking(true).unwrap();
    });
    assert!(queue.attributes().unwrap().nonblocking, "the flag is common to both");
    assert_eq!(queue.receive(&mut [0; 64]).unwrap().payload(), b"from the child");
    assert_eq!(queue.receive(&mut [0; 64]).unwrap_err().kind(), ErrorKind::WouldBlock);
}
