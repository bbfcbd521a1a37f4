//! Receiving one message.

use core::time::Duration;

use rustix::io::Errno;

use super::SharedQueue;
use super::protocol::guard::Found;
use super::protocol::wait::Limit;
use crate::buffer::{Buffer, Incoming, Message, MessageBuffer};
use crate::error::{Cause, Error, Operation, Result, saturate};
use crate::open_flags::OpenFlags;
use crate::time::Deadline;

impl SharedQueue {
    /// Receives the oldest message of the highest priority, waiting without a limit while the queue is empty. No system
    /// call unless it has to wait, or somebody waits for room.
    ///
    /// The buffer must have room for the queue's longest message,
    /// [`max_message_size`](crate::Attributes::max_message_size) bytes, however short the next one is. Each message
    /// goes to exactly one receiver; several threads may receive on one handle.
    ///
    /// # Errors
    /// | kind | when |
    /// |---|---|
    /// | [`BufferTooSmall`](crate::ErrorKind::BufferTooSmall) | the error has both sizes; the message stays in the queue |
    /// | [`WouldBlock`](crate::ErrorKind::WouldBlock) | the handle is nonblocking, and the queue is empty or a peer is in the middle of a call |
    /// | [`Interrupted`](crate::ErrorKind::Interrupted) | by a signal handler |
    /// | [`BadDescriptor`](crate::ErrorKind::BadDescriptor) | the handle is not for receiving |
    /// | [`Malformed`](crate::ErrorKind::Malformed) | a peer has written into the queue's memory what is no queue |
    ///
    /// No message is taken when it fails. In a child of `fork` that cannot take part in the queue, also what
    /// [`open`](super::SharedQueueOptions::open) says of that.
    #[inline]
    pub fn receive<'buffer, B: Buffer + ?Sized>(&self, buffer: &'buffer mut B) -> Result<Message<'buffer>> {
        self.receive_within(buffer, Limit::None)
    }

    /// Receives a message if there is one.
    ///
    /// # Errors
    /// [`WouldBlock`](crate::ErrorKind::WouldBlock) if the queue is empty, or if a peer is in the middle of a call for
    /// longer than the [`lock_grace`](Self::set_lock_grace); else as [`receive`](Self::receive).
    #[inline]
    pub fn try_receive<'buffer, B: Buffer + ?Sized>(&self, buffer: &'buffer mut B) -> Result<Message<'buffer>> {
        self.receive_within(buffer, Limit::Now)
    }

    /// Receives a message, waiting at most so long while the queue is empty. Measured by the monotonic clock: setting
    /// the wall clock does not matter. A time-out of zero tries once.
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut), also if a peer was stopped in the middle of a call; else as
    /// [`receive`](Self::receive).
    #[inline]
    pub fn receive_timeout<'buffer, B: Buffer + ?Sized>(
        &self,
        buffer: &'buffer mut B,
        timeout: Duration,
    ) -> Result<Message<'buffer>> {
        self.receive_within(buffer, Limit::Within(timeout))
    }

    /// Receives a message, waiting until the deadline while the queue is empty. A deadline in the past tries once.
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut), else as [`receive`](Self::receive).
    #[inline]
    pub fn receive_deadline<'buffer, B: Buffer + ?Sized>(
        &self,
        buffer: &'buffer mut B,
        deadline: Deadline,
    ) -> Result<Message<'buffer>> {
        self.receive_within(buffer, Limit::Until(deadline))
    }

    /// A buffer of `N` bytes, after making sure that it can hold this queue's messages.
    ///
    /// # Errors
    /// [`BufferTooSmall`](crate::ErrorKind::BufferTooSmall) with both sizes.
    pub fn buffer<const N: usize>(&self) -> Result<MessageBuffer<N>> {
        if N < self.member.max_message_size() {
            return Err(self.too_small(N));
        }
        Ok(MessageBuffer::new())
    }

    #[inline]
    fn receive_within<'buffer, B: Buffer + ?Sized>(
        &self,
        buffer: &'buffer mut B,
        limit: Limit,
    ) -> Result<Message<'buffer>> {
        let mut incoming = Incoming::new(buffer);
        self.receive_into(&mut incoming, limit)?;
        Ok(incoming.finish())
    }

    /// Receives a message behind those that are there.
    #[inline]
    pub(super) fn receive_into<B: Buffer + ?Sized>(&self, incoming: &mut Incoming<'_, B>, limit: Limit) -> Result<()> {
        self.check_receiving(incoming.free())?;
        let client = self.member.client(Operation::Receive)?;
        let take = |found: Found<'_>| incoming.load(found.block.words(), found.length, found.priority);
        client.receive(|| self.wait(limit), take).map_err(|errno| self.failed(Operation::Receive, errno))
    }

    #[inline]
    pub(super) fn check_receiving(&self, free: usize) -> Result<()> {
        if !self.access.contains(OpenFlags::READ) || free < self.member.max_message_size() {
            return Err(self.refused_receiving(free));
        }
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn refused_receiving(&self, free: usize) -> Error {
        if !self.access.contains(OpenFlags::READ) {
            return Error::caused(Operation::Receive, Errno::BADF, Cause::WrongDirection);
        }
        self.too_small(free)
    }

    #[cold]
    fn too_small(&self, size: usize) -> Error {
        let needed = saturate(self.member.max_message_size() as u64);
        let cause = Cause::BufferTooSmall { size: saturate(size as u64), needed };
        Error::caused(Operation::Receive, Errno::MSGSIZE, cause)
    }
}
