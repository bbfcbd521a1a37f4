//! More than a message at a time: payloads cut into messages, and messages joined.

use super::SharedQueue;
use super::protocol::wait::Limit;
use crate::priority::Priority;
use crate::buffer::{Buffer, Incoming};
use crate::error::{ErrorKind, Result};
use crate::stream::{Drained, Incomplete, Stop, cut, join, sent, what_fits};
use crate::time::Deadline;

impl SharedQueue {
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
    pub fn send_all(&self, payload: &[u8], priority: Priority) -> core::result::Result<(), Incomplete> {
        cut(payload, || Ok(self.member.max_message_size()), |chunk| self.send(chunk, priority))
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
    ) -> core::result::Result<(), Incomplete> {
        let send = |chunk: &[u8]| self.send_deadline(chunk, priority, deadline);
        cut(payload, || Ok(self.member.max_message_size()), send)
    }

    /// Sends from a payload, cut into messages, until it is all sent or the queue is full; never waits. Returns how
    /// many bytes were sent: go on with `payload[sent..]` when the queue has room again.
    ///
    /// An empty payload sends nothing. The end of a stream is an empty message: `try_send(&[], priority)`.
    ///
    /// ```
    /// # use rawipc::{Priority, SharedQueue, Stop};
    /// # let queue = SharedQueue::options().read(true).write(true).max_messages(2).max_message_size(4)
    /// #     .create_anonymous()?;
    /// let payload = b"thirteen bytes";
    /// let sent = queue.fill(payload, Priority::MIN)?;
    /// assert_eq!(sent, 8); // The queue holds two messages of four bytes.
    ///
    /// let mut buffer = [0; 64];
    /// let drained = queue.drain(&mut buffer)?;
    /// assert_eq!((drained.payload, drained.stop), (&payload[..8], Stop::Empty));
    /// # Ok::<(), rawipc::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`send`](Self::send), with the bytes sent so far; a full queue is no error.
    pub fn fill(&self, payload: &[u8], priority: Priority) -> core::result::Result<usize, Incomplete> {
        self.check_sending(0).map_err(Incomplete::at(0))?;
        let size = self.member.max_message_size();
        sent(payload, size, self.send_while_room(payload.chunks(size), priority))
    }

    /// Receives all messages that are there into one buffer, joined without a gap; never waits. Priorities are dropped.
    ///
    /// Stops after an empty message, which marks the end of a stream and is taken too; when the queue is empty; or when
    /// the rest of the buffer could not hold another message of the queue's longest. No message is ever cut. See
    /// [`fill`](Self::fill) for an example.
    ///
    /// # Errors
    /// [`BufferTooSmall`](ErrorKind::BufferTooSmall) if the buffer cannot hold even one message of the queue's longest;
    /// else as [`receive`](Self::receive), with the number of bytes that had been received: they are at the start of
    /// the buffer.
    pub fn drain<'buffer, B: Buffer + ?Sized>(
        &self,
        buffer: &'buffer mut B,
    ) -> core::result::Result<Drained<'buffer>, Incomplete> {
        join(buffer, |incoming| self.drain_into(incoming))
    }

    fn drain_into<B: Buffer + ?Sized>(&self, incoming: &mut Incoming<'_, B>) -> Result<Stop> {
        let mut is_first = true;
        loop {
            let free = incoming.free();
            if !is_first && free < self.member.max_message_size() {
                return Ok(Stop::Full);
            }
            match self.receive_into(incoming, Limit::Now) {
                Ok(()) if incoming.free() == free => return Ok(Stop::End),
                Ok(()) => is_first = false,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Stop::Empty),
                Err(error) => return Err(error),
            }
        }
    }
}
