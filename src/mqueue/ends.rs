//! The two ends of a queue as types: the wrong direction does not compile.

use core::ops::ControlFlow;
use core::time::Duration;

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use rustix::io::Errno;

use super::MessageQueue;
use crate::Priority;
use crate::buffer::{Buffer, Message, MessageBuffer};
use crate::error::{Cause, Error, Operation, Refused, Result};
use crate::flags::OpenFlags;
use crate::name::Name;
use crate::stream::{Drained, Incomplete};
use crate::time::Deadline;

/// The sending end of a queue. What its methods do is said at [`MessageQueue`]'s of the same name.
///
/// ```
/// use rawipc::{MessageQueue, Priority, Receiver, Sender, name};
/// let queue = MessageQueue::options().write(true).max_messages(2).max_message_size(16)
///     .unlink_on_drop(true).create_unique(name!("/rawipc-doc-ends"))?;
/// let receiver = Receiver::open(queue.name().unwrap())?;
/// let sender = Sender::try_from(queue)?;
/// sender.send(b"hello", Priority::MIN)?;
/// assert_eq!(receiver.receive(&mut [0; 16])?.payload(), b"hello");
/// # Ok::<(), rawipc::Error>(())
/// ```
///
/// ```compile_fail
/// # use rawipc::{Sender, name};
/// Sender::open(name!("/jobs"))?.receive(&mut [0; 16])?; // There is no such method.
/// # Ok::<(), rawipc::Error>(())
/// ```
#[derive(Debug)]
pub struct Sender(MessageQueue);

/// The receiving end of a queue. What its methods do is said at [`MessageQueue`]'s of the same name. See [`Sender`] for
/// an example.
#[derive(Debug)]
pub struct Receiver(MessageQueue);

impl Sender {
    /// Opens an existing queue for sending only.
    ///
    /// # Errors
    /// Those of [`MessageQueueOptions::open`](super::MessageQueueOptions::open).
    pub fn open(name: &Name) -> Result<Self> {
        MessageQueue::options().write(true).open(name).map(Self)
    }

    /// [`MessageQueue::send`].
    ///
    /// # Errors
    /// The same.
    #[inline]
    pub fn send(&self, message: &[u8], priority: Priority) -> Result<()> {
        self.0.send(message, priority)
    }

    /// [`MessageQueue::try_send`].
    ///
    /// # Errors
    /// The same.
    #[inline]
    pub fn try_send(&self, message: &[u8], priority: Priority) -> Result<()> {
        self.0.try_send(message, priority)
    }

    /// [`MessageQueue::send_timeout`].
    ///
    /// # Errors
    /// The same.
    #[inline]
    pub fn send_timeout(&self, message: &[u8], priority: Priority, timeout: Duration) -> Result<()> {
        self.0.send_timeout(message, priority, timeout)
    }

    /// [`MessageQueue::send_deadline`].
    ///
    /// # Errors
    /// The same.
    pub fn send_deadline(&self, message: &[u8], priority: Priority, deadline: Deadline) -> Result<()> {
        self.0.send_deadline(message, priority, deadline)
    }

    /// [`MessageQueue::send_truncated`].
    ///
    /// # Errors
    /// The same.
    pub fn send_truncated(&self, message: &[u8], priority: Priority) -> Result<usize> {
        self.0.send_truncated(message, priority)
    }

    /// [`MessageQueue::send_all`].
    ///
    /// # Errors
    /// The same.
    pub fn send_all(&self, payload: &[u8], priority: Priority) -> core::result::Result<(), Incomplete> {
        self.0.send_all(payload, priority)
    }

    /// [`MessageQueue::send_all_deadline`].
    ///
    /// # Errors
    /// The same.
    pub fn send_all_deadline(
        &self,
        payload: &[u8],
        priority: Priority,
        deadline: Deadline,
    ) -> core::result::Result<(), Incomplete> {
        self.0.send_all_deadline(payload, priority, deadline)
    }

