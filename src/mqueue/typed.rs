//! Values as messages.

use core::marker::PhantomData;
use core::time::Duration;

use rustix::event::PollFlags;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use rustix::io::{self, Errno};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::wait::Attempt;
use super::{MessageQueue, Receiver, Sender, diagnosis};
use crate::Priority;
use crate::buffer::{Received, receive_value};
use crate::error::{Argument, Cause, Error, Operation, Refused, Result, saturate};
use crate::sys;
use crate::time::Deadline;

/// Sends values of one type, a value a message, as the bytes they are made of.
///
/// ```
/// use rawipc::{MessageQueue, Priority, Receiver, Sender, TypedReceiver, TypedSender, name};
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
#[derive(Debug)]
pub struct TypedSender<T> {
    sender: Sender,
    values: PhantomData<fn(T)>,
}

/// Receives values of one type, a value a message. See [`TypedSender`] for an example.
#[derive(Debug)]
pub struct TypedReceiver<T> {
    receiver: Receiver,
    values: PhantomData<fn() -> T>,
}

impl<T: IntoBytes + Immutable> TypedSender<T> {
    /// Makes sure that the queue's messages can hold a value.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if they are shorter than the type; the sender is given back.
    pub fn new(sender: Sender) -> core::result::Result<Self, Refused<Sender>> {
        match check_size::<T>(sender.queue(), |size| size_of::<T>() <= size) {
            Ok(()) => Ok(Self { sender, values: PhantomData }),
            Err(error) => Err(Refused { error, value: sender }),
        }
    }

    /// Sends a value as [`MessageQueue::send`] sends its bytes.
    ///
    /// # Errors
    /// The same.
    #[inline]
    pub fn send(&self, value: &T, priority: Priority) -> Result<()> {
        self.sender.send(value.as_bytes(), priority)
    }

    /// Sends a value as [`MessageQueue::try_send`] sends its bytes.
    ///
    /// # Errors
    /// The same.
    #[inline]
    pub fn try_send(&self, value: &T, priority: Priority) -> Result<()> {
        self.sender.try_send(value.as_bytes(), priority)
    }

    /// Sends a value as [`MessageQueue::send_timeout`] sends its bytes.
    ///
    /// # Errors
    /// The same.
    #[inline]
    pub fn send_timeout(&self, value: &T, priority: Priority, timeout: Duration) -> Result<()> {
        self.sender.send_timeout(value.as_bytes(), priority, timeout)
    }

    /// Sends a value as [`MessageQueue::send_deadline`] sends its bytes.
    ///
    /// # Errors
    /// The same.
    pub fn send_deadline(&self, value: &T, priority: Priority, deadline: Deadline) -> Result<()> {
        self.sender.send_deadline(value.as_bytes(), priority, deadline)
    }
}

impl<T> TypedSender<T> {
    /// The sender behind it.
    #[must_use]
    pub fn sender(&self) -> &Sender {
        &self.sender
    }
}

impl<T: FromBytes> TypedReceiver<T> {
    /// Makes sure that the queue's longest messages are exactly as long as a value.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if they are not; the receiver is given back.
    pub fn new(receiver: Receiver) -> core::result::Result<Self, Refused<Receiver>> {
        match check_size::<T>(receiver.queue(), |size| size_of::<T>() == size) {
            Ok(()) => Ok(Self { receiver, values: PhantomData }),
            Err(error) => Err(Refused { error, value: receiver }),
        }
    }

    /// Receives a value as [`MessageQueue::receive`] receives a message.
    ///
    /// # Errors
    /// The same; and [`Malformed`](crate::ErrorKind::Malformed) with both lengths if a peer sent a shorter message.
    /// That message is taken from the queue and dropped.
    #[inline]
    pub fn receive(&self) -> Result<(T, Priority)> {
        self.receive_by(|receiving| receiving.wait())
    }

    /// Receives a value as [`MessageQueue::try_receive`] receives a message.
    ///
    /// # Errors
    /// The same, and as [`receive`](Self::receive).
    #[inline]
    pub fn try_receive(&self) -> Result<(T, Priority)> {
        self.receive_by(|receiving| receiving.now())
    }

    /// Receives a value as [`MessageQueue::receive_timeout`] receives a message.
    ///
    /// # Errors
    /// The same, and as [`receive`](Self::receive).
    #[inline]
    pub fn receive_timeout(&self, timeout: Duration) -> Result<(T, Priority)> {
        self.receive_by(|receiving| receiving.within(timeout))
    }

    /// Receives a value as [`MessageQueue::receive_deadline`] receives a message.
    ///
    /// # Errors
    /// The same, and as [`receive`](Self::receive).
    pub fn receive_deadline(&self, deadline: Deadline) -> Result<(T, Priority)> {
        self.receive_by(|receiving| receiving.until(deadline))
    }

    #[inline]
    fn receive_by(&self, wait: impl FnOnce(&mut ReceivingValue<'_, T>) -> Result<()>) -> Result<(T, Priority)> {
        let mut receiving = ReceivingValue { queue: self.receiver.queue(), received: Received::Length(0) };
        wait(&mut receiving)?;
        match receiving.received {
            Received::Value(value, priority) => Ok((value, priority)),
            Received::Length(length) => {
                let cause =
                    Cause::WrongLength { length: saturate(length as u64), expected: saturate(size_of::<T>() as u64) };
                Err(Error::caused(Operation::Receive, Errno::MSGSIZE, cause))
            }
        }
    }
}

impl<T> TypedReceiver<T> {
    /// The receiver behind it.
    #[must_use]
    pub fn receiver(&self) -> &Receiver {
        &self.receiver
    }
}

/// The descriptors are those of the queues, for event loops.
macro_rules! descriptor_of {
    ($end:ident in $field:ident) => {
        impl<T> AsFd for $end<T> {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.$field.as_fd()
            }
        }

        impl<T> AsRawFd for $end<T> {
            fn as_raw_fd(&self) -> RawFd {
                self.$field.as_raw_fd()
            }
        }
    };
}

descriptor_of!(TypedSender in sender);
descriptor_of!(TypedReceiver in receiver);

struct ReceivingValue<'queue, T> {
    queue: &'queue MessageQueue,
    received: Received<T>,
}

impl<T: FromBytes> Attempt for ReceivingValue<'_, T> {
    const READY: PollFlags = PollFlags::IN;

    fn queue(&self) -> &MessageQueue {
        self.queue
    }

    #[inline]
    fn call(&mut self, deadline: Option<&sys::Timespec>) -> io::Result<()> {
        self.received = receive_value(&self.queue.descriptor, deadline)?;
        Ok(())
    }

    fn error(&mut self, errno: Errno) -> Error {
        diagnosis::of_receive(self.queue, errno, size_of::<T>())
    }
}

fn check_size<T>(queue: &MessageQueue, fits: impl FnOnce(usize) -> bool) -> Result<()> {
    const { assert!(size_of::<T>() > 0, "a type without bytes is no message") };
    let size = queue.attributes()?.max_message_size;
    if fits(size) {
        return Ok(());
    }
    Err(Error::argument(Operation::AdoptQueue, Argument::TypeSize, saturate(size as u64)))
}
