//! Being told that a message arrived: the registration.

mod socket;
#[cfg(feature = "std")]
mod thread;

pub(crate) use socket::notification_socket;
pub use socket::{NotificationSocket, Notified};
#[cfg(feature = "std")]
pub use thread::{Ended, NotificationThread};

use core::ops::RangeInclusive;

use rustix::fd::AsFd;

use crate::error::{Argument, Error, Operation, Result};
use crate::mqueue::MessageQueue;
use crate::sys;

/// The real-time signals: 34 to 64. 32 and 33 belong to the C libraries; musl takes 34 too.
#[doc(alias = "USER_SIGNAL_MIN")]
#[doc(alias = "USER_SIGNAL_MAX")]
#[doc(alias = "SIGRTMIN")]
#[doc(alias = "SIGRTMAX")]
pub const REALTIME_SIGNALS: RangeInclusive<i32> = 34..=64;

/// The real-time signals that no C library takes, glibc or musl: 35 to 64.
pub const PORTABLE_REALTIME_SIGNALS: RangeInclusive<i32> = 35..=64;

/// The `si_code` of a notification's signal.
pub const SI_MESGQ: i32 = -3;

/// What [`MessageQueue::notify`] registers. For a descriptor that can be polled, see
/// [`NotificationSocket`](super::NotificationSocket).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "sigevent")]
pub enum Notify {
    /// Takes the slot, so that no other process can. Nothing is delivered.
    #[doc(alias = "SIGEV_NONE")]
    None,
    /// Sends a signal to this process.
    #[doc(alias = "SIGEV_SIGNAL")]
    Signal {
        /// The signal, 1 to 64; best one of [`PORTABLE_REALTIME_SIGNALS`], which are queued.
        number: i32,
        /// What the handler finds in `si_value`.
        value: usize,
    },
}

impl MessageQueue {
    /// Asks for one notification when a message arrives in the empty queue.
    ///
    /// A queue has one slot for this, for all processes together. The registration is gone once it has fired, and also
    /// when this process closes **any** descriptor of the queue; a forked child has none. It fires only when the queue
    /// was empty, and not if a thread waits in [`receive`](Self::receive), or in
    /// [`receive_deadline`](Self::receive_deadline) by the wall clock: that thread gets the message and the
    /// registration stays. A thread in [`receive_timeout`](Self::receive_timeout), or with a deadline of the monotonic
    /// clock, does not keep it: it waits in `poll`, because the kernel's own wait knows the wall clock alone. Then the
    /// registration fires and is used up, although that thread takes the message. So register first, then receive what
    /// is there already, then wait.
    ///
    /// A signal comes with `si_code` [`SI_MESGQ`], the sender's PID and real user ID, and the value given here.
    ///
    /// ```
    /// use rawipc::{ErrorKind, MessageQueue, name};
    /// use rawipc::mqueue::Notify;
    /// let queue = MessageQueue::options().read(true).max_messages(1).max_message_size(8)
    ///     .unlink_on_drop(true).create_unique(name!("/rawipc-doc-notify"))?;
    /// queue.notify(Notify::None)?;
    /// assert_eq!(queue.notify(Notify::None).unwrap_err().kind(), ErrorKind::Busy);
    /// queue.replace_notification(Notify::Signal { number: 35, value: 7 })?;
    /// queue.cancel_notification()?;
    /// # Ok::<(), rawipc::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Busy`](crate::ErrorKind::Busy) if a process has the slot, this one included;
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a number that is no signal;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) where there is no such call (qemu's user mode).
    ///
    /// # References
    /// [`mq_notify(3)`](https://man7.org/linux/man-pages/man3/mq_notify.3.html),
    /// [in POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/mq_notify.html)
    #[doc(alias = "mq_notify")]
    pub fn notify(&self, notify: Notify) -> Result<()> {
        let event = notify.to_kernel()?;
        self.register(Some(&event))
    }

    /// Like [`notify`](Self::notify), in place of a registration that this process may have. Another process's is not
    /// touched.
    ///
    /// Two system calls; another process may take the slot in between.
    ///
    /// # Errors
    /// As [`notify`](Self::notify); [`Busy`](crate::ErrorKind::Busy) only if another process has the slot. This
    /// process's earlier registration is gone in any case, unless the number is no signal.
    #[doc(alias = "request_notification")]
    pub fn replace_notification(&self, notify: Notify) -> Result<()> {
        let event = notify.to_kernel()?;
        self.cancel_notification()?;
        self.register(Some(&event))
    }

    /// Removes the registration if this process has it; else does nothing.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) where there is no such call.
    pub fn cancel_notification(&self) -> Result<()> {
        self.register(None)
    }

    pub(super) fn register(&self, event: Option<&sys::SignalEvent<'_>>) -> Result<()> {
        sys::mq_notify(self.as_fd(), event).map_err(|errno| Error::system(Operation::Notify, errno))
    }
}

impl Notify {
    fn to_kernel(self) -> Result<sys::SignalEvent<'static>> {
        match self {
            Self::None => Ok(sys::SignalEvent::none()),
            Self::Signal { number: number @ 1..=64, value } => Ok(sys::SignalEvent::signal(number, value)),
            Self::Signal { number, .. } => {
                Err(Error::argument(Operation::Notify, Argument::SignalNumber, number.cast_unsigned()))
            }
        }
    }
}
