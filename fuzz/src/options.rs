//! Any combination of options: what opening does is what they say, and a failure leaves no trace.

use arbitrary::{Arbitrary, Unstructured};
use rawipc::error::Limit;
use rawipc::mqueue::MessageQueueOptions;
use rawipc::{Attributes, ErrorKind, MessageQueue, Name, OpenFlags, Result};

/// What one run chooses.
#[derive(Arbitrary, Debug)]
struct Choice {
    exists: bool,
    flags: u32,
    mode: u32,
    exact_mode: bool,
    max_messages: Option<usize>,
    max_message_size: Option<usize>,
    unlink_on_drop: bool,
}

/// The sizes of the queue that is there before, if there is one.
const BEFORE: (usize, usize) = (3, 7);

/// What the kernel accepts under its default limit of bytes for all queues of a user.
const MOST_BYTES: usize = 819_200;

/// Takes the bytes as a choice of options.
pub fn options(data: &[u8]) {
    let Ok(choice) = Choice::arbitrary(&mut Unstructured::new(data)) else { return };
    let name = format!("/rawipc-fuzz-{}-{:?}", std::process::id(), std::thread::current().id());
    let name = Name::new(name.as_str()).unwrap();
    let before = choice.exists.then(|| create_before(name));

    let result = choice.options().open(name);
    let unlinks = choice.unlink_on_drop && before.is_none();
    match result {
        Ok(queue) => {
            choice.assert_allowed(&queue.attributes().unwrap());
            drop(queue);
            assert_eq!(exists(name), !unlinks, "{choice:?}");
        }
        Err(error) => {
            assert!(choice.may_fail_with(error.kind()), "{choice:?}: {error}");
            assert_eq!(exists(name), before.is_some(), "{choice:?} failed and left a trace");
        }
    }
    if let Some(before) = before {
        let attributes = before.attributes().unwrap();
        assert_eq!((attributes.max_messages, attributes.max_message_size), BEFORE);
        assert_eq!(attributes.messages, 1);
    }
    let _ = MessageQueue::unlink(name);
}

/// A queue with one message in it.
fn create_before(name: &Name) -> MessageQueue {
    let (messages, size) = BEFORE;
    let options = MessageQueue::options().write(true).create_new(true).max_messages(messages).max_message_size(size);
    let queue = options.open(name).expect("a small queue");
    queue.send(b"before", rawipc::Priority::MIN).unwrap();
    queue
}

fn exists(name: &Name) -> bool {
    let result: Result<MessageQueue> = MessageQueue::options().read(true).open(name);
    match result {
        Ok(_) => true,
        // It was created with a mode that keeps even its owner out, unless that is root.
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
}

impl Choice {
    fn flags(&self) -> OpenFlags {
        OpenFlags::from_bits_retain(self.flags)
    }

    fn options(&self) -> MessageQueueOptions {
        let mut options = MessageQueue::options().flags(self.flags()).unlink_on_drop(self.unlink_on_drop);
        options = if self.exact_mode { options.exact_mode(self.mode) } else { options.mode(self.mode) };
        if let Some(messages) = self.max_messages {
            options = options.max_messages(messages);
        }
        if let Some(size) = self.max_message_size {
            options = options.max_message_size(size);
        }
        options
    }

    /// A queue that was there keeps its sizes; a new one has those asked for, and never more than the kernel allows.
    fn assert_allowed(&self, attributes: &Attributes) {
        let (messages, size) = (attributes.max_messages, attributes.max_message_size);
        if self.exists {
            assert_eq!((messages, size), BEFORE, "{self:?}");
            return;
        }
        assert_eq!(messages, self.max_messages.unwrap_or(messages), "{self:?}");
        assert_eq!(size, self.max_message_size.unwrap_or(size), "{self:?}");
        assert!(messages * size <= MOST_BYTES, "{self:?}");
    }

    fn is_invalid(&self) -> bool {
        let sizes = [self.max_messages, self.max_message_size];
        !self.flags().intersects(OpenFlags::READ_WRITE) || self.mode > 0o777 || sizes.contains(&Some(0))
    }

    /// The failures that these options explain. Other programs may use up the limits of bytes and queues.
    fn may_fail_with(&self, kind: ErrorKind) -> bool {
        let creates = self.flags().contains(OpenFlags::CREATE);
        match kind {
            ErrorKind::InvalidInput => self.is_invalid(),
            ErrorKind::AlreadyExists => self.exists && self.flags().contains(OpenFlags::CREATE_NEW),
            ErrorKind::NotFound => !self.exists && !creates,
            ErrorKind::LimitExceeded(Limit::QueueBytes | Limit::Queues) => !self.exists && creates,
            ErrorKind::LimitExceeded(Limit::MaxMessages) => self.max_messages.is_some_and(|messages| messages > 10),
            ErrorKind::LimitExceeded(Limit::MaxMessageSize) => self.max_message_size.is_some_and(|size| size > 8192),
            _ => false,
        }
    }
}
