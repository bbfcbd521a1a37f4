//! POSIX message queues.

mod attributes;
mod bulk;
mod descriptor;
pub(crate) mod diagnosis;
mod name_guard;
mod notify;
mod options;
mod status;
mod status_text;
mod transfer;
mod wait;

pub use attributes::Attributes;
pub(crate) use notify::notification_socket;
#[cfg(feature = "std")]
pub use notify::{Ended, NotificationThread};
pub use notify::{NotificationSocket, Notified};
pub use notify::{Notify, PORTABLE_REALTIME_SIGNALS, REALTIME_SIGNALS, SI_MESGQ};
pub use options::MessageQueueOptions;
pub use status::{Delivery, Registration, Status};

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rustix::fd::OwnedFd;
use rustix::fs::fstat;
use rustix::io::Errno;

use crate::error::{Cause, Error, Operation, Result};
use crate::name::{Name, OwnedName};
use crate::open_flags::OpenFlags;
use crate::sys;
use name_guard::QueueName;

/// An open POSIX message queue: whole messages with priorities, kept by the kernel until they are received.
///
/// The same object that `mq_open` of C and Python's `posix_ipc` open by the same name. A handle is a descriptor and the
/// name it was opened by; all methods take `&self`, and a handle may be used by any number of threads at once.
///
/// ```
/// use core::time::Duration;
/// use rawipc::{MessageBuffer, MessageQueue, name, Priority};
///
/// let queue = MessageQueue::options().read(true).write(true).create(true)
///     .max_messages(8).max_message_size(64).mode(0o600)
///     .unlink_on_drop(true).open(name!("/rawipc-doc-queue"))?;
/// queue.send(b"sweep", Priority::MIN)?;
/// queue.send(b"resize 42", Priority::from(3))?;
///
/// let mut buffer = MessageBuffer::<64>::new();
/// let message = queue.receive_timeout(&mut buffer, Duration::from_secs(1))?;
/// assert_eq!((message.payload(), message.priority()), (&b"resize 42"[..], Priority::from(3)));
/// # Ok::<(), rawipc::Error>(())
/// ```
///
/// # Waiting
/// | | waits |
/// |---|---|
/// | `send`, `receive` | without a limit, or not at all if the queue is nonblocking |
/// | `try_send`, `try_receive` | never, on blocking queues too |
/// | `send_timeout`, `receive_timeout` | for at most `timeout`, by the monotonic clock |
/// | `send_deadline`, `receive_deadline` | until a moment on the clock that the deadline names |
///
/// On a nonblocking queue nothing waits, as POSIX has it: the timed calls too fail with
/// [`WouldBlock`](crate::ErrorKind::WouldBlock) at once. Wrong arguments are reported before any wait, and
/// [in the same order](crate::ErrorKind#what-is-checked-first) by every form.
///
/// Waits by the wall clock, and waits without a limit, happen inside the send or receive call: the kernel hands
/// messages to its waiters in order of their scheduling priority, then of their arrival. The kernel has no such call
/// for the monotonic clock; there the handle waits until the queue is ready (`poll`) and tries again until the time is
/// over. All who wait in that way wake together and race for the message, and a waiter inside a receive call is served
/// before any of them.
///
/// # Signals
/// A handler installed without SA_RESTART interrupts a wait: [`Interrupted`](crate::ErrorKind::Interrupted), and
/// nothing was sent or received. [`retry_on_interrupt!`](crate::retry_on_interrupt) goes on waiting. With SA_RESTART,
/// calls without a limit go on by themselves; timed ones may be interrupted all the same.
///
/// # Fork and exec
/// A child of `fork` has the same open queue; the nonblocking flag is common to both. Every descriptor is closed by
/// `exec`.
///
/// # When a peer dies
/// A message that `send` accepted is in the kernel and survives its sender. A message is taken from the queue and
/// copied out in one call: a receiver that is killed while it waits takes nothing, and one that is killed at that very
/// moment takes one message with it. A wait for a peer that is dead ends only by its time limit; to end it from another
/// thread, `poll` the descriptor together with one that can be signalled.
///
/// # References
/// [`mq_overview(7)`](https://man7.org/linux/man-pages/man7/mq_overview.7.html),
/// [`mqueue.h` in POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/mqueue.h.html)
#[doc(alias = "mqd_t")]
pub struct MessageQueue {
    /// Before `descriptor`: it looks at the open queue when it is dropped.
    name: QueueName,
    descriptor: OwnedFd,
    /// The directions that the descriptor is open in. They never change.
    access: OpenFlags,
    /// What this handle last knew of the flag. Others may change it, so it only chooses the faster of two right ways.
    nonblocking: AtomicBool,
}

impl MessageQueue {
    /// Options for opening or creating a queue; nothing is chosen yet but the mode 0o600.
    pub const fn options() -> MessageQueueOptions {
        MessageQueueOptions::new()
    }

