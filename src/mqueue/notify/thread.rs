//! Notification by a thread (feature `std`).

use std::borrow::Borrow;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd};
use rustix::fd::OwnedFd;
use rustix::io::{Errno, write};

use super::{MessageQueue, NotificationSocket, Notified};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::sys;

/// Why a [`NotificationThread`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ended {
    /// The callback returned without arming the socket again.
    NotRearmed,
    /// The registration was removed without a message: cancelled, or a descriptor of the queue was closed in this
    /// process.
    Removed,
    /// [`NotificationThread::stop`] was called.
    Stopped,
}

/// A thread that waits for messages and calls a function; made by [`MessageQueue::notify_thread`].
///
/// Dropping it lets the thread go on, as with `std`'s `JoinHandle`.
#[derive(Debug)]
pub struct NotificationThread {
    thread: JoinHandle<Result<Ended>>,
    stop: Arc<OwnedFd>,
}

impl MessageQueue {
    /// Calls a function in a new thread when a message arrives in the empty queue.
    ///
    /// The registration is made before this returns. The function gets the thread's socket:
    /// [`queue`](NotificationSocket::queue) is the queue, [`arm`](NotificationSocket::arm) registers again, before it
    /// receives what is there. If it returns without having armed, the thread ends: that is the one-shot form. All
    /// calls are made in the one thread.
    ///
    /// ```
    /// use std::sync::{Arc, mpsc};
    /// use rawipc::{MessageBuffer, MessageQueue, name, Priority};
    /// use rawipc::mqueue::Ended;
    ///
    /// let queue = Arc::new(MessageQueue::options().read(true).write(true).max_messages(2).max_message_size(16)
    ///     .unlink_on_drop(true).create_unique(name!("/rawipc-doc-thread"))?);
    /// let (lengths, received) = mpsc::channel();
    /// let thread = MessageQueue::notify_thread(Arc::clone(&queue), move |socket| {
    ///     socket.arm().expect("no other process registers");
    ///     let mut buffer = MessageBuffer::<16>::new();
    ///     while let Ok(message) = socket.queue().try_receive(&mut buffer) {
    ///         lengths.send(message.payload().len()).expect("the receiver waits");
    ///     }
    /// })?;
    /// queue.send(b"hello", Priority::MIN)?;
    /// assert_eq!(received.recv(), Ok(5));
    /// assert_eq!(thread.stop().expect("it does not panic")?, Ended::Stopped);
    /// # Ok::<(), rawipc::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`NotificationSocket::new`] and [`NotificationSocket::arm`]; [`LimitExceeded`](ErrorKind::LimitExceeded) or
    /// [`WouldBlock`](ErrorKind::WouldBlock) if there can be no more descriptors or threads. Nothing stays registered
    /// then.
    #[doc(alias = "request_notification")]
    pub fn notify_thread<Q, F>(queue: Q, callback: F) -> Result<NotificationThread>
    where
        Q: Borrow<Self> + Send + 'static,
        F: FnMut(&mut NotificationSocket<Q>) + Send + 'static,
    {
        let mut socket = NotificationSocket::new(queue)?;
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC).map_err(thread_error)?);
        socket.arm()?;
        let stopped = Arc::clone(&stop);
        let thread = Builder::new()
            .name("rawipc-notify".into())
            .spawn(move || run(socket, callback, &stopped))
            .map_err(|error| thread_error(Errno::from_io_error(&error).unwrap_or(Errno::AGAIN)))?;
        Ok(NotificationThread { thread, stop })
    }
}

impl NotificationThread {
    /// Ends the thread, after the call of the function that is under way, if any, and waits for that. The registration
    /// is cancelled.
    ///
    /// # Errors
    /// The outer error is the function's panic, the inner one what failed in the thread.
    pub fn stop(self) -> std::thread::Result<Result<Ended>> {
        // It cannot fail: the counter is far from its maximum, and if it were not, the thread would see it.
        let _ = write(&*self.stop, &1_u64.to_ne_bytes());
        self.join()
    }

    /// Waits until the thread ends by itself.
    ///
    /// # Errors
    /// The outer error is the function's panic, the inner one what failed in the thread.
    pub fn join(self) -> std::thread::Result<Result<Ended>> {
        self.thread.join()
    }

    /// Returns `true` if the thread has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }
}

fn run<Q, F>(mut socket: NotificationSocket<Q>, mut callback: F, stop: &OwnedFd) -> Result<Ended>
where
    Q: Borrow<MessageQueue>,
    F: FnMut(&mut NotificationSocket<Q>),
{
    while socket.is_armed() {
        let mut descriptors = [PollFd::new(stop, PollFlags::IN), PollFd::new(&socket, PollFlags::IN)];
        match sys::poll(&mut descriptors, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::system(Operation::AwaitNotification, errno)),
        }
        if !descriptors[0].revents().is_empty() {
            return Ok(Ended::Stopped);
        }
        match socket.try_wait() {
            Ok(Notified::Arrived) => callback(&mut socket),
            Ok(Notified::Removed) => return Ok(Ended::Removed),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Ended::NotRearmed)
}

fn thread_error(errno: Errno) -> Error {
    Error::system(Operation::NotificationThread, errno)
}
