//! The queue that a command is about: the kernel's, or one in shared memory.

use std::time::Duration;

use clap::Args;
use rawipc::{Attributes, MessageQueue, Name, OpenFlags, Priority, Result, SharedQueue};

/// Which sort of queue it is.
#[derive(Args, Clone, Copy)]
pub(crate) struct Sort {
    /// A queue in shared memory, which programs use by rawipc's `SharedQueue`.
    #[arg(long)]
    shared: bool,
}

/// What a queue is created with.
pub(crate) struct Form {
    pub(crate) max_messages: Option<usize>,
    pub(crate) max_message_size: Option<usize>,
    pub(crate) mode: u32,
}

/// An open queue.
#[allow(clippy::large_enum_variant, reason = "a command has one")]
pub(crate) enum Queue {
    Kernel(MessageQueue),
    Shared(SharedQueue),
}

/// The same for either sort of queue.
macro_rules! either {
    ($queue:ident as $name:ident => $result:expr) => {
        match $queue {
            Queue::Kernel($name) => $result,
            Queue::Shared($name) => $result,
        }
    };
}

/// Options of either sort, with what both can be created with.
macro_rules! create {
    ($options:expr, $form:ident, $name:ident) => {{
        let mut options = $options.read(true).create_new(true).exact_mode($form.mode);
        if let Some(messages) = $form.max_messages {
            options = options.max_messages(messages);
        }
        if let Some(bytes) = $form.max_message_size {
            options = options.max_message_size(bytes);
        }
        options.open($name)?.close()
    }};
}

impl Sort {
    pub(crate) const fn is_shared(self) -> bool {
        self.shared
    }

    pub(crate) fn open(self, name: &Name, flags: OpenFlags) -> Result<Queue> {
        if self.shared {
            SharedQueue::options().flags(flags).open(name).map(Queue::Shared)
        } else {
            MessageQueue::options().flags(flags).open(name).map(Queue::Kernel)
        }
    }

    pub(crate) fn create(self, name: &Name, form: &Form) -> Result<()> {
        if self.shared {
            create!(SharedQueue::options(), form, name)
        } else {
            create!(MessageQueue::options(), form, name)
        }
    }

    pub(crate) fn unlink(self, name: &Name) -> Result<()> {
        if self.shared { SharedQueue::unlink(name) } else { MessageQueue::unlink(name) }
    }
}

impl Queue {
    pub(crate) fn attributes(&self) -> Result<Attributes> {
        either!(self as queue => queue.attributes())
    }

    /// Waits for room for at most the time limit, without a limit if there is none, and not at all if it is zero.
    pub(crate) fn send(&self, message: &[u8], priority: Priority, timeout: Option<Duration>) -> Result<()> {
        either!(self as queue => match timeout {
            None => queue.send(message, priority),
            Some(Duration::ZERO) => queue.try_send(message, priority),
            Some(timeout) => queue.send_timeout(message, priority, timeout),
        })
    }

    /// Waits for a message, limited as sending is.
    pub(crate) fn receive(&self, message: &mut Vec<u8>, timeout: Option<Duration>) -> Result<Priority> {
        let received = either!(self as queue => match timeout {
            None => queue.receive(message),
            Some(Duration::ZERO) => queue.try_receive(message),
            Some(timeout) => queue.receive_timeout(message, timeout),
        });
        Ok(received?.priority())
    }
}
