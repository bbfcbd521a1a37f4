//! Sending and receiving many messages at once.

use core::ops::ControlFlow;

use super::SharedQueue;
use super::protocol::wait_limit::WaitLimit;
use crate::buffer::{Buffer, Incoming, Message};
use crate::error::{Error, ErrorKind, Result, TransferError};
use crate::priority::Priority;
use crate::stream::{Received, StopReason, cut, join, sent, what_fits};
use crate::time::Deadline;

impl SharedQueue {
    /// Sends messages of one priority until all are sent or the queue is full; never waits. Returns how many were sent:
    /// go on with `messages[sent..]`. No system call unless a peer waits for a message.
    ///
    /// Each message is sent as by [`try_send`](Self::try_send): others may send between them. WaitFor one payload that
    /// is cut into messages, see [`try_send_all`](Self::try_send_all).
    ///
    /// ```
    /// # use rawipc::{MessageBuffer, name, Priority, SharedQueue};
    /// use core::ops::ControlFlow;
    /// # let queue = SharedQueue::options().read(true).write(true).max_messages(2).max_message_size(16)
    /// #     .create_anonymous()?;
    /// assert_eq!(queue.try_send_many(&["one", "two", "three"], Priority::MIN)?, 2); // It holds two.
    /// let mut lengths = 0;
    /// let received = queue.try_receive_many(&mut MessageBuffer::<16>::new(), |message| {
    ///     lengths += message.payload().len();
    ///     ControlFlow::Continue(())
    /// })?;
    /// assert_eq!((received, lengths), (2, 6));
    /// # Ok::<(), rawipc::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`send`](Self::send), if it is the first message that fails; a full queue is no error. When a later one
    /// fails, those before it are sent and counted, and the next call has the error if it still is one.
    pub fn try_send_many<M: AsRef<[u8]>>(&self, messages: &[M], priority: Priority) -> Result<usize> {
        self.check_sending(0)?;
        let (sent, failure) = self.send_while_room(messages, priority);
        if sent > 0 { Ok(sent) } else { failure.map_or(Ok(0), Err) }
    }

