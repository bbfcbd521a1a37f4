//! Message queues in shared memory.

mod attachment;
mod bell;
mod bulk;
mod doorbell;
mod in_place;
mod options;
mod protocol;
mod status;
mod transfer;

pub use doorbell::{Armed, Doorbell};
pub use in_place::{InFlight, Reservation};
pub use options::SharedQueueOptions;
pub use status::SharedQueueStatus;

use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use core::time::Duration;

use rustix::fs::unlink;
use rustix::io::Errno;

use crate::dev_shm::FilePath;
use crate::error::{Cause, Error, Operation, Result, SharedFault};
use crate::futex::{AdaptiveSpin, WaitTuning};
use crate::name::Name;
use crate::open_flags::OpenFlags;
use crate::sync::error_of;
use attachment::Attachment;
pub(crate) use protocol::layout::MAGIC;
use protocol::view::Damaged;
use protocol::wait_limit::{LOCK_IS_HELD, Wait, WaitLimit};

/// What comes before the name in the file's.
pub(crate) const PREFIX: &[u8] = b"mq.";

/// How waits spin and sleep if nothing else is said: answers from another processor come while they look.
const TUNING: WaitTuning = WaitTuning { spin: 500, ..WaitTuning::ROBUST };

/// A message queue in shared memory: a [`MessageQueue`](crate::MessageQueue) that makes no system call unless a thread
/// has to sleep or be woken.
///
/// Whole messages, priorities from 0 to 32767, the highest first and the oldest first among equals, several senders and
/// several receivers, in as many processes. The methods are those of `MessageQueue`, so a program changes from one to
/// the other by changing the type's name. Not the same object, though: no C program knows it, the kernel does not keep
/// it, and every process that uses it must have the right to write its memory.
///
/// ```
/// use core::time::Duration;
/// use rawipc::{MessageBuffer, name, Priority, SharedQueue};
///
/// let queue = SharedQueue::options().read(true).write(true).create(true)
///     .max_messages(8).max_message_size(64).mode(0o600)
///     .unlink_on_drop(true).open(name!("/rawipc-doc-shared-queue"))?;
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
/// | | waits for messages or room | and for a peer that is in the middle of a call |
/// |---|---|---|
/// | `send`, `receive` | without a limit, or not at all if the handle is nonblocking | without a limit, or the grace |
/// | `try_send`, `try_receive` | never | the grace, twice for messages of more than 1 KiB |
/// | `send_timeout`, `receive_timeout` | for at most `timeout`, by the monotonic clock | for the grace longer |
/// | `send_deadline`, `receive_deadline` | until the deadline, on the clock that it names | for the grace longer |
/// | `publish`, `put_back`, [`Doorbell::arm`] | never | for at most one second, or a `timeout` |
/// | dropping a [`Reservation`] or a [`InFlight`] message, cloning the handle | never | the grace |
/// | opening, creating, adopting | never | 50 ms |
///
/// A peer is in the middle of a call for less than a microsecond, unless it is stopped, preempted or killed there. Then
/// even the forms that never wait for messages wait for it, for the [`lock_grace`](Self::set_lock_grace): 50 ms by
/// default, and zero if you like. Repairing after a death takes time in proportion to the queue's length. Wrong
/// arguments are reported before any wait, and [in the same order](crate::ErrorKind#what-is-checked-first) by every
/// form.
///
/// A call that waits spins and yields if that has been of use lately, as [`WaitTuning`] says, and then
/// sleeps until it is woken or looks again by itself. There is no order among waiters. A sender that finds the queue
/// full sleeps until it is half empty or a millisecond has passed; after that it is woken for each free place.
///
/// # When a peer dies
/// A process may be killed at any instruction: the others go on. A message that `send` has accepted is neither lost nor
/// delivered twice. A message that was half written never appears. One that was half read is there again, in its old
/// place (messages that were received before may have overtaken it), when a process opens the queue, arms its doorbell,
/// tries without waiting and finds the queue empty or full, or looks again while it waits. (One look goes through 256
/// places of the queue. Calls that do not wait make one look, the others as many as it takes.)
///
/// A lock that a dead process held is noticed within 50 ms. A receiver that sleeps beside a message, because the sender
/// was killed before it could wake it, or because the message has just come back from a dead consumer, looks again
/// after 48 ms at most at first, and after 1.5 seconds at most when it has waited for long
/// ([`WaitTuning::recheck_interval`]). A process that is stopped is not dead: if it was in the middle of a call, others
/// wait for as long as the table says.
///
/// How a death is noticed, what a large heap adds to the 50 ms (151 ms at 1 GiB, 722 ms at 4 GiB), and which file
/// systems are refused, is as for a [`RobustMutex`](crate::RobustMutex#when-the-holder-dies). If a program closes the
/// handle's descriptor without its knowledge, peers count as alive, or calls fail with
/// [`BadDescriptor`](crate::ErrorKind::BadDescriptor).
///
/// # Threads, fork, exec, signals
/// A handle may be used by any number of threads. A child of `fork` is a peer of its own, from its first call
/// on. Up to 128 handles can be attached at a time. `exec` ends a handle. A signal handler interrupts a wait:
/// [`Interrupted`](crate::ErrorKind::Interrupted), and nothing was sent or received. With SA_RESTART it does so too,
/// unless the wait has neither a time limit nor a [`recheck_interval`](WaitTuning::recheck_interval): such a wait goes
/// on. A wait with an interval can miss a handler, and then goes on: see [there](WaitTuning::recheck_interval) for how
/// often. No method may be called in a signal handler.
///
/// A child that another thread forks during the few microseconds in which a handle is opened, and a child of `vfork` or
/// `posix_spawn` before its `exec`, can keep a dead parent's part. If the parent is killed then, what it has in flight
/// is not delivered again, and a lock that it held is not taken over, until that child ends or calls `exec`: calls with
/// a time limit keep to it. To avoid the first, open handles before other threads fork. To end either, end the child.
///
/// # Peers
/// A process that may write the memory can take, change, lose or invent messages, keep others waiting up to their time
/// limits, and, if it has a name, cut it off, which is a SIGBUS for all (an
/// [anonymous](SharedQueueOptions::create_anonymous) one cannot be cut). Nothing else: whatever lies there is checked
/// before it is used, and is [`Malformed`](crate::ErrorKind::Malformed) at worst, which is reported, and repaired for
/// the next call.
///
/// The lock's word may be overwritten too. If it names no living peer, whatever else it says, it is recovered as a
/// dead one's is. If it names one who lives, that one counts as its holder until its handle is closed, and all wait as
/// for one that is stopped. If it was overwritten while a peer was in the middle of a call, two may be in one at a
/// time, which costs messages.
pub struct SharedQueue {
    attachment: Attachment,
    /// The directions.
    access: OpenFlags,
    nonblocking: AtomicBool,
    tuning: WaitTuning,
    spin: AdaptiveSpin,
    /// The armings of doorbells for which this handle rang all that it can reach, and could not reach some.
    missed: AtomicU32,
}

