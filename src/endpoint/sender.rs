//! The sending end.

use core::time::Duration;

use super::Queue;
use crate::error::Result;
use crate::error::TransferError;
use crate::mqueue::MessageQueue;
use crate::name::Name;
use crate::priority::Priority;
use crate::shared_queue::{Reservation, SharedQueue};
use crate::time::Deadline;

/// The sending end of a queue: of a [`MessageQueue`] if nothing else is said, or of a [`SharedQueue`]. What its methods
/// do is said at the queue's of the same name.
///
/// ```
/// use rawipc::{MessageQueue, name, Priority, Receiver, Sender};
/// let queue = MessageQueue::options().write(true).max_messages(2).max_message_size(16)
///     .unlink_on_drop(true).create_unique(name!("/rawipc-doc-ends"))?;
/// let receiver = Receiver::open(queue.name().unwrap())?;
/// let sender = Sender::try_from(queue)?;
/// sender.send(b"hello", Priority::MIN)?;
/// assert_eq!(receiver.receive(&mut [0; 16])?.payload(), b"hello");
/// # Ok::<(), rawipc::Error>(())
/// ```
///
/// The same of a queue in shared memory:
///
/// ```
/// use rawipc::{name, Priority, Receiver, Sender, SharedQueue};
/// let queue = SharedQueue::options().write(true).max_messages(2).max_message_size(16)
///     .unlink_on_drop(true).create_unique(name!("/rawipc-doc-ends"))?;
/// let receiver = Receiver::open_shared(queue.name().unwrap())?;
/// let sender = Sender::try_from(queue)?;
/// sender.send(b"hello", Priority::MIN)?;
/// assert_eq!(receiver.receive(&mut [0; 16])?.payload(), b"hello");
/// # Ok::<(), rawipc::Error>(())
/// ```
///
/// The wrong direction does not compile:
///
/// ```compile_fail,E0599
/// # use rawipc::{name, Sender};
/// Sender::open(name!("/jobs"))?.receive(&mut [0; 16])?;
/// # Ok::<(), rawipc::Error>(())
/// ```
///
/// ```compile_fail,E0599
/// # use rawipc::{name, Sender};
/// Sender::open_shared(name!("/jobs"))?.borrow()?;
/// # Ok::<(), rawipc::Error>(())
/// ```
#[derive(Debug)]
pub struct Sender<Q = MessageQueue>(pub(super) Q);

impl Sender {
    /// Opens an existing queue for sending only.
    ///
    /// # Errors
    /// Those of [`MessageQueueOptions::open`](crate::mqueue::MessageQueueOptions::open).
    pub fn open(name: &Name) -> Result<Self> {
        MessageQueue::options().write(true).open(name).map(Self)
    }
}

impl Sender<SharedQueue> {
    /// Opens an existing queue in shared memory for sending only.
    ///
    /// # Errors
    /// Those of [`SharedQueueOptions::open`](crate::shared_queue::SharedQueueOptions::open).
    pub fn open_shared(name: &Name) -> Result<Self> {
        SharedQueue::options().write(true).open(name).map(Self)
    }

    /// Calls [`SharedQueue::reserve`].
    ///
    /// # Errors
    /// The same.
    pub fn reserve(&self) -> Result<Reservation<'_>> {
        self.0.reserve()
    }

    /// Calls [`SharedQueue::try_reserve`].
    ///
    /// # Errors
    /// The same.
    pub fn try_reserve(&self) -> Result<Reservation<'_>> {
        self.0.try_reserve()
    }

    /// Calls [`SharedQueue::reserve_timeout`].
    ///
    /// # Errors
    /// The same.
    pub fn reserve_timeout(&self, timeout: Duration) -> Result<Reservation<'_>> {
        self.0.reserve_timeout(timeout)
    }

    /// Calls [`SharedQueue::reserve_deadline`].
    ///
    /// # Errors
    /// The same.
    pub fn reserve_deadline(&self, deadline: Deadline) -> Result<Reservation<'_>> {
        self.0.reserve_deadline(deadline)
    }
}

impl<Q: Queue> Sender<Q> {
    /// Calls [`MessageQueue::send`] or [`SharedQueue::send`].
    ///
    /// # Errors
    /// The same.
    #[inline]
    pub fn send(&self, message: &[u8], priority: Priority) -> Result<()> {
        self.0.send(message, priority)
    }

    /// Calls [`MessageQueue::try_send`] or [`SharedQueue::try_send`].
    ///
    /// # Errors
    /// The same.
    #[inline]
    pub fn try_send(&self, message: &[u8], priority: Priority) -> Result<()> {
        self.0.try_send(message, priority)
    }

    /// Calls [`MessageQueue::send_timeout`] or [`SharedQueue::send_timeout`].
    ///
    /// # Errors
    /// The same.
    #[inline]
    pub fn send_timeout(&self, message: &[u8], priority: Priority, timeout: Duration) -> Result<()> {
        self.0.send_timeout(message, priority, timeout)
    }

    /// Calls [`MessageQueue::send_deadline`] or [`SharedQueue::send_deadline`].
    ///
    /// # Errors
    /// The same.
    pub fn send_deadline(&self, message: &[u8], priority: Priority, deadline: Deadline) -> Result<()> {
        self.0.send_deadline(message, priority, deadline)
    }

    /// Calls [`MessageQueue::send_truncated`] or [`SharedQueue::send_truncated`].
    ///
    /// # Errors
    /// The same.
    pub fn send_truncated(&self, message: &[u8], priority: Priority) -> Result<usize> {
        self.0.send_truncated(message, priority)
    }

    /// Calls [`MessageQueue::send_all`] or [`SharedQueue::send_all`].
    ///
    /// # Errors
    /// The same.
    pub fn send_all(&self, payload: &[u8], priority: Priority) -> core::result::Result<(), TransferError> {
        self.0.send_all(payload, priority)
    }

    /// Calls [`MessageQueue::send_all_deadline`] or [`SharedQueue::send_all_deadline`].
    ///
    /// # Errors
    /// The same.
    pub fn send_all_deadline(
        &self,
        payload: &[u8],
        priority: Priority,
        deadline: Deadline,
    ) -> core::result::Result<(), TransferError> {
        self.0.send_all_deadline(payload, priority, deadline)
    }

    /// Calls [`MessageQueue::try_send_all`] or [`SharedQueue::try_send_all`].
    ///
    /// # Errors
    /// The same.
    pub fn try_send_all(&self, payload: &[u8], priority: Priority) -> core::result::Result<usize, TransferError> {
        self.0.try_send_all(payload, priority)
    }

    /// Calls [`MessageQueue::try_send_many`] or [`SharedQueue::try_send_many`].
    ///
    /// # Errors
    /// The same.
    pub fn try_send_many<M: AsRef<[u8]>>(&self, messages: &[M], priority: Priority) -> Result<usize> {
        self.0.try_send_many(messages, priority)
    }
}
