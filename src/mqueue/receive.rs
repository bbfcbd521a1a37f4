//! Receiving one message.

use core::time::Duration;

use rustix::event::PollFlags;
use rustix::io;

use super::wait::Attempt;
use super::{MessageQueue, diagnosis};
use crate::buffer::{Buffer, Incoming, Message, MessageBuffer};
use crate::error::{Error, Operation, Result};
use crate::sys;
use crate::time::Deadline;

impl MessageQueue {
    /// Receives the oldest message of the highest priority, waiting without a limit while the queue is empty. One
    /// system call.
    ///
    /// The buffer must have room for the queue's longest message,
    /// [`max_message_size`](crate::Attributes::max_message_size) bytes, however short the next one is. Each message
    /// goes to exactly one receiver; several threads may receive on one handle.
    ///
    /// # Errors
    /// | kind | when |
    /// |---|---|
    /// | [`BufferTooSmall`](crate::ErrorKind::BufferTooSmall) | the error has both sizes; the message stays in the queue |
    /// | [`WouldBlock`](crate::ErrorKind::WouldBlock) | the queue is empty and nonblocking |
    /// | [`Interrupted`](crate::ErrorKind::Interrupted) | by a signal handler |
    /// | [`BadDescriptor`](crate::ErrorKind::BadDescriptor) | the queue is not open for receiving |
    ///
    /// No message is taken when it fails.
    ///
    /// # References
    /// [`mq_receive(3)`](https://man7.org/linux/man-pages/man3/mq_receive.3.html),
    /// [in POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/mq_receive.html)
    #[doc(alias = "mq_receive")]
    #[inline]
    pub fn receive<'buffer, B: Buffer + ?Sized>(&self, buffer: &'buffer mut B) -> Result<Message<'buffer>> {
        self.receive_by(buffer, |receiving| receiving.wait())
    }

    /// Receives a message if there is one, whether or not the queue is nonblocking; touches no flag.
    ///
    /// One system call on a nonblocking queue; on a blocking one a look before it, which is all that happens if the
    /// queue is empty.
    ///
    /// # Errors
    /// [`WouldBlock`](crate::ErrorKind::WouldBlock) if the queue is empty, else as [`receive`](Self::receive).
    #[inline]
    pub fn try_receive<'buffer, B: Buffer + ?Sized>(&self, buffer: &'buffer mut B) -> Result<Message<'buffer>> {
        self.receive_by(buffer, |receiving| receiving.now())
    }

    /// Receives a message, waiting at most so long while the queue is empty. Measured by the monotonic clock: setting
    /// the wall clock does not matter. A time-out of zero tries once. One system call if it need not wait.
    ///
    /// While it waits, a message that arrives fires a registration for notification, unlike with `receive`: see
    /// [`notify`](Self::notify).
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut), else as [`receive`](Self::receive).
    #[inline]
    pub fn receive_timeout<'buffer, B: Buffer + ?Sized>(
        &self,
        buffer: &'buffer mut B,
        timeout: Duration,
    ) -> Result<Message<'buffer>> {
        self.receive_by(buffer, |receiving| receiving.within(timeout))
    }

    /// Receives a message, waiting until the deadline while the queue is empty. A deadline in the past tries once, also
    /// one before the clock's start, which is EINVAL in C.
    ///
    /// While it waits by the monotonic clock, a message that arrives fires a registration for notification: see
    /// [`notify`](Self::notify).
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut), else as [`receive`](Self::receive).
    ///
    /// # References
    /// [`mq_timedreceive` in POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/mq_timedreceive.html)
    #[doc(alias = "mq_timedreceive")]
    pub fn receive_deadline<'buffer, B: Buffer + ?Sized>(
        &self,
        buffer: &'buffer mut B,
        deadline: Deadline,
    ) -> Result<Message<'buffer>> {
        self.receive_by(buffer, |receiving| receiving.until(deadline))
    }

    /// A buffer of `N` bytes, after making sure that it can hold this queue's messages.
    ///
    /// # Errors
    /// [`BufferTooSmall`](crate::ErrorKind::BufferTooSmall) with both sizes.
    pub fn buffer<const N: usize>(&self) -> Result<MessageBuffer<N>> {
        let needed = self.attributes()?.max_message_size;
        if N < needed {
            let cause = diagnosis::buffer_too_small(N, needed);
            return Err(Error::caused(Operation::Receive, io::Errno::MSGSIZE, cause));
        }
        Ok(MessageBuffer::new())
    }

    #[inline]
    fn receive_by<'buffer, B: Buffer + ?Sized>(
        &self,
        buffer: &'buffer mut B,
        wait: impl FnOnce(&mut Receiving<'_, 'buffer, B>) -> Result<()>,
    ) -> Result<Message<'buffer>> {
        let mut receiving = Receiving { queue: self, incoming: Incoming::new(buffer) };
        wait(&mut receiving)?;
        Ok(receiving.incoming.finish())
    }
}

struct Receiving<'queue, 'buffer, B: Buffer + ?Sized> {
    queue: &'queue MessageQueue,
    incoming: Incoming<'buffer, B>,
}

impl<B: Buffer + ?Sized> Attempt for Receiving<'_, '_, B> {
    const READY: PollFlags = PollFlags::IN;

    fn queue(&self) -> &MessageQueue {
        self.queue
    }

    #[inline]
    fn length(&mut self) -> usize {
        self.incoming.free()
    }

    #[inline]
    fn call(&mut self, deadline: Option<&sys::Timespec>) -> io::Result<()> {
        self.incoming.receive(&self.queue.descriptor, deadline).map(drop)
    }

    fn diagnose(queue: &MessageQueue, errno: io::Errno, length: usize) -> Error {
        diagnosis::of_receive(queue, errno, length)
    }
}
