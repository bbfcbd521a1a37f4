//! Sending and receiving one message.

use core::hint::spin_loop;
use core::time::Duration;

use rustix::event::PollFlags;
use rustix::io;
use rustix::io::Errno;

use super::wait::Attempt;
use super::{MessageQueue, diagnosis};
use crate::buffer::{Buffer, Incoming, Message, MessageBuffer};
use crate::error::{Error, Operation, Result};
use crate::priority::Priority;
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

    /// Sends a message, blocking for at most `timeout` while the queue is full. Measured by the monotonic clock:
    /// setting the wall clock does not matter. A timeout of zero tries once. One system call if it need not wait.
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

    /// Receives the oldest message of the highest priority, waiting without a limit while the queue is empty. One
    /// system call.
    ///
    /// The buffer must have room for the queue's longest message,
    /// [`max_message_size`](crate::Attributes::max_message_size) bytes, however short the next one is. Each message
    /// goes to exactly one receiver; several threads may receive on one handle.
    ///
    /// # Errors
    /// | kind | when |
    /// |---|---|
    /// | [`BufferTooSmall`](crate::ErrorKind::BufferTooSmall) | the error has both sizes; the message stays in the queue |
    /// | [`WouldBlock`](crate::ErrorKind::WouldBlock) | the queue is empty and nonblocking |
    /// | [`Interrupted`](crate::ErrorKind::Interrupted) | by a signal handler |
    /// | [`BadDescriptor`](crate::ErrorKind::BadDescriptor) | the queue is not open for receiving |
    ///
    /// No message is taken when it fails.
    ///
    /// # References
    /// [`mq_receive(3)`](https://man7.org/linux/man-pages/man3/mq_receive.3.html),
    /// [in POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/mq_receive.html)
    #[doc(alias = "mq_receive")]
    #[inline]
    pub fn receive<'buffer, B: Buffer + ?Sized>(&self, buffer: &'buffer mut B) -> Result<Message<'buffer>> {
        self.receive_by(buffer, |receiving| receiving.wait())
    }

    /// Receives a message if there is one, whether or not the queue is nonblocking; touches no flag.
    ///
    /// One system call on a nonblocking queue; on a blocking one a look before it, which is all that happens if the
    /// queue is empty.
    ///
    /// # Errors
    /// [`WouldBlock`](crate::ErrorKind::WouldBlock) if the queue is empty, else as [`receive`](Self::receive).
    #[inline]
    pub fn try_receive<'buffer, B: Buffer + ?Sized>(&self, buffer: &'buffer mut B) -> Result<Message<'buffer>> {
        self.receive_by(buffer, |receiving| receiving.now())
    }

    /// Receives a message, blocking for at most `timeout` while the queue is empty. Measured by the monotonic clock:
    /// setting the wall clock does not matter. A timeout of zero tries once. One system call if it need not wait.
    ///
    /// While it waits, a message that arrives fires a registration for notification, unlike with `receive`: see
    /// [`notify`](Self::notify).
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut), else as [`receive`](Self::receive).
    #[inline]
    pub fn receive_timeout<'buffer, B: Buffer + ?Sized>(
        &self,
        buffer: &'buffer mut B,
        timeout: Duration,
    ) -> Result<Message<'buffer>> {
        self.receive_by(buffer, |receiving| receiving.within(timeout))
    }

    /// Receives a message, waiting until the deadline while the queue is empty. A deadline in the past tries once, also
    /// one before the clock's start, which is EINVAL in C.
    ///
    /// While it waits by the monotonic clock, a message that arrives fires a registration for notification: see
    /// [`notify`](Self::notify).
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut), else as [`receive`](Self::receive).
    ///
    /// # References
    /// [`mq_timedreceive` in POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/mq_timedreceive.html)
    #[doc(alias = "mq_timedreceive")]
    pub fn receive_deadline<'buffer, B: Buffer + ?Sized>(
        &self,
        buffer: &'buffer mut B,
        deadline: Deadline,
    ) -> Result<Message<'buffer>> {
        self.receive_by(buffer, |receiving| receiving.until(deadline))
    }

    /// Creates a buffer of `N` bytes, after making sure that it can hold this queue's messages.
    ///
    /// # Errors
    /// [`BufferTooSmall`](crate::ErrorKind::BufferTooSmall) with both sizes.
    pub fn buffer<const N: usize>(&self) -> Result<MessageBuffer<N>> {
        let needed = self.attributes()?.max_message_size;
        if N < needed {
            let cause = diagnosis::buffer_too_small(N, needed);
            return Err(Error::caused(Operation::Receive, io::Errno::MSGSIZE, cause));
        }
        Ok(MessageBuffer::new())
    }

    #[inline]
    fn receive_by<'buffer, B: Buffer + ?Sized>(
        &self,
        buffer: &'buffer mut B,
        wait: impl FnOnce(&mut Receiving<'_, 'buffer, B>) -> Result<()>,
    ) -> Result<Message<'buffer>> {
        let mut receiving = Receiving { queue: self, incoming: Incoming::new(buffer) };
        wait(&mut receiving)?;
        Ok(receiving.incoming.finish())
    }

    /// Looks up to `looks` times for a message. Returns `true` if there is one. For use right before a receive call
    /// of any form, so that it need not sleep.
    ///
    /// Between two processors, a round trip of two processes that both spin takes a tenth of the time that it takes if
    /// they sleep: waking a sleeping processor is what costs. A look takes 0.15 µs, so 100 looks bridge what 15 µs
    /// of sleep would. Meanwhile the processor does nothing else; where the thread may run on one processor only, the
    /// sender could not run either, so it looks only once there.
    ///
    /// Another receiver may be faster, so the receive call may have to wait all the same.
    ///
    /// ```
    /// # use rawipc::{MessageBuffer, MessageQueue, name, Priority};
    /// # let queue = MessageQueue::options().read(true).write(true).max_messages(2).max_message_size(16)
    /// #     .unlink_on_drop(true).create_unique(name!("/rawipc-doc-spin"))?;
    /// # queue.send(b"hello", Priority::MIN)?;
    /// let mut buffer = MessageBuffer::<16>::new();
    /// queue.spin_until_readable(100)?;
    /// assert_eq!(queue.receive(&mut buffer)?.payload(), b"hello");
    /// assert!(!queue.spin_until_readable(100)?); // No more came while it looked.
    /// # Ok::<(), rawipc::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`BadDescriptor`](crate::ErrorKind::BadDescriptor) if the queue is not open for receiving.
    #[doc(alias = "busy_poll")]
    pub fn spin_until_readable(&self, looks: u32) -> Result<bool> {
        self.check_receiving(usize::MAX, 0)?;
        self.spin(PollFlags::IN, looks)
    }

    /// Looks up to `looks` times for room for a message. Returns `true` if there is room. For use right before a send
    /// call of any form; see [`spin_until_readable`](Self::spin_until_readable).
    ///
    /// # Errors
    /// [`BadDescriptor`](crate::ErrorKind::BadDescriptor) if the queue is not open for sending.
    pub fn spin_until_room(&self, looks: u32) -> Result<bool> {
        self.check_sending(0, 0)?;
        self.spin(PollFlags::OUT, looks)
    }

    fn spin(&self, ready: PollFlags, looks: u32) -> Result<bool> {
        for _ in 0..looks {
            match self.look(ready).map_err(|unready| unready.errno()) {
                Ok(()) => return Ok(true),
                Err(Errno::AGAIN | Errno::TIMEDOUT) => spin_loop(),
                Err(errno) => return Err(Error::system(Operation::QueueStatus, errno)),
            }
        }
        Ok(false)
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

struct Receiving<'queue, 'buffer, B: Buffer + ?Sized> {
    queue: &'queue MessageQueue,
    incoming: Incoming<'buffer, B>,
}

impl<B: Buffer + ?Sized> Attempt for Receiving<'_, '_, B> {
    const READY: PollFlags = PollFlags::IN;

    fn queue(&self) -> &MessageQueue {
        self.queue
    }

    #[inline]
    fn length(&mut self) -> usize {
        self.incoming.free()
    }

    #[inline]
    fn call(&mut self, deadline: Option<&sys::Timespec>) -> io::Result<()> {
        self.incoming.receive(&self.queue.descriptor, deadline).map(drop)
    }

    fn diagnose(queue: &MessageQueue, errno: io::Errno, length: usize) -> Error {
        diagnosis::of_receive(queue, errno, length)
    }
}