    /// Receives the messages that are there, one after the other into one buffer, and gives each to `take`; stops when
    /// the queue is empty or `take` breaks. Never waits. Returns how many were received. No system call unless a peer
    /// waits for room.
    ///
    /// Where others send without a pause it ends only when `take` says so. To join messages in one buffer, see
    /// [`try_receive_all`](Self::try_receive_all); [`try_send_many`](Self::try_send_many) has an example.
    ///
    /// # Errors
    /// As [`receive`](Self::receive), if it is the first message that fails; an empty queue is no error. When a later
    /// one fails, those before it were taken, and the next call has the error if it still is one.
    pub fn try_receive_many<B: Buffer + ?Sized>(
        &self,
        buffer: &mut B,
        mut take: impl FnMut(Message<'_>) -> ControlFlow<()>,
    ) -> Result<usize> {
        let mut received = 0;
        loop {
            match self.try_receive(&mut *buffer) {
                Ok(message) => {
                    received += 1;
                    if take(message).is_break() {
                        return Ok(received);
                    }
                }
                Err(error) if received == 0 && error.kind() != ErrorKind::WouldBlock => return Err(error),
                Err(_) => return Ok(received),
            }
        }
    }

    /// Sends messages as long as the queue has room: how many, and what was wrong with the next one.
    pub(super) fn send_while_room<M: AsRef<[u8]>>(
        &self,
        messages: impl IntoIterator<Item = M>,
        priority: Priority,
    ) -> (usize, Option<Error>) {
        let mut sent = 0;
        for message in messages {
            match self.try_send(message.as_ref(), priority) {
                Ok(()) => sent += 1,
                Err(error) => return (sent, Some(error).filter(|error| error.kind() != ErrorKind::WouldBlock)),
            }
        }
        (sent, None)
    }

    /// Sends as much of a message as one message of the queue can hold; returns how many bytes that is.
    ///
    /// # Errors
    /// As [`send`](Self::send), but never [`MessageTooLong`](ErrorKind::MessageTooLong).
    pub fn send_truncated(&self, message: &[u8], priority: Priority) -> Result<usize> {
        let Err(error) = self.send(message, priority) else { return Ok(message.len()) };
        let start = what_fits(message, error)?;
        self.send(start, priority).map(|()| start.len())
    }

    /// Sends a payload of any length as messages of at most the queue's message size, waiting without a limit while the
    /// queue is full. An empty payload is one empty message.
    ///
    /// All messages have one priority, so they arrive in order; messages of other senders may come between them.
    ///
    /// # Errors
    /// As [`send`](Self::send), with the bytes sent so far: what is left is `payload[bytes..]`.
    pub fn send_all(&self, payload: &[u8], priority: Priority) -> core::result::Result<(), TransferError> {
        cut(payload, || Ok(self.attachment.max_message_size()), |chunk| self.send(chunk, priority))
    }

    /// Like [`send_all`](Self::send_all), until a deadline for the whole payload.
    ///
    /// # Errors
    /// As [`send_deadline`](Self::send_deadline), with the bytes sent so far.
    pub fn send_all_deadline(
        &self,
        payload: &[u8],
        priority: Priority,
        deadline: Deadline,
    ) -> core::result::Result<(), TransferError> {
        let send = |chunk: &[u8]| self.send_deadline(chunk, priority, deadline);
        cut(payload, || Ok(self.attachment.max_message_size()), send)
    }

    /// Sends from a payload, cut into messages, until it is all sent or the queue is full; never waits. Returns how
    /// many bytes were sent: go on with `payload[sent..]` when the queue has room again.
    ///
    /// An empty payload sends nothing. The end of a stream is an empty message: `try_send(&[], priority)`.
    ///
    /// ```
    /// # use rawipc::{Priority, SharedQueue};
    /// # use rawipc::endpoint::StopReason;
    /// # let queue = SharedQueue::options().read(true).write(true).max_messages(2).max_message_size(4)
    /// #     .create_anonymous()?;
    /// let payload = b"thirteen bytes";
    /// let sent = queue.try_send_all(payload, Priority::MIN)?;
    /// assert_eq!(sent, 8); // The queue holds two messages of four bytes.
    ///
    /// let mut buffer = [0; 64];
    /// let drained = queue.try_receive_all(&mut buffer)?;
    /// assert_eq!((drained.payload, drained.stop), (&payload[..8], StopReason::Empty));
    /// # Ok::<(), rawipc::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`send`](Self::send), with the bytes sent so far; a full queue is no error.
    pub fn try_send_all(&self, payload: &[u8], priority: Priority) -> core::result::Result<usize, TransferError> {
        self.check_sending(0).map_err(TransferError::at(0))?;
        let size = self.attachment.max_message_size();
        sent(payload, size, self.send_while_room(payload.chunks(size), priority))
    }

    /// Receives all messages that are there into one buffer, joined without a gap; never waits. Priorities are dropped.
    ///
    /// Stops after an empty message, which marks the end of a stream and is taken too; when the queue is empty; or when
    /// the rest of the buffer could not hold another message of the queue's longest. No message is ever cut. See
    /// [`try_send_all`](Self::try_send_all) for an example.
    ///
    /// # Errors
    /// [`BufferTooSmall`](ErrorKind::BufferTooSmall) if the buffer cannot hold even one message of the queue's longest;
    /// else as [`receive`](Self::receive), with the number of bytes that had been received: they are at the start of
    /// the buffer.
    pub fn try_receive_all<'buffer, B: Buffer + ?Sized>(
        &self,
        buffer: &'buffer mut B,
    ) -> core::result::Result<Received<'buffer>, TransferError> {
        join(buffer, |incoming| self.drain_into(incoming))
    }

    fn drain_into<B: Buffer + ?Sized>(&self, incoming: &mut Incoming<'_, B>) -> Result<StopReason> {
        let mut is_first = true;
        loop {
            let free = incoming.free();
            if !is_first && free < self.attachment.max_message_size() {
                return Ok(StopReason::Full);
            }
            match self.receive_into(incoming, WaitLimit::Now) {
                Ok(()) if incoming.free() == free => return Ok(StopReason::End),
                Ok(()) => is_first = false,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(StopReason::Empty),
                Err(error) => return Err(error),
            }
        }
    }
}
