//! Values as messages.

use core::marker::PhantomData;
use core::time::Duration;

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use rustix::io::Errno;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::{Queue, Receiver, Sender};
use crate::buffer::{Message, ValueBuffer};
use crate::error::{Argument, Cause, Error, Operation, RejectedError, Result, saturate};
use crate::mqueue::MessageQueue;
use crate::priority::Priority;
use crate::time::Deadline;

/// Sends values of one type, a value a message, as the bytes they are made of; through a queue of either kind, the
/// kernel's if nothing else is said.
///
/// ```
/// use rawipc::{MessageQueue, name, Priority, Receiver, Sender, TypedReceiver, TypedSender};
/// use zerocopy::{FromBytes, Immutable, IntoBytes};
///
/// #[derive(Debug, PartialEq, FromBytes, IntoBytes, Immutable)]
/// #[repr(C)]
/// struct Reading {
///     sensor: u32,
///     millikelvin: u32,
/// }
///
/// let queue = MessageQueue::options().read(true).write(true).max_messages(2).max_message_size(size_of::<Reading>())
///     .unlink_on_drop(true).create_unique(name!("/rawipc-doc-typed"))?;
/// let readings = TypedReceiver::<Reading>::new(Receiver::try_from(queue.try_clone()?)?)?;
/// let sensor = TypedSender::<Reading>::new(Sender::try_from(queue)?)?;
/// sensor.send(&Reading { sensor: 7, millikelvin: 293_150 }, Priority::MIN)?;
/// assert_eq!(readings.receive()?, (Reading { sensor: 7, millikelvin: 293_150 }, Priority::MIN));
/// # Ok::<(), rawipc::Error>(())
/// ```
///
/// A type that is named in the path is that of the values; `_` lets the sender say which queue it is:
///
/// ```
/// # use rawipc::{Priority, Receiver, Sender, SharedQueue, TypedReceiver, TypedSender};
/// let queue = SharedQueue::options().read(true).write(true).max_message_size(4).create_anonymous()?;
/// let counts = TypedReceiver::<u32, _>::new(Receiver::try_from(queue.try_clone()?)?)?;
/// let counter = TypedSender::<u32, _>::new(Sender::try_from(queue)?)?;
/// counter.send(&7, Priority::MIN)?;
/// assert_eq!(counts.receive()?.0, 7);
/// # Ok::<(), rawipc::Error>(())
/// ```
#[derive(Debug)]
pub struct TypedSender<T, Q = MessageQueue> {
    sender: Sender<Q>,
    values: PhantomData<fn(T)>,
}

/// Receives values of one type, a value a message. See [`TypedSender`] for an example.
#[derive(Debug)]
pub struct TypedReceiver<T, Q = MessageQueue> {
    receiver: Receiver<Q>,
    values: PhantomData<fn() -> T>,
}

impl<T: IntoBytes + Immutable, Q: Queue> TypedSender<T, Q> {
    /// Makes sure that the queue's messages can hold a value.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if they are shorter than the type; the sender is given back.
    pub fn new(sender: Sender<Q>) -> core::result::Result<Self, RejectedError<Sender<Q>>> {
        match check_size::<T, Q>(sender.queue(), |size| size_of::<T>() <= size) {
            Ok(()) => Ok(Self { sender, values: PhantomData }),
            Err(error) => Err(RejectedError { error, value: sender }),
        }
    }

    /// Sends a value as [`Sender::send`] sends its bytes.
    ///
    /// # Errors
    /// The same.
    #[inline]
    pub fn send(&self, value: &T, priority: Priority) -> Result<()> {
        self.sender.send(value.as_bytes(), priority)
    }

    /// Sends a value as [`Sender::try_send`] sends its bytes.
    ///
    /// # Errors
    /// The same.
    #[inline]
    pub fn try_send(&self, value: &T, priority: Priority) -> Result<()> {
        self.sender.try_send(value.as_bytes(), priority)
    }

    /// Sends a value as [`Sender::send_timeout`] sends its bytes.
    ///
    /// # Errors
    /// The same.
    #[inline]
    pub fn send_timeout(&self, value: &T, priority: Priority, timeout: Duration) -> Result<()> {
        self.sender.send_timeout(value.as_bytes(), priority, timeout)
    }

