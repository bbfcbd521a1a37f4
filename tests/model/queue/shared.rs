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

/// The same queues, by way of what is written and read where it lies.
pub struct InPlace(SharedQueue);

/// The same queues with messages that are copied outside of the lock: each has so many bytes more than is asked for.
pub struct Long(SharedQueue);

const MORE: usize = 1025;

impl Queue for InPlace {
    const ABILITIES: Abilities = SharedQueue::ABILITIES;

    fn open(name: &Name, opening: &Opening) -> Result<Self> {
        <SharedQueue as Queue>::open(name, opening).map(Self)
    }

    fn unlink(name: &Name) -> Result<()> {
        SharedQueue::unlink(name)
    }

    fn send(&self, message: &[u8], priority: Priority, wait: Wait) -> Result<()> {
        if message.len() > self.0.attributes()?.max_message_size {
            // That it is too long is known only when it is published.
            return Queue::send(&self.0, message, priority, wait);
        }
        let mut reservation = match wait {
            Wait::Forever => self.0.reserve(),
            Wait::Try => self.0.try_reserve(),
            Wait::Zero => self.0.reserve_timeout(Duration::ZERO),
            Wait::Short => self.0.reserve_timeout(SHORT),
            wait => self.0.reserve_deadline(deadline(wait)),
        }?;
        let (start, end) = message.split_at(message.len() / 2);
        reservation.write_at(start.len(), end)?;
        reservation.write_at(0, start)?;
        Ok(reservation.publish(message.len(), priority)?)
    }

    fn receive(&self, buffer: &mut [u8], wait: Wait) -> Result<(usize, Priority)> {
        if buffer.len() < self.0.attributes()?.max_message_size {
            return Queue::receive(&self.0, buffer, wait);
        }
        let borrowed = match wait {
            Wait::Forever => self.0.receive_in_place(),
            Wait::Try => self.0.try_receive_in_place(),
            Wait::Zero => self.0.receive_in_place_timeout(Duration::ZERO),
            Wait::Short => self.0.receive_in_place_timeout(SHORT),
            wait => self.0.receive_in_place_deadline(deadline(wait)),
        }?;
        borrowed.read_at(0, &mut buffer[..borrowed.len()])?;
        let received = (borrowed.len(), borrowed.priority());
        borrowed.complete();
        Ok(received)
    }

    fn attributes(&self) -> Result<Attributes> {
        self.0.attributes()
    }

    fn access(&self) -> Result<[bool; 2]> {
        self.0.access()
    }

    fn set_nonblocking(&self, nonblocking: bool) -> Result<()> {
        self.0.set_nonblocking(nonblocking)
    }
}

impl Queue for Long {
    const ABILITIES: Abilities = SharedQueue::ABILITIES;

    fn open(name: &Name, opening: &Opening) -> Result<Self> {
        let more = if opening.max_message_size == 0 { 0 } else { MORE };
        let opening = Opening { max_message_size: opening.max_message_size + more, ..*opening };
        <SharedQueue as Queue>::open(name, &opening).map(Self)
    }

    fn unlink(name: &Name) -> Result<()> {
        SharedQueue::unlink(name)
    }

    fn send(&self, message: &[u8], priority: Priority, wait: Wait) -> Result<()> {
        Queue::send(&self.0, &[message, &rest(message)].concat(), priority, wait)
    }

    fn receive(&self, buffer: &mut [u8], wait: Wait) -> Result<(usize, Priority)> {
        let mut longer = vec![0; buffer.len() + MORE];
        let (length, priority) = Queue::receive(&self.0, &mut longer, wait)?;
        let (message, more) = longer[..length].split_at(length - MORE);
        assert_eq!(more, rest(message), "a message is torn");
        buffer[..message.len()].copy_from_slice(message);
        Ok((message.len(), priority))
    }

    fn attributes(&self) -> Result<Attributes> {
        let attributes = self.0.attributes()?;
        Ok(Attributes { max_message_size: attributes.max_message_size - MORE, ..attributes })
    }

    fn access(&self) -> Result<[bool; 2]> {
        self.0.access()
    }

    fn set_nonblocking(&self, nonblocking: bool) -> Result<()> {
        self.0.set_nonblocking(nonblocking)
    }
}

/// What a long message has more, which follows from the rest.
fn rest(message: &[u8]) -> [u8; MORE] {
    let first = message.first().copied().unwrap_or(7);
    std::array::from_fn(|place| first.wrapping_mul(31).wrapping_add(place as u8))
}
