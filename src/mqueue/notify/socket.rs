//! Being told that a message arrived, by a descriptor.

use core::borrow::Borrow;
use core::fmt;
use core::mem;
use core::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use rustix::io::{self, Errno};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, recv, socket_with};

use super::super::wait::poll_time;
use crate::creation::Creator;
use crate::error::{Argument, Error, Operation, RejectedError, Result};
use crate::mqueue::MessageQueue;
use crate::sys;
use crate::time::Deadline;

/// What a [`NotificationSocket`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notified {
    /// A message arrived in the empty queue. The registration is used up.
    Arrived,
    /// The registration was removed without a message: by this process, which cancelled it or closed a descriptor of
    /// the queue.
    Removed,
}

/// Tells by a descriptor that a message arrived: no signal, no thread.
///
/// It belongs to one queue, which it is made with: `&MessageQueue`, an `Arc<MessageQueue>`, or the `MessageQueue`
/// itself. It is a socket of its own, to be polled together with anything else; the queue's own descriptor is readable
/// while there are messages, this one once when the first of them comes. See [`MessageQueue::notify`] for when that is.
///
/// The loop that misses nothing arms **before** it empties the queue, since a message that comes into a queue that is
/// not empty notifies no process:
///
/// ```
/// use rawipc::{ErrorKind, MessageBuffer, MessageQueue, name, NotificationSocket, Priority};
/// use rawipc::mqueue::Notified;
///
/// let queue = MessageQueue::options().read(true).write(true).max_messages(2).max_message_size(16)
///     .unlink_on_drop(true).create_unique(name!("/rawipc-doc-socket"))?;
/// let mut arrivals = NotificationSocket::new(&queue)?;
/// let mut buffer = MessageBuffer::<16>::new();
/// # queue.send(b"first", Priority::MIN)?;
/// # let mut received = 0;
/// loop {
///     arrivals.arm()?;
///     loop {
///         match queue.try_receive(&mut buffer) {
///             Ok(message) => println!("{:?}", message.payload()),
///             Err(error) if error.kind() == ErrorKind::WouldBlock => break,
///             Err(error) => return Err(error),
///         }
/// #       received += 1;
///     }
/// #   if received == 2 { break }
/// #   queue.send(b"second", Priority::MIN)?;
///     assert_eq!(arrivals.wait()?, Notified::Arrived);
/// }
/// # Ok::<(), rawipc::Error>(())
/// ```
///
/// Dropping it cancels its registration, if that has not fired yet, and closes the socket. Another process's
/// registration stays.
///
/// # Fork
/// A registration belongs to the process that made it. In a forked child every method fails, and dropping changes
/// nothing for the parent: make a new one there.
///
/// # References
/// [`mq_notify(3)`](https://man7.org/linux/man-pages/man3/mq_notify.3.html): what the C library builds its threads on.
#[doc(alias = "SIGEV_THREAD")]
pub struct NotificationSocket<Q: Borrow<MessageQueue>> {
    queue: Q,
    socket: OwnedFd,
    creator: Creator,
    /// Counts the registrations, so that news of an earlier one are known for what they are.
    registration: u32,
    /// How many registrations there are whose news have not been read: each one has news once.
    unread: u32,
    /// An earlier arrival was read to make room, and has yet to be reported.
    arrived: bool,
}

