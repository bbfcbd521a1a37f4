//! Sending and receiving one message.

use core::time::Duration;

use rustix::io::Errno;

use super::SharedQueue;
use super::protocol::guard::Found;
use super::protocol::session::SHORT;
use super::protocol::view::Slot;
use super::protocol::wait_limit::{WaitFor, WaitLimit};
use crate::atomic_copy;
use crate::buffer::{Buffer, Incoming, Message, MessageBuffer};
use crate::error::{Cause, Error, Operation, Result, saturate};
use crate::futex::primitive::spin_loop;
use crate::open_flags::OpenFlags;
use crate::priority::Priority;
use crate::time::Deadline;

impl SharedQueue {
    /// Sends a message, waiting without a limit while the queue is full. No system call unless it has to wait, or
    /// a peer waits for a message.
    ///
    /// `message` is 0 to [`max_message_size`](crate::Attributes::max_message_size) bytes. Once it returns `Ok` the
    /// message is in the queue and survives this process.
    ///
    /// # Errors
    /// | kind | when |
    /// |---|---|
    /// | [`MessageTooLong`](crate::ErrorKind::MessageTooLong) | the error has both lengths |
    /// | [`WouldBlock`](crate::ErrorKind::WouldBlock) | the handle is nonblocking, and the queue is full or a peer is in the middle of a call |
    /// | [`Interrupted`](crate::ErrorKind::Interrupted) | by a signal handler |
    /// | [`BadDescriptor`](crate::ErrorKind::BadDescriptor) | the handle is not for sending |
    /// | [`Malformed`](crate::ErrorKind::Malformed) | a peer has written into the queue's memory what is no queue |
    ///
    /// Nothing is sent when it fails. In a child of `fork` that cannot attach to the queue, also what
    /// [`open`](super::SharedQueueOptions::open) says of that.
    #[inline]
    pub fn send(&self, message: &[u8], priority: Priority) -> Result<()> {
        self.send_within(message, priority, WaitLimit::None)
    }

    /// Sends a message if the queue is not full.
    ///
    /// # Errors
    /// [`WouldBlock`](crate::ErrorKind::WouldBlock) if the queue is full, or if a peer is in the middle of a call for
    /// longer than the [`lock_grace`](Self::set_lock_grace); else as [`send`](Self::send).
    #[inline]
    pub fn try_send(&self, message: &[u8], priority: Priority) -> Result<()> {
        self.send_within(message, priority, WaitLimit::Now)
    }

