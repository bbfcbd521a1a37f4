//! Whether a name still stands for a handle's object.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rawipc::fd::{AsFd, OwnedFd};
use rawipc::{ErrorKind, MessageQueue, Name, NamedSemaphore, Priority, Shared, SharedMemory, SharedQueue, name};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::harness::Ending;
use crate::harness::kernel::{as_nobody, in_child, private_ipc, require_users};
use crate::shm::support::tiny_dev_shm;

crate::tests!(
    message_queue_without_a_name_is_linked_or_not,
    shared_memory_without_a_name_is_linked_or_not,
    shared_queue_without_a_name_is_linked_or_not,
    shared_memory_under_a_second_name_is_linked;
    alone: message_queue_notices_a_restarted_server,
    message_queue_keeps_its_name_in_another_namespace,
    message_queue_is_linked_without_right_to_open,
    message_queue_is_linked_keeps_its_registration,
    named_objects_notice_a_restarted_server,
    named_objects_are_linked_in_a_child
);

const NAME: &Name = name!("/rawipc-test-linked");
/// Shared memory of another name: values and memory have files of one sort.
const VALUE: &Name = name!("/rawipc-test-linked-value");

fn serve() -> MessageQueue {
    let options = MessageQueue::options().read(true).max_messages(2).max_message_size(8);
    options.create_new(true).unlink_on_drop(true).open(NAME).unwrap()
}

fn message_queue_notices_a_restarted_server() -> Ending {
    private_ipc()?;
    let server = serve();
    let client = MessageQueue::options().write(true).open(NAME).unwrap();
    assert!(server.is_linked().unwrap() && client.is_linked().unwrap());
    drop(server);
    assert!(!client.is_linked().unwrap(), "the name is gone");
    let server = serve();
    assert!(server.is_linked().unwrap() && !client.is_linked().unwrap(), "the name is another queue's");
    client.send(b"lost", Priority::MIN).unwrap();
    assert!(server.is_empty().unwrap());
    Ok(())
}

/// The name means nothing here, or another queue: the queue has it all the same.
fn message_queue_keeps_its_name_in_another_namespace() -> Ending {
    private_ipc()?;
    let queue = serve();
    in_child(|| {
        // SAFETY: this process has one thread.
        unsafe { unshare_unsafe(UnshareFlags::NEWIPC) }.unwrap();
        assert!(queue.is_linked().unwrap());
        let other = serve();
        assert!(queue.is_linked().unwrap() && other.is_linked().unwrap());
        other.close().unwrap();
        assert!(queue.is_linked().unwrap());
    });
    MessageQueue::unlink(NAME).unwrap();
    assert!(!queue.is_linked().unwrap());
    Ok(())
}

