//! Sending and receiving many messages at once.

use core::ops::ControlFlow;

use rustix::event::PollFlags;
use rustix::io::Errno;

use super::{MessageQueue, diagnosis};
use crate::buffer::{Buffer, Incoming, Message};
use crate::error::{Error, Result, TransferError};
use crate::mqueue::Attributes;
use crate::priority::Priority;
use crate::stream::{Received, StopReason, cut, join, sent, what_fits};
use crate::sys;
use crate::time::Deadline;

impl MessageQueue {
    /// Sends messages of one priority until all are sent or the queue is full; never waits. Returns how many were sent:
    /// go on with `messages[sent..]`.
    ///
    /// A system call for each message, and one look at the queue for as many as it had room for; [`try_send`] looks
    /// before each. For one payload that is cut into messages, see [`try_send_all`].
    ///
    /// ```
    /// # use rawipc::{MessageBuffer, MessageQueue, name, Priority};
    /// use core::ops::ControlFlow;
    /// # let queue = MessageQueue::options().read(true).write(true).max_messages(2).max_message_size(16)
    /// #     .unlink_on_drop(true).create_unique(name!("/rawipc-doc-many"))?;
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
    /// fails, those before it are sent and counted, and the next call has the error.
    ///
    /// [`try_send`]: Self::try_send
    /// [`try_send_all`]: Self::try_send_all
    pub fn try_send_many<M: AsRef<[u8]>>(&self, messages: &[M], priority: Priority) -> Result<usize> {
        if messages.is_empty() {
            return self.check_sending(0, 0).map(|()| 0);
        }
        let (sent, failure) = self.send_while_room(self.attributes()?, messages, priority);
        if sent > 0 { Ok(sent) } else { failure.map_or(Ok(0), Err) }
    }

    /// Receives the messages that are there, one after the other into one buffer, and gives each to `take`; stops when
    /// the queue is empty or `take` breaks. Never waits. Returns how many were received.
    ///
    /// A system call for each message, and one look at the queue for as many as there were; [`try_receive`] looks
    /// before each. Where others send without a pause it ends only when `take` says so. To join messages in one buffer,
    /// see [`try_receive_all`]; [`try_send_many`] has an example.
    ///
    /// # Errors
    /// As [`receive`](Self::receive), if it is the first message that fails; an empty queue is no error. When a later
    /// one fails, those before it were taken, and the next call has the error.
    ///
    /// [`try_receive`]: Self::try_receive
    /// [`try_receive_all`]: Self::try_receive_all
    /// [`try_send_many`]: Self::try_send_many
    pub fn try_receive_many<B: Buffer + ?Sized>(
        &self,
        buffer: &mut B,
        mut take: impl FnMut(Message<'_>) -> ControlFlow<()>,
    ) -> Result<usize> {
        let mut received = 0;
        let ended = self.while_there(|_| {
            let mut incoming = Incoming::new(&mut *buffer);
            if let Err(errno) = incoming.receive(&self.descriptor, Some(&sys::Timespec::EXPIRED)) {
                return ControlFlow::Break(self.unless_empty(errno, incoming.free()));
            }
            received += 1;
            take(incoming.finish()).map_break(|()| Ok(()))
        });
        if received > 0 {
            return Ok(received);
        }
        match ended? {
            ControlFlow::Break(()) => Ok(0),
            ControlFlow::Continue(needed) => self.check_receiving(Incoming::new(buffer).free(), needed).map(|()| 0),
        }
    }

    /// Sends messages as long as the queue has room, of which the caller has just looked how much there is: how many,
    /// and what was wrong with the next one.
    pub(super) fn send_while_room<M: AsRef<[u8]>>(
        &self,
        seen: Attributes,
        messages: impl IntoIterator<Item = M>,
        priority: Priority,
    ) -> (usize, Option<Error>) {
        let (mut sent, mut room) = (0, seen.room());
        for message in messages {
            if room == 0 && sent > 0 {
                // Receivers may have made room meanwhile.
                match self.attributes() {
                    Ok(now) => room = now.room(),
                    Err(error) => return (sent, Some(error)),
                }
            }
            let message = message.as_ref();
            if room == 0 {
                return (sent, self.check_sending(message.len(), seen.max_message_size).err());
            }
            match sys::mq_timedsend(&self.descriptor, message, priority.into(), Some(&sys::Timespec::EXPIRED)) {
                Ok(()) => (sent, room) = (sent + 1, room - 1),
                // Another sender took the room.
                Err(Errno::AGAIN | Errno::TIMEDOUT) => break,
                Err(errno) => return (sent, Some(diagnosis::of_send(self, errno, message.len()))),
            }
        }
        (sent, None)
    }

    /// Does `one` for each message that is there, until it breaks; what it broke with, or if there is no more
    /// the room that one needs: where there was none, no call has checked the buffer.
    pub(super) fn while_there<T>(
        &self,
        mut one: impl FnMut(&Attributes) -> ControlFlow<Result<T>>,
    ) -> Result<ControlFlow<T, usize>> {
        loop {
            let attributes = self.attributes()?;
            if attributes.messages == 0 {
                return Ok(ControlFlow::Continue(attributes.max_message_size));
            }
            for _ in 0..attributes.messages {
                if let ControlFlow::Break(result) = one(&attributes) {
                    return result.map(ControlFlow::Break);
                }
            }
        }
    }

    /// Fails as every way to send does for its arguments alone, whether or not the queue has room.
    #[cold]
    pub(super) fn check_sending(&self, length: usize, max_message_size: usize) -> Result<()> {
        self.check(PollFlags::OUT, length, max_message_size).map_err(|errno| diagnosis::of_send(self, errno, length))
    }

    /// Fails as every way to receive does for its arguments alone, whether or not there is a message.
    #[cold]
    pub(super) fn check_receiving(&self, room: usize, max_message_size: usize) -> Result<()> {
        self.check(PollFlags::IN, room, max_message_size).map_err(|errno| diagnosis::of_receive(self, errno, room))
    }

    /// What a failed receive means where another receiver may have taken the message: that is no error.
    pub(super) fn unless_empty(&self, errno: Errno, free: usize) -> Result<()> {
        match errno {
            Errno::AGAIN | Errno::TIMEDOUT => Ok(()),
            errno => Err(diagnosis::of_receive(self, errno, free)),
        }
    }

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
    pub fn send_all(&self, payload: &[u8], priority: Priority) -> core::result::Result<(), TransferError> {
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
    ) -> core::result::Result<(), TransferError> {
        cut(payload, || self.max_message_size(), |chunk| self.send_deadline(chunk, priority, deadline))
    }

    /// Sends from a payload, cut into messages, until it is all sent or the queue is full; never waits. Returns how
    /// many bytes were sent: go on with `payload[sent..]` when the queue has room again (`poll` says when).
    ///
    /// An empty payload sends nothing. The end of a stream is an empty message: `try_send(&[], priority)`.
    ///
    /// ```
    /// # use rawipc::{MessageQueue, name, Priority};
    /// # use rawipc::endpoint::StopReason;
    /// # let queue = MessageQueue::options().read(true).write(true).max_messages(2).max_message_size(4)
    /// #     .unlink_on_drop(true).create_unique(name!("/rawipc-doc-fill"))?;
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
        if payload.is_empty() {
            return self.check_sending(0, 0).map(|()| 0).map_err(TransferError::at(0));
        }
        let attributes = self.attributes().map_err(TransferError::at(0))?;
        let size = attributes.max_message_size;
        sent(payload, size, self.send_while_room(attributes, payload.chunks(size), priority))
    }

