//! Many messages at a time, as long as there are some or there is room.

use core::ops::ControlFlow;

use super::SharedQueue;
use crate::priority::Priority;
use crate::buffer::{Buffer, Message};
use crate::error::{Error, ErrorKind, Result};

impl SharedQueue {
    /// Sends messages of one priority until all are sent or the queue is full; never waits. Returns how many were sent:
    /// go on with `messages[sent..]`. No system call unless somebody waits for a message.
    ///
    /// Each message is sent as by [`try_send`](Self::try_send): others may send between them. For one payload that is
    /// cut into messages, see [`fill`](Self::fill).
    ///
    /// ```
    /// # use rawipc::{MessageBuffer, Priority, SharedQueue, name};
    /// use core::ops::ControlFlow;
    /// # let queue = SharedQueue::options().read(true).write(true).max_messages(2).max_message_size(16)
    /// #     .create_anonymous()?;
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
    /// fails, those before it are sent and counted, and the next call has the error if it still is one.
    pub fn send_many<M: AsRef<[u8]>>(&self, messages: &[M], priority: Priority) -> Result<usize> {
        self.check_sending(0)?;
        let (sent, failure) = self.send_while_room(messages, priority);
        if sent > 0 { Ok(sent) } else { failure.map_or(Ok(0), Err) }
    }

    /// Receives the messages that are there, one after the other into one buffer, and gives each to `take`; stops when
    /// the queue is empty or `take` breaks. Never waits. Returns how many were received. No system call unless somebody
    /// waits for room.
    ///
    /// Where others send without a pause it ends only when `take` says so. To join messages in one buffer, see
    /// [`drain`](Self::drain); [`send_many`](Self::send_many) has an example.
    ///
    /// # Errors
    /// As [`receive`](Self::receive), if it is the first message that fails; an empty queue is no error. When a later
    /// one fails, those before it were taken, and the next call has the error if it still is one.
    pub fn receive_many<B: Buffer + ?Sized>(
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
}