    /// Removes a queue's name. Those who have it open go on using it; the queue ends with its last descriptor.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound); [`PermissionDenied`](crate::ErrorKind::PermissionDenied) unless it is
    /// the user's own queue or the caller has CAP_FOWNER (with EPERM, of which glibc makes EACCES);
    /// [`Unsupported`](crate::ErrorKind::Unsupported) on a kernel without message queues.
    ///
    /// # References
    /// [`mq_unlink(3)`](https://man7.org/linux/man-pages/man3/mq_unlink.3.html),
    /// [in POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/mq_unlink.html)
    #[doc(alias = "unlink_message_queue")]
    #[doc(alias = "mq_unlink")]
    pub fn unlink(name: &Name) -> Result<()> {
        sys::mq_unlink(OwnedName::new(name).c_str()).map_err(|errno| Error::system(Operation::UnlinkQueue, errno))
    }

    /// Returns the name that it was opened by; `None` for an adopted descriptor. The name may be gone, or stand for
    /// another queue by now.
    #[must_use]
    pub fn name(&self) -> Option<&Name> {
        self.name.get().map(OwnedName::name)
    }

    /// Returns `true` if the queue still has its name: no process has unlinked it.
    ///
    /// `false` means that a message that is sent to it reaches no process that opens the name from now on: a server
    /// that removes its name when it ends was restarted. Sending succeeds all the same, so a client that lives longer
    /// than its server asks now and then, or after a reply that does not come, and opens the name again:
    /// ```
    /// use rawipc::{MessageQueue, name};
    /// let serve = || MessageQueue::options().read(true).create(true).unlink_on_drop(true)
    ///     .open(name!("/rawipc-doc-restart"));
    /// let connect = || MessageQueue::options().write(true).open(name!("/rawipc-doc-restart"));
    /// let server = serve()?;
    /// let mut client = connect()?;
    ///
    /// drop(server);
    /// let server = serve()?; // It was restarted.
    /// client.send(b"lost", rawipc::Priority::MIN)?; // Accepted by a queue that has no receiver.
    /// if !client.is_linked()? {
    ///     client = connect()?;
    /// }
    /// client.send(b"job", rawipc::Priority::MIN)?;
    /// assert_eq!(server.len()?, 1);
    /// # Ok::<(), rawipc::Error>(())
    /// ```
    ///
    /// One system call (`stat`): the queue itself is asked. It has one name for life, which cannot be renamed, and no
    /// second one. So the answer does not depend on the right to open the queue, nor on whether the handle knows its
    /// name: it holds for adopted queues, too. The name is that in the IPC namespace in which the queue was created. A
    /// process that has changed to another namespace gets the same answer, although the name stands for another queue
    /// there, or for none; and a queue whose namespace has ended keeps its name. A child of `fork` gets the same answer
    /// as its parent. The answer is as old as the call.
    ///
    /// # Errors
    /// None in practice: the descriptor is open.
    #[doc(alias = "st_nlink")]
    #[doc(alias = "stale")]
    pub fn is_linked(&self) -> Result<bool> {
        let status = fstat(&self.descriptor).map_err(|errno| Error::system(Operation::QueueStatus, errno))?;
        Ok(status.st_nlink != 0)
    }

    /// Closes the queue, after removing its name if [`unlink_on_drop`](MessageQueueOptions::unlink_on_drop) asks for
    /// it. Dropping does the same and has nowhere to report an error.
    ///
    /// # Errors
    /// Those of [`unlink`](Self::unlink), except that a name that is gone already is as good. The descriptor is closed
    /// in any case.
    ///
    /// # References
    /// [`mq_close(3)`](https://man7.org/linux/man-pages/man3/mq_close.3.html),
    /// [in POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/mq_close.html)
    #[doc(alias = "mq_close")]
    pub fn close(mut self) -> Result<()> {
        let unlinked = self.name.remove();
        let closed = sys::close(self.descriptor);
        unlinked.map_err(|errno| match errno {
            Errno::BADF => Error::caused(Operation::UnlinkQueue, errno, Cause::OtherFile),
            errno => Error::system(Operation::UnlinkQueue, errno),
        })?;
        closed.map_err(|errno| Error::system(Operation::CloseQueue, errno))
    }

    fn from_parts(descriptor: OwnedFd, name: QueueName, flags: OpenFlags) -> Self {
        let nonblocking = AtomicBool::new(flags.contains(OpenFlags::NONBLOCKING));
        Self { name, descriptor, access: flags & OpenFlags::READ_WRITE, nonblocking }
    }

    fn believed_nonblocking(&self) -> bool {
        self.nonblocking.load(Relaxed)
    }
}

impl fmt::Debug for MessageQueue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("MessageQueue")
            .field("name", &self.name())
            .field("descriptor", &self.descriptor)
            .field("unlink_on_drop", &self.name.is_removed_on_drop())
            .finish()
    }
}