    /// Receives all messages that are there into one buffer, joined without a gap; never waits. Priorities are dropped.
    ///
    /// Stops after an empty message, which marks the end of a stream and is taken too; when the queue is empty; or when
    /// the rest of the buffer could not hold another message of the queue's longest. No message is ever cut. See
    /// [`try_send_all`](Self::try_send_all) for an example.
    ///
    /// # Errors
    /// [`BufferTooSmall`](crate::ErrorKind::BufferTooSmall) if the buffer cannot hold even one message of the queue's
    /// longest; else as [`receive`](Self::receive), with the number of bytes that had been received: they are at the
    /// start of the buffer.
    pub fn try_receive_all<'buffer, B: Buffer + ?Sized>(
        &self,
        buffer: &'buffer mut B,
    ) -> core::result::Result<Received<'buffer>, TransferError> {
        join(buffer, |incoming| self.drain_into(incoming))
    }

    fn drain_into<B: Buffer + ?Sized>(&self, incoming: &mut Incoming<'_, B>) -> Result<StopReason> {
        let mut taken = 0;
        let stopped = self.while_there(|attributes| {
            let free = incoming.free();
            if free < attributes.max_message_size {
                let check = || self.check_receiving(free, attributes.max_message_size);
                return ControlFlow::Break(if taken > 0 { Ok(()) } else { check() }.map(|()| StopReason::Full));
            }
            match incoming.receive(&self.descriptor, Some(&sys::Timespec::EXPIRED)) {
                Ok(0) => return ControlFlow::Break(Ok(StopReason::End)),
                Ok(_) => taken += 1,
                Err(errno) => return ControlFlow::Break(self.unless_empty(errno, free).map(|()| StopReason::Empty)),
            }
            ControlFlow::Continue(())
        })?;
        match stopped {
            ControlFlow::Break(stop) => Ok(stop),
            ControlFlow::Continue(needed) if taken == 0 => {
                self.check_receiving(incoming.free(), needed).map(|()| StopReason::Empty)
            }
            ControlFlow::Continue(_) => Ok(StopReason::Empty),
        }
    }

    fn max_message_size(&self) -> Result<usize> {
        self.attributes().map(|attributes| attributes.max_message_size)
    }
}
