//! More than a message at a time: payloads cut into messages, and messages joined.

use core::ops::ControlFlow;

use super::MessageQueue;
use crate::priority::Priority;
use crate::buffer::{Buffer, Incoming};
use crate::error::Result;
use crate::stream::{Drained, Incomplete, Stop, cut, join, sent, what_fits};
use crate::sys;
use crate::time::Deadline;

impl MessageQueue {
    /// Sends as much of a message as one message of the queue can hold; returns how many bytes that is.
    ///
    /// One system call if the message is short enough, three if it is cut.
    ///
    /// # Errors
    /// As [`send`](Self::send), but never [`MessageTooLong`](crate::ErrorKind::MessageTooLong).
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
    #[doc(alias = "sendall")]
    pub fn send_all(&self, payload: &[u8], priority: Priority) -> core::result::Result<(), Incomplete> {
        cut(payload, || self.max_message_size(), |chunk| self.send(chunk, priority))
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
        cut(payload, || self.max_message_size(), |chunk| self.send_deadline(chunk, priority, deadline))
    }

    /// Sends from a payload, cut into messages, until it is all sent or the queue is full; never waits. Returns how
    /// many bytes were sent: go on with `payload[sent..]` when the queue has room again (`poll` says when).
    ///
    /// An empty payload sends nothing. The end of a stream is an empty message: `try_send(&[], priority)`.
    ///
    /// ```
    /// # use rawipc::{MessageQueue, Priority, Stop, name};
    /// # let queue = MessageQueue::options().read(true).write(true).max_messages(2).max_message_size(4)
    /// #     .unlink_on_drop(true).create_unique(name!("/rawipc-doc-fill"))?;
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
        if payload.is_empty() {
            return self.check_sending(0, 0).map(|()| 0).map_err(Incomplete::at(0));
        }
        let attributes = self.attributes().map_err(Incomplete::at(0))?;
        let size = attributes.max_message_size;
        sent(payload, size, self.send_while_room(attributes, payload.chunks(size), priority))
    }

    /// Receives all messages that are there into one buffer, joined without a gap; never waits. Priorities are dropped.
    ///
    /// Stops after an empty message, which marks the end of a stream and is taken too; when the queue is empty; or when
    /// the rest of the buffer could not hold another message of the queue's longest. No message is ever cut. See
    /// [`fill`](Self::fill) for an example.
    ///
    /// # Errors
    /// [`BufferTooSmall`](crate::ErrorKind::BufferTooSmall) if the buffer cannot hold even one message of the queue's
    /// longest; else as [`receive`](Self::receive), with the number of bytes that had been received: they are at the
    /// start of the buffer.
    pub fn drain<'buffer, B: Buffer + ?Sized>(
        &self,
        buffer: &'buffer mut B,
    ) -> core::result::Result<Drained<'buffer>, Incomplete> {
        join(buffer, |incoming| self.drain_into(incoming))
    }

    fn drain_into<B: Buffer + ?Sized>(&self, incoming: &mut Incoming<'_, B>) -> Result<Stop> {
        let mut taken = 0;
        let stopped = self.while_there(|attributes| {
            let free = incoming.free();
            if free < attributes.max_message_size {
                let check = || self.check_receiving(free, attributes.max_message_size);
                return ControlFlow::Break(if taken > 0 { Ok(()) } else { check() }.map(|()| Stop::Full));
            }
            match incoming.receive(&self.descriptor, Some(&sys::Timespec::EXPIRED)) {
                Ok(0) => return ControlFlow::Break(Ok(Stop::End)),
                Ok(_) => taken += 1,
                Err(errno) => return ControlFlow::Break(self.unless_empty(errno, free).map(|()| Stop::Empty)),
            }
            ControlFlow::Continue(())
        })?;
        match stopped {
            ControlFlow::Break(stop) => Ok(stop),
            ControlFlow::Continue(needed) if taken == 0 => {
                self.check_receiving(incoming.free(), needed).map(|()| Stop::Empty)
            }
            ControlFlow::Continue(_) => Ok(Stop::Empty),
        }
    }

    fn max_message_size(&self) -> Result<usize> {
        self.attributes().map(|attributes| attributes.max_message_size)
    }
}
