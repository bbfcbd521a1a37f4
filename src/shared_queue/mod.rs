//! Message queues in shared memory.

mod batch;
mod client;
mod doorbell;
mod format;
mod in_place;
mod locked;
#[cfg(all(test, loom))]
mod loom_tests;
mod member;
mod options;
mod order;
mod receive;
mod repair;
mod send;
mod spin;
mod state;
mod status;
mod stream;
mod view;
mod wait;

pub use doorbell::Doorbell;
pub use in_place::{Borrowed, Reservation};
pub use options::SharedQueueOptions;

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rustix::fs::unlink;
use rustix::io::Errno;

use crate::devshm::FilePath;
use crate::error::{Cause, Error, Operation, Result, SharedFault};
use crate::flags::OpenFlags;
use crate::futex::{Courtesy, Tuning};
use crate::name::Name;
pub(crate) use format::MAGIC;
use member::Member;
use view::Damaged;
use wait::{Limit, Wait};

/// What comes before the name in the file's.
pub(crate) const PREFIX: &[u8] = b"mq.";

/// How waits spin and sleep if nothing else is said: answers from another processor come while they look.
const TUNING: Tuning = Tuning { spin: 500, ..Tuning::WATCHFUL };

/// A message queue in shared memory: a [`MessageQueue`](crate::MessageQueue) that makes no system call unless somebody
/// has to sleep or to be woken.
///
/// Whole messages, priorities from 0 to 32767, the highest first and the oldest first among equals, several senders and
/// several receivers, in as many processes. The methods are those of `MessageQueue`, so a program changes from one to
/// the other by changing the type's name. Not the same object, though: no C program knows it, the kernel does not keep
/// it, and everybody who uses it must have the right to write its memory.
///
/// ```
/// use core::time::Duration;
/// use rawipc::{MessageBuffer, Priority, SharedQueue, name};
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
/// | | waits |
/// |---|---|
/// | `send`, `receive` | without a limit, or not at all if the handle is nonblocking |
/// | `try_send`, `try_receive` | never |
/// | `send_timeout`, `receive_timeout` | so long, by the monotonic clock |
/// | `send_deadline`, `receive_deadline` | until a moment on the clock that the deadline names |
///
/// None of this is about peers that are in the middle of a call. They are waited for in any case, which takes moments,
/// unless one was stopped or killed there: that costs 50 ms, even in the forms that never wait for messages.
///
/// A call that waits looks again as [`Tuning`] says, lets others run, if that has been of use lately, and sleeps,
/// for 50 ms at most before it looks again. There is no order among those who wait. A sender that finds the queue full
/// sleeps until it is half empty or a millisecond has passed; after that it is woken for each free place.
///
/// # When a peer dies
/// at whatever instruction, others go on, after 50 ms at most. A message that `send` has accepted is neither lost nor
/// delivered twice; one that was half written never appears; one that was half read is there again, in its old place,
/// as soon as somebody notices: one who opens the queue, finds it empty or full, or arms its doorbell. A process that
/// is stopped is not dead: if it was in the middle of a call, others wait as long as they may.
///
/// # Threads, fork, exec, signals
/// A handle may be used by any number of threads. A child of `fork` takes part in its own right, from its first call
/// on. Up to 128 handles can take part at a time. `exec` ends a handle. A signal handler interrupts a wait:
/// [`Interrupted`](crate::ErrorKind::Interrupted), and nothing was sent or received. No method may be called in a
/// signal handler.
///
/// # Peers
/// Who may write the memory can take, change, lose or invent messages, keep others waiting up to their time limits,
/// and, if it has a name, cut it off, which is a SIGBUS for all (an [anonymous](SharedQueueOptions::create_anonymous)
/// one cannot be cut). Nothing else: whatever lies there is checked before it is used, and is
/// [`Malformed`](crate::ErrorKind::Malformed) at worst, which is told, and put right for the next call.
///
/// The lock's word may be overwritten too. If it names nobody who lives, whatever else it says, it is taken back as a
/// dead one's is. If it names one who lives, that one counts as its holder until its handle is closed, and all wait as
/// for one that is stopped. If it was overwritten while somebody was in the middle of a call, two may be in one at a
/// time, which costs messages.
pub struct SharedQueue {
    member: Member,
    /// The directions.
    access: OpenFlags,
    nonblocking: AtomicBool,
    tuning: Tuning,
    courtesy: Courtesy,
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

    /// The name it was opened by; `None` for an anonymous or adopted one. The name may be gone, or stand for another
    /// queue by now.
    #[must_use]
    pub fn name(&self) -> Option<&Name> {
        self.member.file().name()
    }

    /// Another handle of the same queue, with a descriptor of its own, close-on-exec; another participant. It never
    /// removes the queue's name.
    ///
    /// # Errors
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) without a descriptor or a place among the participants.
    pub fn try_clone(&self) -> Result<Self> {
        let file = self.member.file().try_clone()?;
        let member = Member::adopt(file, Operation::CloneQueue)?;
        let nonblocking = AtomicBool::new(self.nonblocking.load(Relaxed));
        Ok(Self { member, access: self.access, nonblocking, tuning: self.tuning, courtesy: Courtesy::new() })
    }

    /// Closes the queue, after removing its name if [`unlink_on_drop`](SharedQueueOptions::unlink_on_drop) asks for it.
    /// Dropping does the same and has nowhere to report an error.
    ///
    /// # Errors
    /// Those of [`unlink`](Self::unlink), except that a name that is gone already is as good.
    pub fn close(mut self) -> Result<()> {
        self.member.file_mut().remove_name().map_err(|errno| Error::system(Operation::UnlinkQueue, errno))
    }

    /// How waits of this handle spin and sleep: 500 pauses, some microseconds, then sleeps of at most 50 ms.
    #[must_use]
    pub const fn tuning(&self) -> Tuning {
        self.tuning
    }

    /// Sets how waits of this handle spin and sleep. Nothing spins if one processor was allowed when the handle was
    /// made. A longest sleep of zero stands for 50 ms: who sleeps without an end notices no death.
    pub const fn set_tuning(&mut self, tuning: Tuning) {
        self.tuning = tuning.watching();
    }

    fn new(member: Member, flags: OpenFlags) -> Self {
        let nonblocking = AtomicBool::new(flags.contains(OpenFlags::NONBLOCKING));
        let (access, courtesy) = (flags & OpenFlags::READ_WRITE, Courtesy::new());
        Self { member, access, nonblocking, tuning: TUNING, courtesy }
    }

    /// What a call waits by, on this handle.
    #[inline]
    fn wait(&self, limit: Limit) -> Wait<'_> {
        let limit = if self.nonblocking.load(Relaxed) { Limit::Now } else { limit };
        Wait::new(limit, &self.tuning).with_courtesy(&self.courtesy)
    }

    /// What a failure of a call means. What is damaged is put right for the next one, as far as that can be.
    #[cold]
    fn failed(&self, operation: Operation, errno: Errno) -> Error {
        if errno != Damaged::ERRNO {
            return Error::system(operation, errno);
        }
        self.member.show();
        if let Ok(client) = self.member.client(operation) {
            let _ = client.repair();
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