fn message_queue_is_linked_without_right_to_open() -> Ending {
    require_users()?;
    let queue = crate::harness::small_queue();
    let name = crate::harness::name_of(&queue);
    as_nobody(|| {
        let error = MessageQueue::options().read(true).open(name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(queue.is_linked().unwrap());
    })
}

/// To open the name and to close it again would drop the registration of this process.
fn message_queue_is_linked_keeps_its_registration() -> Ending {
    private_ipc()?;
    let queue = serve();
    queue.notify(rawipc::mqueue::Notify::None).unwrap();
    assert!(queue.is_linked().unwrap());
    assert!(queue.status().unwrap().registration.is_some());
    Ok(())
}

fn message_queue_without_a_name_is_linked_or_not() {
    let queue = crate::harness::small_queue();
    let name = crate::harness::name_of(&queue);
    let descriptor = queue.as_fd().try_clone_to_owned().unwrap();
    let adopted = MessageQueue::try_from(descriptor).unwrap();
    assert!(adopted.name().is_none() && adopted.is_linked().unwrap());
    MessageQueue::unlink(name).unwrap();
    assert!(!adopted.is_linked().unwrap() && !queue.is_linked().unwrap());
}

/// One object of each kind that lies in `/dev/shm`.
struct Objects {
    semaphore: NamedSemaphore,
    memory: SharedMemory,
    value: Shared<AtomicU64>,
    queue: SharedQueue,
}

impl Objects {
    fn serve() -> Self {
        Self {
            semaphore: NamedSemaphore::options().create_new(true).unlink_on_drop(true).open(NAME).unwrap(),
            memory: SharedMemory::options()
                .write(true)
                .create_new(true)
                .size(100)
                .unlink_on_drop(true)
                .open(NAME)
                .unwrap(),
            value: Shared::options().unlink_on_drop(true).open(VALUE, |_| {}).unwrap(),
            queue: SharedQueue::options().read(true).create_new(true).unlink_on_drop(true).open(NAME).unwrap(),
        }
    }

    fn connect() -> Self {
        Self {
            semaphore: NamedSemaphore::options().open(NAME).unwrap(),
            memory: SharedMemory::options().read(true).open(NAME).unwrap(),
            value: Shared::options().open_existing(VALUE).unwrap(),
            queue: SharedQueue::options().write(true).open(NAME).unwrap(),
        }
    }

    fn are_linked(&self) -> [bool; 4] {
        let linked =
            [self.semaphore.is_linked(), self.memory.is_linked(), self.value.is_linked(), self.queue.is_linked()];
        linked.map(Result::unwrap)
    }
}

fn named_objects_notice_a_restarted_server() -> Ending {
    tiny_dev_shm(1 << 20)?;
    let server = Objects::serve();
    let client = Objects::connect();
    let reader = Shared::<AtomicU64>::options().open_read_only(VALUE).unwrap();
    assert_eq!((server.are_linked(), client.are_linked()), ([true; 4], [true; 4]));
    assert!(reader.is_linked().unwrap());
    drop(server);
    assert_eq!((client.are_linked(), reader.is_linked()), ([false; 4], Ok(false)), "the names are gone");
    let server = Objects::serve();
    assert_eq!((server.are_linked(), client.are_linked()), ([true; 4], [false; 4]), "the names are others'");
    assert_eq!((Objects::connect().are_linked(), reader.is_linked()), ([true; 4], Ok(false)));
    client.value.store(1, Relaxed);
    assert_eq!(server.value.load(Relaxed), 0);
    Ok(())
}

fn named_objects_are_linked_in_a_child() -> Ending {
    tiny_dev_shm(1 << 20)?;
    let server = Objects::serve();
    in_child(|| assert_eq!(server.are_linked(), [true; 4]));
    SharedMemory::unlink(NAME).unwrap();
    in_child(|| assert_eq!(server.are_linked(), [true, false, true, true]));
    Ok(())
}

fn shared_memory_without_a_name_is_linked_or_not() {
    let anonymous = SharedMemory::anonymous(10).create().unwrap();
    assert!(!anonymous.is_linked().unwrap());
    let named = crate::shm::support::memory(10);
    let adopted = SharedMemory::try_from(named.as_fd().try_clone_to_owned().unwrap()).unwrap();
    assert!(adopted.name().is_none() && adopted.is_linked().unwrap());
    let clone = named.try_clone().unwrap();
    SharedMemory::unlink(crate::shm::support::name_of(&named)).unwrap();
    assert!(!adopted.is_linked().unwrap() && !clone.is_linked().unwrap() && !named.is_linked().unwrap());
}

fn shared_queue_without_a_name_is_linked_or_not() {
    let anonymous = crate::shared_queue::support::small().create_anonymous().unwrap();
    assert!(!anonymous.is_linked().unwrap());
    let named = crate::shared_queue::support::small_queue();
    let descriptor: OwnedFd = named.as_fd().try_clone_to_owned().unwrap();
    let adopted = SharedQueue::try_from(descriptor).unwrap();
    assert!(adopted.name().is_none() && adopted.is_linked().unwrap());
    let clone = named.try_clone().unwrap();
    SharedQueue::unlink(crate::shared_queue::support::name_of(&named)).unwrap();
    assert!(!adopted.is_linked().unwrap() && !clone.is_linked().unwrap() && !named.is_linked().unwrap());
}

fn shared_memory_under_a_second_name_is_linked() {
    let memory = crate::shm::support::memory(10);
    let second = crate::shm::support::FreeName::new();
    fs::hard_link(crate::shm::support::file_of(crate::shm::support::name_of(&memory)), second.file()).unwrap();
    let other = SharedMemory::options().read(true).open(&second).unwrap();
    SharedMemory::unlink(crate::shm::support::name_of(&memory)).unwrap();
    assert!(!memory.is_linked().unwrap() && other.is_linked().unwrap());
}
