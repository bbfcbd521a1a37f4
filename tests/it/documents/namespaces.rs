//! Which namespace an object belongs to, as `docs/deployment.md` says: queues to that for IPC, files to that of mounts.

use rawipc::{MessageQueue, NamedSemaphore, SharedMemory, name};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::harness::{Ending, Lacking, exists};
use crate::shm::support::{mount_tmpfs, tiny_dev_shm};

crate::tests!(
    ;
    alone: a_new_ipc_namespace_has_no_queues_but_the_same_files,
    a_new_dev_shm_has_the_same_queues_but_no_files,
);

const NAME: &rawipc::Name = name!("/rawipc-test-namespace");

/// In namespaces of this process's own, where nothing can be left behind: makes one object of each kind, changes the
/// namespaces, and returns which are there by name then: the queue, the semaphore, the memory.
fn seen_after(change: impl FnOnce() -> Ending) -> Result<[bool; 3], Lacking> {
    let queue = MessageQueue::options().read(true).max_messages(1).max_message_size(8).create(true);
    let queue = queue.open(NAME).expect("a small queue can be created");
    let semaphore = NamedSemaphore::options().create(true).open(NAME).expect("there is a /dev/shm");
    let memory = SharedMemory::options().write(true).create(true).size(64).open(NAME).expect("there is a /dev/shm");
    change()?;
    let seen = [
        exists(NAME),
        NamedSemaphore::options().open(NAME).is_ok(),
        SharedMemory::options().read(true).open(NAME).is_ok(),
    ];
    // What was open before goes on working.
    semaphore.post().expect("it is mapped");
    assert_eq!((queue.len(), memory.size()), (Ok(0), Ok(64)));
    Ok(seen)
}

fn new_ipc() -> Ending {
    // SAFETY: this process has one thread, which keeps nothing of the namespace by reference.
    unsafe { unshare_unsafe(UnshareFlags::NEWIPC) }.expect("the user namespace of before allows it");
    Ok(())
}

fn a_new_ipc_namespace_has_no_queues_but_the_same_files() -> Ending {
    tiny_dev_shm(1 << 20)?;
    assert_eq!(seen_after(new_ipc)?, [false, true, true]);
    Ok(())
}

fn a_new_dev_shm_has_the_same_queues_but_no_files() -> Ending {
    tiny_dev_shm(1 << 20)?;
    assert_eq!(seen_after(|| mount_tmpfs("/dev/shm", None))?, [true, false, false]);
    Ok(())
}
