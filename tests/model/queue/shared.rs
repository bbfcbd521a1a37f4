//! Queues in shared memory.

use std::time::Duration;

use rawipc::{Attributes, Name, OpenFlags, Priority, Result, SharedQueue};

use super::kernel::deadline;
use super::operation::{Opening, Wait};
use super::{Abilities, Queue};
use crate::model::SHORT;

impl Queue for SharedQueue {
    const ABILITIES: Abilities = Abilities {
        duplicates: false,
        nonblocking_flag: true,
        notifications: false,
        polls: false,
        waiters_in_order: false,
        largest: [1 << 16, 16 << 20],
    };

    fn open(name: &Name, opening: &Opening) -> Result<Self> {
        Self::options()
            .read(opening.read)
            .write(opening.write)
            .create(opening.create)
            .create_new(opening.create_new)
            .nonblocking(opening.nonblocking)
            .unlink_on_drop(opening.unlink_on_drop)
            .max_messages(opening.max_messages)
            .max_message_size(opening.max_message_size)
            .open(name)
    }

    fn unlink(name: &Name) -> Result<()> {
        Self::unlink(name)
    }

    fn send(&self, message: &[u8], priority: Priority, wait: Wait) -> Result<()> {
        match wait {
            Wait::Forever => self.send(message, priority),
            Wait::Try => self.try_send(message, priority),
            Wait::Zero => self.send_timeout(message, priority, Duration::ZERO),
            Wait::Short => self.send_timeout(message, priority, SHORT),
            wait => self.send_deadline(message, priority, deadline(wait)),
        }
    }

    fn receive(&self, buffer: &mut [u8], wait: Wait) -> Result<(usize, Priority)> {
        let message = match wait {
            Wait::Forever => self.receive(buffer),
            Wait::Try => self.try_receive(buffer),
            Wait::Zero => self.receive_timeout(buffer, Duration::ZERO),
            Wait::Short => self.receive_timeout(buffer, SHORT),
            wait => self.receive_deadline(buffer, deadline(wait)),
        };
        message.map(|message| (message.payload().len(), message.priority()))
    }

    fn attributes(&self) -> Result<Attributes> {
        self.attributes()
    }

    fn access(&self) -> Result<[bool; 2]> {
        self.flags().map(|flags| [flags.contains(OpenFlags::READ), flags.contains(OpenFlags::WRITE)])
    }

    fn set_nonblocking(&self, nonblocking: bool) -> Result<()> {
        self.set_nonblocking(nonblocking)
    }
}
