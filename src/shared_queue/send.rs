//! Sending one message.

use core::time::Duration;

use rustix::io::Errno;

use super::SharedQueue;
use super::protocol::session::SHORT;
use super::protocol::view::Block;
use super::protocol::wait::Limit;
use crate::priority::Priority;
use crate::atomic_copy;
use crate::error::{Cause, Error, Operation, Result, saturate};
use crate::open_flags::OpenFlags;
use crate::time::Deadline;

impl SharedQueue {
    /// Sends a message, waiting without a limit while the queue is full. No system call unless it has to wait, or
    /// somebody waits for a message.
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
    /// Nothing is sent when it fails. In a child of `fork` that cannot take part in the queue, also what
    /// [`open`](super::SharedQueueOptions::open) says of that.
    #[inline]
    pub fn send(&self, message: &[u8], priority: Priority) -> Result<()> {
        self.send_within(message, priority, Limit::None)
    }

    /// Sends a message if the queue is not full.
    ///
    /// # Errors
    /// [`WouldBlock`](crate::ErrorKind::WouldBlock) if the queue is full, or if a peer is in the middle of a call for
    /// longer than the [`lock_grace`](Self::set_lock_grace); else as [`send`](Self::send).
    #[inline]
    pub fn try_send(&self, message: &[u8], priority: Priority) -> Result<()> {
        self.send_within(message, priority, Limit::Now)
    }

    /// Sends a message, waiting at most so long while the queue is full. Measured by the monotonic clock: setting the
    /// wall clock does not matter. A time-out of zero tries once.
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut), also if a peer was stopped in the middle of a call; else as
    /// [`send`](Self::send).
    #[inline]
    pub fn send_timeout(&self, message: &[u8], priority: Priority, timeout: Duration) -> Result<()> {
        self.send_within(message, priority, Limit::Within(timeout))
    }

    /// Sends a message, waiting until the deadline while the queue is full. A deadline in the past tries once.
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut), else as [`send`](Self::send).
    #[inline]
    pub fn send_deadline(&self, message: &[u8], priority: Priority, deadline: Deadline) -> Result<()> {
        self.send_within(message, priority, Limit::Until(deadline))
    }

    #[inline]
    fn send_within(&self, message: &[u8], priority: Priority, limit: Limit) -> Result<()> {
        self.check_sending(message.len())?;
        let client = self.member.client(Operation::Send)?;
        let fill = |block: Block<'_>| atomic_copy::store_words(block.words(), message);
        let sent = if message.len() > SHORT {
            client.send_long(message.len(), priority, &mut self.wait(limit), fill)
        } else {
            client.send(message.len(), priority, || self.wait(limit), fill)
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
        if !self.access.contains(OpenFlags::WRITE) || length > self.member.max_message_size() {
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
        let maximum = saturate(self.member.max_message_size() as u64);
        let cause = Cause::MessageTooLong { length: saturate(length as u64), maximum };
        Error::caused(Operation::Send, Errno::MSGSIZE, cause)
    }
}