    /// Sends a message, blocking for at most `timeout` while the queue is full. Measured by the monotonic clock:
    /// setting the wall clock does not matter. A timeout of zero tries once.
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut), also if a peer was stopped in the middle of a call; else as
    /// [`send`](Self::send).
    #[inline]
    pub fn send_timeout(&self, message: &[u8], priority: Priority, timeout: Duration) -> Result<()> {
        self.send_within(message, priority, WaitLimit::Within(timeout))
    }

    /// Sends a message, waiting until the deadline while the queue is full. A deadline in the past tries once.
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut), else as [`send`](Self::send).
    #[inline]
    pub fn send_deadline(&self, message: &[u8], priority: Priority, deadline: Deadline) -> Result<()> {
        self.send_within(message, priority, WaitLimit::Until(deadline))
    }

    #[inline]
    fn send_within(&self, message: &[u8], priority: Priority, limit: WaitLimit) -> Result<()> {
        self.check_sending(message.len())?;
        let session = self.attachment.session(Operation::Send)?;
        let fill = |slot: Slot<'_>| atomic_copy::store_words(slot.words(), message);
        let sent = if message.len() > SHORT {
            session.send_long(message.len(), priority, &mut self.wait(limit), fill)
        } else {
            session.send(message.len(), priority, || self.wait(limit), fill)
        };
        match sent {
            Ok(ring) => {
                self.ring_if(ring);
                Ok(())
            }
            Err(errno) => Err(self.failed(Operation::Send, errno)),
        }
    }

    #[inline]
    pub(super) fn check_sending(&self, length: usize) -> Result<()> {
        if !self.access.contains(OpenFlags::WRITE) || length > self.attachment.max_message_size() {
            return Err(self.refused_sending(length));
        }
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn refused_sending(&self, length: usize) -> Error {
        if !self.access.contains(OpenFlags::WRITE) {
            return Error::caused(Operation::Send, Errno::BADF, Cause::WrongDirection);
        }
        let maximum = saturate(self.attachment.max_message_size() as u64);
        let cause = Cause::MessageTooLong { length: saturate(length as u64), maximum };
        Error::caused(Operation::Send, Errno::MSGSIZE, cause)
    }

    /// Receives the oldest message of the highest priority, waiting without a limit while the queue is empty. No system
    /// call unless it has to wait, or a peer waits for room.
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
    /// No message is taken when it fails. In a child of `fork` that cannot attach to the queue, also what
    /// [`open`](super::SharedQueueOptions::open) says of that.
    #[inline]
    pub fn receive<'buffer, B: Buffer + ?Sized>(&self, buffer: &'buffer mut B) -> Result<Message<'buffer>> {
        self.receive_within(buffer, WaitLimit::None)
    }

    /// Receives a message if there is one.
    ///
    /// # Errors
    /// [`WouldBlock`](crate::ErrorKind::WouldBlock) if the queue is empty, or if a peer is in the middle of a call for
    /// longer than the [`lock_grace`](Self::set_lock_grace); else as [`receive`](Self::receive).
    #[inline]
    pub fn try_receive<'buffer, B: Buffer + ?Sized>(&self, buffer: &'buffer mut B) -> Result<Message<'buffer>> {
        self.receive_within(buffer, WaitLimit::Now)
    }

    /// Receives a message, blocking for at most `timeout` while the queue is empty. Measured by the monotonic clock:
    /// setting the wall clock does not matter. A timeout of zero tries once.
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
        self.receive_within(buffer, WaitLimit::Within(timeout))
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
        self.receive_within(buffer, WaitLimit::Until(deadline))
    }

    /// Creates a buffer of `N` bytes, after making sure that it can hold this queue's messages.
    ///
    /// # Errors
    /// [`BufferTooSmall`](crate::ErrorKind::BufferTooSmall) with both sizes.
    pub fn buffer<const N: usize>(&self) -> Result<MessageBuffer<N>> {
        if N < self.attachment.max_message_size() {
            return Err(self.too_small(N));
        }
        Ok(MessageBuffer::new())
    }

    #[inline]
    fn receive_within<'buffer, B: Buffer + ?Sized>(
        &self,
        buffer: &'buffer mut B,
        limit: WaitLimit,
    ) -> Result<Message<'buffer>> {
        let mut incoming = Incoming::new(buffer);
        self.receive_into(&mut incoming, limit)?;
        Ok(incoming.finish())
    }

    /// Receives a message behind those that are there.
    #[inline]
    pub(super) fn receive_into<B: Buffer + ?Sized>(
        &self,
        incoming: &mut Incoming<'_, B>,
        limit: WaitLimit,
    ) -> Result<()> {
        self.check_receiving(incoming.free())?;
        let session = self.attachment.session(Operation::Receive)?;
        let take = |found: Found<'_>| incoming.load(found.slot.words(), found.length, found.priority);
        session.receive(|| self.wait(limit), take).map_err(|errno| self.failed(Operation::Receive, errno))
    }

    #[inline]
    pub(super) fn check_receiving(&self, free: usize) -> Result<()> {
        if !self.access.contains(OpenFlags::READ) || free < self.attachment.max_message_size() {
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
        let needed = saturate(self.attachment.max_message_size() as u64);
        let cause = Cause::BufferTooSmall { size: saturate(size as u64), needed };
        Error::caused(Operation::Receive, Errno::MSGSIZE, cause)
    }

    /// Looks up to `looks` times whether there is a message; returns `true` if there is. No system call. WaitFor right
    /// before a receive call of any form, so that it need not sleep; [`set_tuning`](Self::set_tuning) has every call do
    /// so by itself.
    ///
    /// On a machine of one processor the sender could not run meanwhile: it looks once there. Another
    /// receiver may be faster, so the receive call may have to wait all the same.
    ///
    /// # Errors
    /// [`BadDescriptor`](crate::ErrorKind::BadDescriptor) if the handle is not for receiving.
    #[doc(alias = "busy_poll")]
    pub fn spin_until_readable(&self, looks: u32) -> Result<bool> {
        self.check_receiving(usize::MAX)?;
        Ok(self.spin_until(WaitFor::Message, looks))
    }

    /// Looks up to `looks` times for room for a message. Returns `true` if there is room. No system call. See
    /// [`spin_until_readable`](Self::spin_until_readable).
    ///
    /// # Errors
    /// [`BadDescriptor`](crate::ErrorKind::BadDescriptor) if the handle is not for sending.
    pub fn spin_until_room(&self, looks: u32) -> Result<bool> {
        self.check_sending(0)?;
        Ok(self.spin_until(WaitFor::Room, looks))
    }

    fn spin_until(&self, what: WaitFor, looks: u32) -> bool {
        let looks = looks.min(self.spin.pauses(looks).max(1));
        (0..looks).any(|_| {
            let found = self.attachment.is_ready_hint(what);
            if !found {
                spin_loop();
            }
            found
        })
    }
}
