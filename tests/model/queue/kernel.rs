//! The kernel's queues.

use std::sync::Arc;
use std::time::Duration;

use rawipc::mqueue::{Notified, Notify, Status};
use rawipc::time::Time;
use rawipc::{Attributes, Deadline, ErrorKind, MessageQueue, Name, NotificationSocket, OpenFlags, Priority, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::operation::{Opening, Wait};
use super::{Abilities, Queue, Socket};
use crate::model::SHORT;

/// A signal that nothing happens by, unless it is asked for.
pub const SIGNAL: i32 = 23;

impl Queue for MessageQueue {
    const ABILITIES: Abilities = Abilities {
        duplicates: true,
        nonblocking_flag: true,
        notifications: true,
        polls: true,
        waiters_in_order: true,
        largest: [usize::MAX; 2],
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

    fn readiness(&self) -> Option<[bool; 2]> {
        let mut polled = [PollFd::new(self, PollFlags::IN | PollFlags::OUT)];
        poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).expect("a look does not wait");
        let [polled] = polled;
        Some([polled.revents().contains(PollFlags::IN), polled.revents().contains(PollFlags::OUT)])
    }

    fn duplicate(&self) -> Result<Self> {
        self.try_clone()
    }

    fn set_nonblocking(&self, nonblocking: bool) -> Result<()> {
        self.set_nonblocking(nonblocking)
    }

    fn notify(&self, how: Option<Notify>) -> Result<()> {
        how.map_or_else(|| self.cancel_notification(), |how| self.notify(how))
    }

    fn status(&self) -> Option<Status> {
        match self.status() {
            Err(error) if error.kind() == ErrorKind::BadDescriptor => None,
            status => Some(status.expect("the kernel tells it")),
        }
    }

    fn notification_socket(queue: &Arc<Self>) -> Result<Box<dyn Socket>> {
        Ok(Box::new(NotificationSocket::new(Arc::clone(queue))?))
    }
}

impl Socket for NotificationSocket<Arc<MessageQueue>> {
    fn arm(&mut self) -> Result<()> {
        self.arm()
    }

    fn news(&mut self) -> Result<Notified> {
        self.try_wait()
    }
}

/// The deadlines among the ways to wait.
pub fn deadline(wait: Wait) -> Deadline {
    match wait {
        Wait::PassedMonotonic => Deadline::Monotonic(Time::ZERO),
        Wait::PassedRealtime => Deadline::Realtime(Time::ZERO),
        _ => Deadline::realtime_after(SHORT),
    }
}
