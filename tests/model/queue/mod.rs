//! Message queues: what they do by POSIX and Linux, and any implementation of them.

mod kernel;
mod limits;
mod model;
mod notification;
mod operation;
mod shared;
mod state;
mod system;

pub use limits::Limits;
pub use model::QueueModel;
pub use operation::{Opening, Wait};
pub use shared::{InPlace, Long};
pub use system::QueueSystem;

use std::sync::Arc;

use rawipc::mqueue::{Notified, Notify, Status};
use rawipc::{Attributes, Name, Priority, Result};

/// How many names there are.
pub const NAMES: usize = 3;

/// How many handles a process may have.
pub const HANDLES: usize = 5;

/// A queue as programs use it. Whatever implements this can be compared with the model, and so with the kernel's.
pub trait Queue: Sized {
    /// What such queues can do.
    const ABILITIES: Abilities;

    fn open(name: &Name, opening: &Opening) -> Result<Self>;

    fn unlink(name: &Name) -> Result<()>;

    fn send(&self, message: &[u8], priority: Priority, wait: Wait) -> Result<()>;

    /// The length and the priority of what is in the buffer then.
    fn receive(&self, buffer: &mut [u8], wait: Wait) -> Result<(usize, Priority)>;

    fn attributes(&self) -> Result<Attributes>;

    /// Whether it can be received from and sent to.
    fn access(&self) -> Result<[bool; 2]>;

    /// Whether a poll says that there is a message, and that there is room for one.
    fn readiness(&self) -> Option<[bool; 2]> {
        None
    }

    /// Another handle that shares the nonblocking flag.
    fn duplicate(&self) -> Result<Self> {
        unreachable!("not among its abilities")
    }

    fn set_nonblocking(&self, _nonblocking: bool) -> Result<()> {
        unreachable!("not among its abilities")
    }

    /// Registers for notification; `None` cancels.
    fn notify(&self, _how: Option<Notify>) -> Result<()> {
        unreachable!("not among its abilities")
    }

    /// `None` without the right to receive.
    fn status(&self) -> Option<Status> {
        unreachable!("not among its abilities")
    }

    fn notification_socket(_queue: &Arc<Self>) -> Result<Box<dyn Socket>> {
        unreachable!("not among its abilities")
    }
}

/// What is not common to all sorts of queues.
#[derive(Clone, Copy, Debug)]
pub struct Abilities {
    pub duplicates: bool,
    pub nonblocking_flag: bool,
    pub notifications: bool,
    pub polls: bool,
    /// Whether those who wait are served in the order in which they came.
    pub waiters_in_order: bool,
    /// The most messages, and the longest, beyond which a size is no size, whether or not a queue is created.
    pub largest: [usize; 2],
}

/// A descriptor by which notifications come.
pub trait Socket {
    fn arm(&mut self) -> Result<()>;

    fn news(&mut self) -> Result<Notified>;
}

/// What an operation answers if it succeeds.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Done,
    Message(Vec<u8>, u16),
    News(Notified),
}

/// What can be seen of a queue through a handle.
#[derive(Debug, PartialEq)]
pub struct View {
    pub attributes: Attributes,
    pub access: [bool; 2],
    pub readiness: Option<[bool; 2]>,
    pub status: Option<Status>,
}