    /// [`MessageQueue::fill`].
    ///
    /// # Errors
    /// The same.
    pub fn fill(&self, payload: &[u8], priority: Priority) -> core::result::Result<usize, Incomplete> {
        self.0.fill(payload, priority)
    }

    /// [`MessageQueue::send_many`].
    ///
    /// # Errors
    /// The same.
    pub fn send_many<M: AsRef<[u8]>>(&self, messages: &[M], priority: Priority) -> Result<usize> {
        self.0.send_many(messages, priority)
    }
}

impl Receiver {
    /// Opens an existing queue for receiving only.
    ///
    /// # Errors
    /// Those of [`MessageQueueOptions::open`](super::MessageQueueOptions::open).
    pub fn open(name: &Name) -> Result<Self> {
        MessageQueue::options().read(true).open(name).map(Self)
    }

    /// [`MessageQueue::receive`].
    ///
    /// # Errors
    /// The same.
    #[inline]
    pub fn receive<'buffer, B: Buffer + ?Sized>(&self, buffer: &'buffer mut B) -> Result<Message<'buffer>> {
        self.0.receive(buffer)
    }

    /// [`MessageQueue::try_receive`].
    ///
    /// # Errors
    /// The same.
    #[inline]
    pub fn try_receive<'buffer, B: Buffer + ?Sized>(&self, buffer: &'buffer mut B) -> Result<Message<'buffer>> {
        self.0.try_receive(buffer)
    }

    /// [`MessageQueue::receive_timeout`].
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

    /// [`MessageQueue::receive_deadline`].
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

    /// [`MessageQueue::buffer`].
    ///
    /// # Errors
    /// The same.
    pub fn buffer<const N: usize>(&self) -> Result<MessageBuffer<N>> {
        self.0.buffer()
    }

    /// [`MessageQueue::drain`].
    ///
    /// # Errors
    /// The same.
    pub fn drain<'buffer, B: Buffer + ?Sized>(
        &self,
        buffer: &'buffer mut B,
    ) -> core::result::Result<Drained<'buffer>, Incomplete> {
        self.0.drain(buffer)
    }

    /// [`MessageQueue::receive_many`].
    ///
    /// # Errors
    /// The same.
    pub fn receive_many<B: Buffer + ?Sized>(
        &self,
        buffer: &mut B,
        take: impl FnMut(Message<'_>) -> ControlFlow<()>,
    ) -> Result<usize> {
        self.0.receive_many(buffer, take)
    }
}

/// What both ends have in common; `$direction` is the access that the queue must have.
macro_rules! end_of_queue {
    ($end:ident, $direction:expr) => {
        impl $end {
            /// The queue, for its attributes, its flags and its name.
            #[must_use]
            pub fn queue(&self) -> &MessageQueue {
                &self.0
            }

            /// The queue, for both directions again if it was opened so.
            #[must_use]
            pub fn into_queue(self) -> MessageQueue {
                self.0
            }
        }

        impl TryFrom<MessageQueue> for $end {
            type Error = Refused<MessageQueue>;

            /// Makes an end of a queue that is open in this direction (or in both).
            ///
            /// # Errors
            /// [`BadDescriptor`](crate::ErrorKind::BadDescriptor) if it is not; the queue is given back.
            fn try_from(queue: MessageQueue) -> core::result::Result<Self, Refused<MessageQueue>> {
                match queue.flags() {
                    Ok(flags) if flags.contains($direction) => Ok(Self(queue)),
                    Ok(_) => {
                        let error = Error::caused(Operation::AdoptQueue, Errno::BADF, Cause::WrongDirection);
                        Err(Refused { error, value: queue })
                    }
                    Err(error) => Err(Refused { error, value: queue }),
                }
            }
        }

        impl AsFd for $end {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.as_fd()
            }
        }

        impl AsRawFd for $end {
            fn as_raw_fd(&self) -> RawFd {
                self.0.as_raw_fd()
            }
        }
    };
}

end_of_queue!(Sender, OpenFlags::WRITE);
end_of_queue!(Receiver, OpenFlags::READ);
