//! Under a filter that knows some calls not at all, as sandboxes and small kernels do.

use rawipc::inspect::Platform;
use rawipc::mqueue::Notify;
use rawipc::{ErrorKind, MessageQueue, NamedSemaphore, NotificationSocket, Priority, SharedMemory};
use syscalls::{Errno, Sysno};

use super::support::{kind, options, prefix, queue};
use crate::harness::{Call, Peer, lacking, tests};
use crate::raw::{Rule, refuse};

tests![without_queues_says_so_and_has_the_rest, without_notification_has_the_rest];

fn forget(first: Sysno, last: Sysno) {
    if !refuse([Rule::range(first as usize, last as usize, Errno::ENOSYS)]) {
        lacking(Call::Seccomp);
    }
}

fn without_queues_says_so_and_has_the_rest() {
    let queue = queue(1);
    // The filter is a peer's, since who has it cannot remove the queue.
    Peer::start(|| {
        // The six numbers follow one another on every architecture.
        forget(Sysno::mq_open, Sysno::mq_getsetattr);
        let platform = Platform::probe();
        assert!(!platform.message_queues && !platform.notification && platform.dev_shm);
        let name = queue.name().unwrap();
        assert_eq!(kind(options(1).create_unique(prefix().name())), ErrorKind::Unsupported);
        assert_eq!(kind(MessageQueue::options().read(true).open(name)), ErrorKind::Unsupported);
        assert_eq!(kind(MessageQueue::unlink(name)), ErrorKind::Unsupported);
        assert_eq!(kind(queue.attributes()), ErrorKind::Unsupported);
        assert_eq!(kind(queue.notify(Notify::None)), ErrorKind::Unsupported);
        // 32-bit machines send and receive with calls of other numbers.
        let sent = queue.send(b"", Priority::MIN);
        assert!(size_of::<usize>() == 4 || kind(sent) == ErrorKind::Unsupported);

        let semaphore = NamedSemaphore::options().unlink_on_drop(true).create_unique(prefix().name()).unwrap();
        semaphore.post().unwrap();
        semaphore.wait().unwrap();
        let memory = SharedMemory::options().write(true).size(1).unlink_on_drop(true);
        let memory = memory.create_unique(prefix().name()).unwrap();
        memory.map().unwrap().write_at(0, b"1").unwrap();
    })
    .join();
}

fn without_notification_has_the_rest() {
    let queue = queue(1);
    forget(Sysno::mq_notify, Sysno::mq_notify);
    let platform = Platform::probe();
    assert!(platform.message_queues && !platform.notification);
    assert_eq!(kind(queue.notify(Notify::None)), ErrorKind::Unsupported);
    assert_eq!(kind(NotificationSocket::new(&queue).unwrap().arm()), ErrorKind::Unsupported);
    queue.send(b"", Priority::MIN).unwrap();
    queue.receive(&mut [0; 16]).unwrap();
}