    /// Sends a value as [`Sender::send_deadline`] sends its bytes.
    ///
    /// # Errors
    /// The same.
    pub fn send_deadline(&self, value: &T, priority: Priority, deadline: Deadline) -> Result<()> {
        self.sender.send_deadline(value.as_bytes(), priority, deadline)
    }
}

impl<T, Q> TypedSender<T, Q> {
    /// Returns the sender behind it.
    #[must_use]
    pub fn sender(&self) -> &Sender<Q> {
        &self.sender
    }
}

impl<T: FromBytes, Q: Queue> TypedReceiver<T, Q> {
    /// Makes sure that the queue's longest messages are exactly as long as a value.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if they are not; the receiver is given back.
    pub fn new(receiver: Receiver<Q>) -> core::result::Result<Self, RejectedError<Receiver<Q>>> {
        match check_size::<T, Q>(receiver.queue(), |size| size_of::<T>() == size) {
            Ok(()) => Ok(Self { receiver, values: PhantomData }),
            Err(error) => Err(RejectedError { error, value: receiver }),
        }
    }

    /// Receives a value as [`Receiver::receive`] receives a message.
    ///
    /// # Errors
    /// The same; and [`Malformed`](crate::ErrorKind::Malformed) with both lengths if a peer sent a shorter message.
    /// That message is taken from the queue and dropped.
    #[inline]
    pub fn receive(&self) -> Result<(T, Priority)> {
        self.receive_by(|buffer| self.receiver.receive(buffer))
    }

    /// Receives a value as [`Receiver::try_receive`] receives a message.
    ///
    /// # Errors
    /// The same, and as [`receive`](Self::receive).
    #[inline]
    pub fn try_receive(&self) -> Result<(T, Priority)> {
        self.receive_by(|buffer| self.receiver.try_receive(buffer))
    }

    /// Receives a value as [`Receiver::receive_timeout`] receives a message.
    ///
    /// # Errors
    /// The same, and as [`receive`](Self::receive).
    #[inline]
    pub fn receive_timeout(&self, timeout: Duration) -> Result<(T, Priority)> {
        self.receive_by(|buffer| self.receiver.receive_timeout(buffer, timeout))
    }

    /// Receives a value as [`Receiver::receive_deadline`] receives a message.
    ///
    /// # Errors
    /// The same, and as [`receive`](Self::receive).
    pub fn receive_deadline(&self, deadline: Deadline) -> Result<(T, Priority)> {
        self.receive_by(|buffer| self.receiver.receive_deadline(buffer, deadline))
    }

    #[inline]
    fn receive_by(&self, receive: impl FnOnce(&mut ValueBuffer<T>) -> Result<Message<'_>>) -> Result<(T, Priority)> {
        let mut buffer = ValueBuffer::new();
        let priority = receive(&mut buffer)?.priority();
        buffer.into_value().map(|value| (value, priority)).map_err(|length| wrong_length(length, size_of::<T>()))
    }
}

impl<T, Q> TypedReceiver<T, Q> {
    /// Returns the receiver behind it.
    #[must_use]
    pub fn receiver(&self) -> &Receiver<Q> {
        &self.receiver
    }
}

/// The descriptors are those of the queues, for event loops.
macro_rules! descriptor_of {
    ($end:ident in $field:ident) => {
        impl<T, Q: AsFd> AsFd for $end<T, Q> {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.$field.as_fd()
            }
        }

        impl<T, Q: AsRawFd> AsRawFd for $end<T, Q> {
            fn as_raw_fd(&self) -> RawFd {
                self.$field.as_raw_fd()
            }
        }
    };
}

descriptor_of!(TypedSender in sender);
descriptor_of!(TypedReceiver in receiver);

fn check_size<T, Q: Queue>(queue: &Q, fits: impl FnOnce(usize) -> bool) -> Result<()> {
    const { assert!(size_of::<T>() > 0, "a type without bytes is no message") };
    let size = queue.attributes()?.max_message_size;
    if fits(size) {
        return Ok(());
    }
    Err(Error::argument(Operation::AdoptQueue, Argument::TypeSize, saturate(size as u64)))
}

#[cold]
#[inline(never)]
fn wrong_length(length: usize, expected: usize) -> Error {
    let cause = Cause::WrongLength { length: saturate(length as u64), expected: saturate(expected as u64) };
    Error::caused(Operation::Receive, Errno::MSGSIZE, cause)
}