impl SharedQueue {
    /// Options for opening or creating a queue; nothing is chosen yet but the mode 0o600 and sizes of 10 messages of
    /// 8192 bytes.
    pub const fn options() -> SharedQueueOptions {
        SharedQueueOptions::new()
    }

    /// Removes a queue's name. Those who have it open go on using it.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound), [`PermissionDenied`](crate::ErrorKind::PermissionDenied),
    /// [`InvalidName`](crate::ErrorKind::InvalidName) beyond 252 bytes.
    pub fn unlink(name: &Name) -> Result<()> {
        let system = |errno| Error::system(Operation::UnlinkQueue, errno);
        let path = FilePath::new(name, PREFIX).ok_or(system(Errno::NAMETOOLONG))?;
        unlink(path.c_str()).map_err(system)
    }

    /// Returns the name that it was opened by; `None` for an anonymous or adopted one. The name may be gone, or stand
    /// for another queue by now.
    #[must_use]
    pub fn name(&self) -> Option<&Name> {
        self.attachment.file().name()
    }

    /// Returns `true` if the name that it was opened by still stands for this queue.
    ///
    /// `false` means that the name was removed, or stands for another queue by now: a server that removes its name when
    /// it ends was restarted, and a message that is sent to this queue reaches no process that opens the name from now
    /// on. Open the name again. Messages that are in this queue can still be received by it.
    ///
    /// ```
    /// use rawipc::{name, SharedQueue};
    /// let serve = || SharedQueue::options().read(true).create(true).unlink_on_drop(true)
    ///     .open(name!("/rawipc-doc-shared-restart"));
    /// let connect = || SharedQueue::options().write(true).open(name!("/rawipc-doc-shared-restart"));
    /// let server = serve()?;
    /// let mut session = connect()?;
    ///
    /// drop(server);
    /// let server = serve()?; // It was restarted.
    /// if !session.is_linked()? {
    ///     session = connect()?;
    /// }
    /// session.send(b"job", rawipc::Priority::MIN)?;
    /// assert_eq!(server.len()?, 1);
    /// # Ok::<(), rawipc::Error>(())
    /// ```
    ///
    /// Two system calls (`stat`): the file that the name stands for now, in this process's mount namespace, is compared
    /// with this one. An anonymous queue has no name: `false`. An adopted one knows none: `true` if it has any name in
    /// its file system. The answer is as old as the call. A child of `fork` gets the same answer as its parent.
    ///
    /// # Errors
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) if `/dev/shm` may not be searched.
    #[doc(alias = "st_nlink")]
    pub fn is_linked(&self) -> Result<bool> {
        let linked = self.attachment.file().is_linked_with(PREFIX);
        linked.map_err(|errno| Error::system(Operation::QueueStatus, errno))
    }

    /// Returns another handle of the same queue, with a descriptor of its own, close-on-exec; another participant. It
    /// never removes the queue's name.
    ///
    /// # Errors
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) without a descriptor or a place among the participants.
    pub fn try_clone(&self) -> Result<Self> {
        let file = self.attachment.file().try_clone()?;
        let attachment = Attachment::adopt(file, Operation::CloneQueue, self.attachment.lock_grace)?;
        let nonblocking = AtomicBool::new(self.nonblocking.load(Relaxed));
        let (access, tuning, spin) = (self.access, self.tuning, AdaptiveSpin::new());
        Ok(Self { attachment, access, nonblocking, tuning, spin, missed: AtomicU32::new(0) })
    }

    /// Closes the queue, after removing its name if [`unlink_on_drop`](SharedQueueOptions::unlink_on_drop) asks for it.
    /// Dropping does the same and has nowhere to report an error.
    ///
    /// # Errors
    /// Those of [`unlink`](Self::unlink), except that a name that is gone already is as good.
    pub fn close(mut self) -> Result<()> {
        self.attachment.file_mut().remove_name().map_err(|errno| Error::system(Operation::UnlinkQueue, errno))
    }

    /// Returns how waits of this handle for messages and for room spin and sleep. The default is 500 pauses, some
    /// microseconds, and a recheck interval of one second.
    #[must_use]
    pub const fn tuning(&self) -> WaitTuning {
        self.tuning
    }

    /// Sets how waits of this handle for messages and for room spin and sleep. On a machine of one processor nothing
    /// spins.
    ///
    /// Without a recheck interval a thread that waits never wakes up while nothing happens. It looks once for what the
    /// dead have left, before it sleeps. If a peer is killed later, it can sleep on beside messages: beside one whose
    /// sender was killed before it could wake a receiver, beside one that a consumer had in flight when it was killed,
    /// and beside all that come after another receiver was woken and killed before it could take its message. Waits for
    /// the queue's internal lock look again all the same.
    pub const fn set_tuning(&mut self, tuning: WaitTuning) {
        self.tuning = tuning;
    }

    /// Returns how long calls of this handle wait for a peer that is in the middle of a call: 50 ms by default.
    #[must_use]
    pub const fn lock_grace(&self) -> Duration {
        self.attachment.lock_grace
    }

    /// Sets how long calls of this handle wait for a peer that is in the middle of a call, beyond the time for which
    /// they may wait for messages or room.
    ///
    /// A call holds the queue's internal lock for less than a microsecond. It is held for longer only if the peer was
    /// stopped, preempted or killed meanwhile. With zero, `try_send`, `try_receive` and all other calls that do not
    /// wait make one attempt: a peer that is in the middle of a call at that moment makes them fail with
    /// [`WouldBlock`](crate::ErrorKind::WouldBlock), and the forms for many messages return what they have done so far.
    /// A killed peer's lock is taken over whatever the grace is.
    pub const fn set_lock_grace(&mut self, grace: Duration) {
        self.attachment.lock_grace = grace;
    }

    fn new(attachment: Attachment, flags: OpenFlags) -> Self {
        let nonblocking = AtomicBool::new(flags.contains(OpenFlags::NONBLOCKING));
        let (access, spin) = (flags & OpenFlags::READ_WRITE, AdaptiveSpin::new());
        Self { attachment, access, nonblocking, tuning: TUNING, spin, missed: AtomicU32::new(0) }
    }

    /// What a call waits by, on this handle.
    #[inline]
    fn wait(&self, limit: WaitLimit) -> Wait<'_> {
        let limit = if self.nonblocking.load(Relaxed) { WaitLimit::Now } else { limit };
        Wait::new(limit, &self.tuning, self.attachment.lock_grace).with_spin(&self.spin)
    }

    /// What a failure means of a call that waits for nothing but the lock, within a time.
    #[cold]
    fn late(&self, operation: Operation, errno: Errno) -> Error {
        match errno {
            Errno::TIMEDOUT => Error::caused(operation, errno, Cause::PeerInside),
            errno => self.failed(operation, errno),
        }
    }

    /// What a failure of a call means. What is damaged is repaired for the next call.
    #[cold]
    fn failed(&self, operation: Operation, errno: Errno) -> Error {
        if errno == LOCK_IS_HELD {
            return Error::caused(operation, Errno::AGAIN, Cause::PeerInside);
        }
        if errno != Damaged::ERRNO {
            return error_of(operation, errno);
        }
        self.attachment.show();
        if let Ok(session) = self.attachment.session(operation) {
            let _ = session.repair();
        }
        Error::caused(operation, errno, Cause::Shared(SharedFault::DamagedQueue))
    }
}

impl fmt::Debug for SharedQueue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SharedQueue")
            .field("name", &self.name())
            .field("attributes", &self.attributes())
            .finish_non_exhaustive()
    }
}
