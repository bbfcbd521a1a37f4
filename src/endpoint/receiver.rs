//! The receiving end.

use core::ops::ControlFlow;
use core::time::Duration;

use super::Queue;
use crate::buffer::{Buffer, Message, MessageBuffer};
use crate::error::Result;
use crate::error::TransferError;
use crate::mqueue::MessageQueue;
use crate::name::Name;
use crate::shared_queue::{Doorbell, InFlight, SharedQueue};
use crate::stream::Received;
use crate::time::Deadline;

/// The receiving end of a queue: of a [`MessageQueue`] if nothing else is said, or of a [`SharedQueue`]. What its
/// methods do is said at the queue's of the same name. See [`Sender`](super::Sender) for an example.
///
/// ```compile_fail,E0599
/// # use rawipc::{name, Priority, Receiver};
/// Receiver::open(name!("/jobs"))?.send(b"hello", Priority::MIN)?; // There is no such method.
/// # Ok::<(), rawipc::Error>(())
/// ```
///
/// ```compile_fail,E0599
/// # use rawipc::{name, Receiver};
/// Receiver::open_shared(name!("/jobs"))?.reserve()?; // Nor this.
/// # Ok::<(), rawipc::Error>(())
/// ```
#[derive(Debug)]
pub struct Receiver<Q = MessageQueue>(pub(super) Q);

impl Receiver {
    /// Opens an existing queue for receiving only.
    ///
    /// # Errors
    /// Those of [`MessageQueueOptions::open`](crate::mqueue::MessageQueueOptions::open).
    pub fn open(name: &Name) -> Result<Self> {
        MessageQueue::options().read(true).open(name).map(Self)
    }
}

impl Receiver<SharedQueue> {
    /// Opens an existing queue in shared memory for receiving only.
    ///
    /// # Errors
    /// Those of [`SharedQueueOptions::open`](crate::shared_queue::SharedQueueOptions::open).
    pub fn open_shared(name: &Name) -> Result<Self> {
        SharedQueue::options().read(true).open(name).map(Self)
    }

    /// Calls [`SharedQueue::receive_in_place`].
    ///
    /// # Errors
    /// The same.
    pub fn receive_in_place(&self) -> Result<InFlight<'_>> {
        self.0.receive_in_place()
    }

    /// Calls [`SharedQueue::try_receive_in_place`].
    ///
    /// # Errors
    /// The same.
    pub fn try_receive_in_place(&self) -> Result<InFlight<'_>> {
        self.0.try_receive_in_place()
    }

    /// Calls [`SharedQueue::receive_in_place_timeout`].
    ///
    /// # Errors
    /// The same.
    pub fn receive_in_place_timeout(&self, timeout: Duration) -> Result<InFlight<'_>> {
        self.0.receive_in_place_timeout(timeout)
    }

    /// Calls [`SharedQueue::receive_in_place_deadline`].
    ///
    /// # Errors
    /// The same.
    pub fn receive_in_place_deadline(&self, deadline: Deadline) -> Result<InFlight<'_>> {
        self.0.receive_in_place_deadline(deadline)
    }

    /// Calls [`SharedQueue::doorbell`].
    ///
    /// # Errors
    /// The same.
    pub fn doorbell(&self) -> Result<Doorbell<&SharedQueue>> {
        self.0.doorbell()
    }
}

impl<Q: Queue> Receiver<Q> {
    /// Calls [`MessageQueue::receive`] or [`SharedQueue::receive`].
    ///
    /// # Errors
    /// The same.
    #[inline]
    pub fn receive<'buffer, B: Buffer + ?Sized>(&self, buffer: &'buffer mut B) -> Result<Message<'buffer>> {
        self.0.receive(buffer)
    }

    /// Calls [`MessageQueue::try_receive`] or [`SharedQueue::try_receive`].
    ///
    /// # Errors
    /// The same.
    #[inline]
    pub fn try_receive<'buffer, B: Buffer + ?Sized>(&self, buffer: &'buffer mut B) -> Result<Message<'buffer>> {
        self.0.try_receive(buffer)
    }

    /// Calls [`MessageQueue::receive_timeout`] or [`SharedQueue::receive_timeout`].
    ///
    /// # Errors
    /// The same.
    #[inline]
    pub fn receive_timeout<'buffer, B: Buffer + ?Sized>(
        &self,
        buffer: &'buffer mut B,
        timeout: Duration,
    ) -> Result<Message<'buffer>> {
        self.0.receive_timeout(buffer, timeout)
    }

    /// Calls [`MessageQueue::receive_deadline`] or [`SharedQueue::receive_deadline`].
    ///
    /// # Errors
    /// The same.
    pub fn receive_deadline<'buffer, B: Buffer + ?Sized>(
        &self,
        buffer: &'buffer mut B,
        deadline: Deadline,
    ) -> Result<Message<'buffer>> {
        self.0.receive_deadline(buffer, deadline)
    }

    /// Calls [`MessageQueue::buffer`] or [`SharedQueue::buffer`].
    ///
    /// # Errors
    /// The same.
    pub fn buffer<const N: usize>(&self) -> Result<MessageBuffer<N>> {
        self.0.buffer()
    }

    /// Calls [`MessageQueue::try_receive_all`] or [`SharedQueue::try_receive_all`].
    ///
    /// # Errors
    /// The same.
    pub fn try_receive_all<'buffer, B: Buffer + ?Sized>(
        &self,
        buffer: &'buffer mut B,
    ) -> core::result::Result<Received<'buffer>, TransferError> {
        self.0.try_receive_all(buffer)
    }

    /// Calls [`MessageQueue::try_receive_many`] or [`SharedQueue::try_receive_many`].
    ///
    /// # Errors
    /// The same.
    pub fn try_receive_many<B: Buffer + ?Sized>(
        &self,
        buffer: &mut B,
        take: impl FnMut(Message<'_>) -> ControlFlow<()>,
    ) -> Result<usize> {
        self.0.try_receive_many(buffer, take)
    }
}