impl<Q: Borrow<MessageQueue>> NotificationSocket<Q> {
    /// Makes a socket for a queue; it is not armed yet. The queue may be open in either direction.
    ///
    /// # Errors
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) or [`Unsupported`](crate::ErrorKind::Unsupported) where
    /// netlink sockets are not allowed or not known; [`LimitExceeded`](crate::ErrorKind::LimitExceeded) for lack of
    /// descriptors. The queue is given back.
    pub fn new(queue: Q) -> core::result::Result<Self, RejectedError<Q>> {
        match notification_socket() {
            Ok(socket) => {
                Ok(Self { queue, socket, creator: Creator::this_process(), registration: 0, unread: 0, arrived: false })
            }
            Err(errno) => {
                Err(RejectedError { error: Error::system(Operation::NotificationSocket, errno), value: queue })
            }
        }
    }

    /// Returns the queue that it belongs to.
    #[must_use]
    pub fn queue(&self) -> &MessageQueue {
        self.queue.borrow()
    }

    /// Returns `true` if its registration has neither fired nor been removed, by what has been read so far.
    #[must_use]
    pub fn is_armed(&self) -> bool {
        self.unread > 0
    }

    /// Registers for the next message that arrives in the empty queue; again after each [`Notified::Arrived`]. One
    /// system call; one more each time if what came before is not read.
    ///
    /// # Errors
    /// [`Busy`](crate::ErrorKind::Busy) if the slot is taken, also if by this socket; else as [`MessageQueue::notify`].
    pub fn arm(&mut self) -> Result<()> {
        self.check_process(Operation::Notify)?;
        self.make_room();
        let registration = self.registration.wrapping_add(1);
        let cookie = cookie(registration);
        self.queue.borrow().register(Some(&sys::SignalEvent::socket(self.socket.as_fd(), &cookie)))?;
        self.registration = registration;
        self.unread += 1;
        Ok(())
    }

    /// Like [`arm`](Self::arm), in place of a registration that this process may have, of any kind. Another process's
    /// is not touched.
    ///
    /// # Errors
    /// As [`MessageQueue::replace_notification`].
    pub fn replace(&mut self) -> Result<()> {
        self.check_process(Operation::Notify)?;
        self.queue.borrow().cancel_notification()?;
        self.arm()
    }

    /// Removes this socket's registration, if it has not fired yet, and forgets what the socket has said until now. A
    /// registration that this process has made in another way stays.
    ///
    /// # Errors
    /// As [`MessageQueue::cancel_notification`].
    pub fn cancel(&mut self) -> Result<()> {
        self.check_process(Operation::Notify)?;
        // What is in the socket tells whether the registration has been used up: if so, the slot may be another
        // process's by now.
        while self.is_armed() {
            if self.read(RecvFlags::DONTWAIT).is_err() {
                self.queue.borrow().cancel_notification()?;
                // That it was removed is in the socket now; nothing may pile up there.
                let _ = self.next_news(RecvFlags::DONTWAIT);
                self.unread = 0;
            }
        }
        Ok(())
    }

    /// Waits without a limit. One system call.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if it is not armed, so that nothing would ever come;
    /// [`Interrupted`](crate::ErrorKind::Interrupted) by a signal handler.
    pub fn wait(&mut self) -> Result<Notified> {
        self.wait_by(|socket| socket.read(RecvFlags::empty()))
    }

    /// Looks without waiting.
    ///
    /// # Errors
    /// [`WouldBlock`](crate::ErrorKind::WouldBlock) if nothing has come, else as [`wait`](Self::wait).
    pub fn try_wait(&mut self) -> Result<Notified> {
        self.wait_by(|socket| socket.read(RecvFlags::DONTWAIT))
    }

    /// Waits for at most `timeout`, by the monotonic clock.
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut), else as [`wait`](Self::wait).
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Notified> {
        self.wait_deadline(Deadline::after(timeout))
    }

    /// Waits until a deadline. One by the wall clock is checked again every second.
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut), else as [`wait`](Self::wait).
    pub fn wait_deadline(&mut self, deadline: Deadline) -> Result<Notified> {
        self.wait_by(|socket| socket.read_until(deadline))
    }

    fn wait_by(&mut self, read: impl FnOnce(&mut Self) -> io::Result<Notified>) -> Result<Notified> {
        self.check_process(Operation::AwaitNotification)?;
        read(self).map_err(|errno| match errno {
            Errno::INVAL => Error::argument(Operation::AwaitNotification, Argument::NotArmed, 0),
            errno => Error::system(Operation::AwaitNotification, errno),
        })
    }

    fn read_until(&mut self, deadline: Deadline) -> io::Result<Notified> {
        loop {
            match self.read(RecvFlags::DONTWAIT) {
                Err(Errno::AGAIN) => {}
                result => return result,
            }
            let remaining = deadline.remaining();
            if remaining.is_zero() {
                return Err(Errno::TIMEDOUT);
            }
            // The wall clock may be set meanwhile; `poll` knows only the monotonic one.
            let slice = if matches!(deadline, Deadline::Realtime(_)) { Duration::from_secs(1) } else { Duration::MAX };
            sys::poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&poll_time(remaining.min(slice))))?;
        }
    }

    /// Reads until at most one registration's news are left, which keep the socket readable if they have come.
    ///
    /// The kernel lets a process that registers with a full socket wait for room in it, forever.
    fn make_room(&mut self) {
        while self.unread > 1 {
            match self.next_news(RecvFlags::DONTWAIT) {
                Ok((_, notified)) => self.arrived |= notified == Some(Notified::Arrived),
                Err(_) => break,
            }
        }
    }

    /// Reads what is to be reported; EINVAL if there is nothing and nothing can come.
    fn read(&mut self, flags: RecvFlags) -> io::Result<Notified> {
        if mem::take(&mut self.arrived) {
            return Ok(Notified::Arrived);
        }
        loop {
            match self.next_news(flags)? {
                // An earlier registration that made room for this one.
                (false, Some(Notified::Removed)) | (_, None) => {}
                (_, Some(notified)) => return Ok(notified),
            }
        }
    }

    /// Takes the next news out of the socket: whether they are of the current registration, and what they say.
    fn next_news(&mut self, flags: RecvFlags) -> io::Result<(bool, Option<Notified>)> {
        let flags = if self.is_armed() { flags } else { RecvFlags::DONTWAIT };
        let mut news = [0; sys::COOKIE_LENGTH];
        let (length, _) = match recv(&self.socket, &mut news, flags) {
            Err(Errno::AGAIN) if !self.is_armed() => return Err(Errno::INVAL),
            result => result?,
        };
        if length != news.len() {
            return Ok((false, None));
        }
        let (is_current, notified) = self.understand(&news);
        self.unread = if is_current { 0 } else { self.unread.saturating_sub(1).max(1) };
        Ok((is_current, notified))
    }

    /// Returns what the news say, if they are of the current registration.
    fn understand(&self, news: &[u8; sys::COOKIE_LENGTH]) -> (bool, Option<Notified>) {
        let (start, end) = (&news[..4], news[sys::COOKIE_LENGTH - 1]);
        let notified = match end {
            1 => Some(Notified::Arrived),
            2 => Some(Notified::Removed),
            _ => None,
        };
        (start == self.registration.to_ne_bytes(), notified)
    }

    fn check_process(&self, operation: Operation) -> Result<()> {
        if self.creator.is_this_process() {
            return Ok(());
        }
        Err(Error::argument(operation, Argument::OtherProcess, 0))
    }
}

/// A socket that the kernel can send notifications on.
pub(crate) fn notification_socket() -> io::Result<OwnedFd> {
    socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)
}

/// What the kernel keeps of a registration and sends on the socket when there is news of it.
fn cookie(registration: u32) -> [u8; sys::COOKIE_LENGTH] {
    let mut cookie = [0; sys::COOKIE_LENGTH];
    cookie[..4].copy_from_slice(&registration.to_ne_bytes());
    cookie
}

impl<Q: Borrow<MessageQueue>> AsFd for NotificationSocket<Q> {
    /// Readable when there is something to [`try_wait`](Self::try_wait) for.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl<Q: Borrow<MessageQueue>> AsRawFd for NotificationSocket<Q> {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl<Q: Borrow<MessageQueue>> fmt::Debug for NotificationSocket<Q> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("NotificationSocket")
            .field("queue", self.queue())
            .field("socket", &self.socket)
            .field("armed", &self.is_armed())
            .finish()
    }
}

impl<Q: Borrow<MessageQueue>> Drop for NotificationSocket<Q> {
    fn drop(&mut self) {
        // A drop cannot report that this fails; in a forked child it does, and changes nothing.
        let _ = self.cancel();
    }
}
