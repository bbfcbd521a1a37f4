//! Many messages at a time, as long as there are some or there is room: a look for many, then a call for each.

use core::ops::ControlFlow;

use rustix::event::PollFlags;
use rustix::io::Errno;

use super::{MessageQueue, diagnosis};
use crate::priority::Priority;
use crate::attributes::Attributes;
use crate::buffer::{Buffer, Incoming, Message};
use crate::error::{Error, Result};
use crate::sys;

impl MessageQueue {
    /// Sends messages of one priority until all are sent or the queue is full; never waits. Returns how many were sent:
    /// go on with `messages[sent..]`.
    ///
    /// A system call for each message, and one look at the queue for as many as it had room for; [`try_send`] looks
    /// before each. For one payload that is cut into messages, see [`fill`].
    ///
    /// ```
    /// # use rawipc::{MessageBuffer, MessageQueue, Priority, name};
    /// use core::ops::ControlFlow;
    /// # let queue = MessageQueue::options().read(true).write(true).max_messages(2).max_message_size(16)
    /// #     .unlink_on_drop(true).create_unique(name!("/rawipc-doc-many"))?;
    /// assert_eq!(queue.send_many(&["one", "two", "three"], Priority::MIN)?, 2); // It holds two.
    /// let mut lengths = 0;
    /// let received = queue.receive_many(&mut MessageBuffer::<16>::new(), |message| {
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
    /// [`fill`]: Self::fill
    pub fn send_many<M: AsRef<[u8]>>(&self, messages: &[M], priority: Priority) -> Result<usize> {
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
    /// see [`drain`]; [`send_many`] has an example.
    ///
    /// # Errors
    /// As [`receive`](Self::receive), if it is the first message that fails; an empty queue is no error. When a later
    /// one fails, those before it were taken, and the next call has the error.
    ///
    /// [`try_receive`]: Self::try_receive
    /// [`drain`]: Self::drain
    /// [`send_many`]: Self::send_many
    pub fn receive_many<B: Buffer + ?Sized>(
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
}
