//! Sending one message.

use core::time::Duration;

use rustix::event::PollFlags;
use rustix::io;

use super::wait::Attempt;
use super::{MessageQueue, diagnosis};
use crate::priority::Priority;
use crate::error::{Error, Result};
use crate::sys;
use crate::time::Deadline;

impl MessageQueue {
    /// Sends a message, waiting without a limit while the queue is full. One system call.
    ///
    /// `message` is 0 to [`max_message_size`](crate::Attributes::max_message_size) bytes. Once it returns `Ok` the
    /// message is in the kernel and survives this process.
    ///
    /// # Errors
    /// | kind | when |
    /// |---|---|
    /// | [`MessageTooLong`](crate::ErrorKind::MessageTooLong) | the error has both lengths |
    /// | [`WouldBlock`](crate::ErrorKind::WouldBlock) | the queue is full and nonblocking |
    /// | [`Interrupted`](crate::ErrorKind::Interrupted) | by a signal handler |
    /// | [`BadDescriptor`](crate::ErrorKind::BadDescriptor) | the queue is not open for sending |
    /// | [`OutOfMemory`](crate::ErrorKind::OutOfMemory) | the kernel has no memory for the message |
    ///
    /// Nothing is sent when it fails.
    ///
    /// # References
    /// [`mq_send(3)`](https://man7.org/linux/man-pages/man3/mq_send.3.html),
    /// [in POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/mq_send.html)
    #[doc(alias = "mq_send")]
    #[inline]
    pub fn send(&self, message: &[u8], priority: Priority) -> Result<()> {
        self.sending(message, priority).wait()
    }

    /// Sends a message if the queue is not full, whether or not the queue is nonblocking; touches no flag.
    ///
    /// One system call on a nonblocking queue; on a blocking one a look before it, which is all that happens if the
    /// queue is full.
    ///
    /// # Errors
    /// [`WouldBlock`](crate::ErrorKind::WouldBlock) if the queue is full, else as [`send`](Self::send).
    #[inline]
    pub fn try_send(&self, message: &[u8], priority: Priority) -> Result<()> {
        self.sending(message, priority).now()
    }

    /// Sends a message, waiting at most so long while the queue is full. Measured by the monotonic clock: setting the
    /// wall clock does not matter. A time-out of zero tries once. One system call if it need not wait.
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut), else as [`send`](Self::send).
    #[inline]
    pub fn send_timeout(&self, message: &[u8], priority: Priority, timeout: Duration) -> Result<()> {
        self.sending(message, priority).within(timeout)
    }

    /// Sends a message, waiting until the deadline while the queue is full. A deadline in the past tries once.
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut), else as [`send`](Self::send).
    ///
    /// # References
    /// [`mq_timedsend` in POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/mq_timedsend.html)
    #[doc(alias = "mq_timedsend")]
    pub fn send_deadline(&self, message: &[u8], priority: Priority, deadline: Deadline) -> Result<()> {
        self.sending(message, priority).until(deadline)
    }

    #[inline]
    fn sending<'call>(&'call self, message: &'call [u8], priority: Priority) -> Sending<'call> {
        Sending { queue: self, message, priority }
    }
}

struct Sending<'call> {
    queue: &'call MessageQueue,
    message: &'call [u8],
    priority: Priority,
}

impl Attempt for Sending<'_> {
    const READY: PollFlags = PollFlags::OUT;

    fn queue(&self) -> &MessageQueue {
        self.queue
    }

    #[inline]
    fn length(&mut self) -> usize {
        self.message.len()
    }

    #[inline]
    fn call(&mut self, deadline: Option<&sys::Timespec>) -> io::Result<()> {
        sys::mq_timedsend(&self.queue.descriptor, self.message, self.priority.into(), deadline)
    }

    fn diagnose(queue: &MessageQueue, errno: io::Errno, length: usize) -> Error {
        diagnosis::of_send(queue, errno, length)
    }
}
