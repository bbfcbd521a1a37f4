//! Queues and names for tests, and what must not change when a call fails.

use std::ops::Deref;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use rawipc::error::Operation;
use rawipc::mqueue::MessageQueueOptions;
use rawipc::{Attributes, Errno, Error, ErrorKind, MessageBuffer, MessageQueue, Name, Priority, name};
use rustix::fs::fstat;

/// Options for a small queue of both directions: 8 messages of 64 bytes, gone when its handle is dropped.
pub fn small() -> MessageQueueOptions {
    MessageQueue::options().read(true).write(true).max_messages(8).max_message_size(64).unlink_on_drop(true)
}

/// A small queue of a name that nobody else has.
pub fn small_queue() -> MessageQueue {
    small().create_unique(name!("/rawipc-test-")).expect("a small queue can be created")
}

/// The name of a queue that has one.
pub fn name_of(queue: &MessageQueue) -> &Name {
    queue.name().expect("the queue was opened by name")
}

/// Whether there is a queue of this name.
pub fn exists(name: &Name) -> bool {
    match MessageQueue::options().read(true).open(name) {
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => true,
        result => result.map(|_| true).expect("it can be looked up"),
    }
}

/// A name that nobody else has and that stands for nothing yet; whatever bears it at the end is removed.
pub struct FreeName(String);

impl FreeName {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let time = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").subsec_nanos();
        Self(format!("/rawipc-test-{}-{}-{time}", process::id(), COUNT.fetch_add(1, Relaxed)))
    }
}

impl Deref for FreeName {
    type Target = Name;

    fn deref(&self) -> &Name {
        Name::new(self.0.as_str()).expect("it is made valid")
    }
}

impl Drop for FreeName {
    fn drop(&mut self) {
        // Mostly it is gone already.
        let _ = MessageQueue::unlink(self);
    }
}

/// A name as text, for the arguments of a peer.
pub fn text(name: &Name) -> &str {
    std::str::from_utf8(name.as_bytes()).expect("names of tests are ASCII")
}

/// A small queue with messages in it, none of which may be touched.
pub struct Untouched {
    pub queue: MessageQueue,
    attributes: Attributes,
    mode: u32,
    inode: u64,
}

const CONTENT: [(&[u8], u8); 3] = [(b"first", 7), (b"second", 7), (b"", 0)];

impl Untouched {
    pub fn new() -> Self {
        let queue = small_queue();
        for (message, priority) in CONTENT {
            queue.send(message, priority.into()).unwrap();
        }
        let (attributes, mode, inode) = (queue.attributes().unwrap(), queue.mode().unwrap(), inode(&queue));
        Self { queue, attributes, mode, inode }
    }

    pub fn name(&self) -> &Name {
        name_of(&self.queue)
    }

    /// Attributes, mode, name and every message are as they were.
    pub fn assert_untouched(&self) {
        assert_eq!(self.queue.attributes().unwrap(), self.attributes);
        assert_eq!(self.queue.mode().unwrap(), self.mode);
        let same = MessageQueue::options().read(true).open(self.name()).expect("the name still stands for a queue");
        assert_eq!(inode(&same), self.inode, "the name stands for another queue");
        let mut buffer = MessageBuffer::<64>::new();
        for (payload, priority) in CONTENT {
            let message = self.queue.try_receive(&mut buffer).expect("the message is still there");
            assert_eq!((message.payload(), message.priority()), (payload, Priority::from(priority)));
        }
        assert!(self.queue.is_empty().unwrap());
    }
}

/// The number that tells two queues of one name apart.
pub fn inode(queue: &MessageQueue) -> u64 {
    fstat(queue).expect("the queue is open").st_ino as u64
}

/// Checks all that an error says, but its bounds.
#[track_caller]
pub fn assert_error(error: Error, kind: ErrorKind, errno: Errno, operation: Operation, part: &str) {
    assert_eq!((error.kind(), error.errno(), error.operation()), (kind, errno, operation), "{error}");
    assert!(error.to_string().contains(part), "{part:?} is not in {:?}", error.to_string());
}

/// Checks the two numbers of a broken bound.
#[track_caller]
pub fn assert_bounds(error: Error, given: u64, bound: u64) {
    assert_eq!(error.bounds(), Some(rawipc::error::Bounds { given, bound }), "{error}");
}
