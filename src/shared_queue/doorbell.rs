//! A descriptor that says when there is a message.
//!
//! A futex cannot be polled, so each doorbell has a bell, a kernel queue of one message. So that what is polled stays
//! the same when a stranger removes the bell's name and another one takes its place, it is an epoll instance that has
//! the bell in it.

use core::borrow::Borrow;
use core::convert::Infallible;
use core::fmt;
use core::sync::atomic::AtomicU32;
use core::time::Duration;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use rustix::fs::{Stat, fstat};
use rustix::io::Errno;

use super::SharedQueue;
use super::attachment::Attachment;
use super::bell::{self, Bell, Mark};
use super::protocol::arming::{Arming, Ringer, Rung};
use super::protocol::layout::{self, MAX_BELLS};
use super::protocol::wait_limit::{SETTLE_GRACE, Wait};
use crate::creation::{Creator, MODE_BITS, RACES};
use crate::error::{Cause, Error, Limit, Operation, RejectedError, Result};
use crate::futex::primitive::Ordering::Relaxed;
use crate::sync::{Liveness, PeerId};

/// What [`Doorbell::arm`] did.
///
/// ```
/// use rawipc::shared_queue::Armed;
/// use rawipc::{Priority, SharedQueue};
/// # let queue = SharedQueue::options().read(true).write(true).create_anonymous()?;
/// let mut doorbell = queue.doorbell()?;
/// assert_eq!(doorbell.arm()?, Armed::Armed);
/// queue.send(b"job", Priority::MIN)?;
/// assert_eq!(doorbell.arm()?, Armed::AlreadyReadable);
/// # Ok::<(), rawipc::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "if there is a message already, no ring follows"]
pub enum Armed {
    /// The next message rings.
    Armed,
    /// A message is there already. Receive before you wait.
    AlreadyReadable,
}

impl Armed {
    /// Returns `true` if the next message rings.
    #[must_use]
    pub const fn is_armed(self) -> bool {
        matches!(self, Self::Armed)
    }
}

/// A descriptor for event loops that becomes readable when a message is in the queue; made by [`new`](Self::new) or
/// [`SharedQueue::doorbell`].
///
/// It is one-shot: [`arm`](Self::arm) it, wait until it is readable, receive what is there, and arm it again. One that
/// is not armed costs senders nothing. The first message after it was armed makes five system calls more, and four
/// more for each further doorbell that is armed.
///
/// ```
/// # use rawipc::{ErrorKind, MessageBuffer, name, Priority, SharedQueue};
/// # use rustix::event::{PollFd, PollFlags, Timespec, poll};
/// # let queue = SharedQueue::options().read(true).write(true).max_message_size(64).unlink_on_drop(true)
/// #     .create_unique(name!("/rawipc-doc-doorbell"))?;
/// let mut doorbell = queue.doorbell()?;
/// let mut buffer = MessageBuffer::<64>::new();
/// # let sender = queue.try_clone()?;
/// # let mut left = 2;
/// # std::thread::scope(|scope| {
/// # scope.spawn(|| (0..2).for_each(|_| sender.send(b"hello", Priority::MIN).unwrap()));
/// let a_while = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };
/// while left > 0 {
///     if doorbell.arm()?.is_armed() {
///         poll(&mut [PollFd::new(&doorbell, PollFlags::IN)], Some(&a_while)).unwrap();
///     }
///     while let Ok(message) = queue.try_receive(&mut buffer) {
///         assert_eq!(message.payload(), b"hello");
///         left -= 1;
///     }
/// }
/// # Ok::<(), rawipc::Error>(())
/// # })?;
/// # Ok::<(), rawipc::Error>(())
/// ```
///
/// The descriptor is the same as long as the doorbell lives, so an event loop registers it once. The queue may be
/// borrowed, shared (an `Arc`), or the doorbell's own. A queue can have 128 doorbells at a time.
///
/// # Several consumers
/// Each doorbell is armed, rung and silenced by itself. A message rings all doorbells that are armed; the consumers
/// that come too late find the queue empty and arm again.
///
/// # Fork, death, exec
/// A child of `fork` makes a doorbell of its own: one that it has inherited is its parent's, which the child can
/// neither arm nor disarm. A consumer that is killed while its doorbell is armed costs the next sender one needless
/// ring.
///
/// # The kernel queue behind it
/// Each doorbell has a kernel queue `/rawipc-bell-NNNNN` with room for one message of one byte. Its mode lets those
/// ring whom the shared queue's mode lets write. It counts against `fs.mqueue.queues_max`, and against the
/// RLIMIT_MSGQUEUE of the user who created it. Dropping the doorbell removes it. A killed process leaves it behind,
/// and the user's next doorbell in the same IPC namespace, of whatever queue, takes it: there are never more than
/// there were doorbells at the same time. A child of `fork` that outlives its parent keeps the bells that it has
/// inherited in use until it ends or calls `exec`.
///
/// # When a ring can be missed
/// Arming reports whatever message there is, so a loop that polls with a time limit and arms again is late by that
/// limit at most. A loop without a limit can miss a message
/// - whose sender was killed between sending and ringing;
/// - whose sender could not ring: it has no free descriptor; it may not open the kernel queue, which belongs to the
///   user and the group of the process that made the doorbell; or it is in another IPC namespace;
/// - whose sender found the kernel queue's name removed by a stranger;
/// - that another consumer had in flight when it was killed.
///
/// None of these disarms the doorbell: the next message of a sender that can ring rings it. What a dead consumer had in
/// hand also rings when a process opens the queue or arms another doorbell of it.
pub struct Doorbell<Q: Borrow<SharedQueue>> {
    queue: Q,
    /// Its place among the queue's doorbells.
    place: usize,
    /// The peer that has that place.
    owner: PeerId,
    bell: Bell,
    /// What is polled: it has the bell in it.
    poll: OwnedFd,
    creator: Creator,
}

impl SharedQueue {
    /// Prepares a descriptor that says when there is a message; [`Doorbell::new`] with a borrowed queue.
    ///
    /// # Errors
    /// The same.
    pub fn doorbell(&self) -> Result<Doorbell<&Self>> {
        Doorbell::new(self).map_err(|refused| refused.error)
    }

    #[inline]
    pub(super) fn ring_if(&self, ring: bool) {
        if ring {
            self.attachment.ring(&self.missed);
        }
    }
}

impl Attachment {
    /// Rings what is armed. What this process cannot reach stays armed, for others; `missed` remembers it.
    #[cold]
    pub(super) fn ring(&self, missed: &AtomicU32) {
        let bells = self.bells();
        let Some(sum) = bells.to_ring(missed) else { return };
        let Ok(file) = fstat(self) else { return };
        let Ok(()) = bells.ring(sum, missed, &Sender { attachment: self, file });
    }
}

/// Rings the kernel's bells.
struct Sender<'queue> {
    attachment: &'queue Attachment,
    file: Stat,
}

impl Ringer for Sender<'_> {
    type Death = Infallible;

    fn ring(&self, place: usize, record: &layout::Bell) -> core::result::Result<Rung, Infallible> {
        let Err(errno) = bell::ring(record.number.load(Relaxed), Mark::new(&self.file, place)) else {
            return Ok(Rung::Done);
        };
        // Where its bell cannot be reached, its owner can still be asked after.
        let owner = PeerId::of_word(record.owner.load(Relaxed));
        Ok(match errno {
            _ if self.attachment.is_dead(owner) == Ok(true) => Rung::Done,
            Errno::MFILE | Errno::NFILE | Errno::NOMEM => Rung::Later,
            _ => Rung::Unreachable,
        })
    }
}

/// Takes a bell for the doorbell in this place, and has it watched.
fn take_bell(queue: &SharedQueue, place: usize, poll: &OwnedFd) -> Result<Bell> {
    let file = fstat(&queue.attachment).map_err(system)?;
    let bell = Bell::take(Mark::new(&file, place), file.st_mode as u32 & MODE_BITS)?;
    epoll::add(poll, &bell, EventData::new_u64(0), EventFlags::IN).map_err(system).inspect_err(|_| bell.leave())?;
    Ok(bell)
}

fn system(errno: Errno) -> Error {
    Error::system(Operation::Doorbell, errno)
}

impl<Q: Borrow<SharedQueue>> Doorbell<Q> {
    /// Prepares a descriptor that says when there is a message: a kernel queue of one message, which counts against
    /// RLIMIT_MSGQUEUE, in an epoll instance. They are two descriptors. It is not armed yet.
    ///
    /// # Errors
    /// As [`MessageQueueOptions::open`](crate::mqueue::MessageQueueOptions::open);
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) if 128 doorbells of the queue belong to living processes. The
    /// queue is given back.
    pub fn new(queue: Q) -> core::result::Result<Self, RejectedError<Q>> {
        match Self::parts(queue.borrow()) {
            Ok((place, owner, bell, poll)) => {
                Ok(Self { queue, place, owner, bell, poll, creator: Creator::this_process() })
            }
            Err(error) => Err(RejectedError { error, value: queue }),
        }
    }

    /// What it is made of: its place and whose that is, the bell, and what has it in it to be polled.
    fn parts(queue: &SharedQueue) -> Result<(usize, PeerId, Bell, OwnedFd)> {
        let owner = queue.attachment.session(Operation::Doorbell)?.me;
        let poll = epoll::create(CreateFlags::CLOEXEC).map_err(system)?;
        let bells = queue.attachment.bells();
        let most = MAX_BELLS as u64;
        let place = bells.claim(owner, &queue.attachment).ok_or_else(|| {
            Error::caused(Operation::Doorbell, Errno::USERS, Cause::above(Limit::Doorbells, most + 1, most))
        })?;
        let bell = take_bell(queue, place, &poll).inspect_err(|_| bells.release(place, owner))?;
        Ok((place, owner, bell, poll))
    }

    /// Returns the queue that it belongs to.
    #[must_use]
    pub fn queue(&self) -> &SharedQueue {
        self.queue.borrow()
    }

    /// Arms it for the next message. If there is a message already, it is not armed, and there is nothing to wait for.
    /// Messages that dead consumers had in flight count too. After an error it is not armed; a
    /// ring that it had stays.
    ///
    /// It waits for at most one second, and only while a peer is in the middle of a call.
    ///
    /// # Errors
    /// [`TimedOut`](crate::ErrorKind::TimedOut) if a peer was stopped in the middle of a call;
    /// [`Interrupted`](crate::ErrorKind::Interrupted) by a signal handler meanwhile;
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) in a child of `fork`, whose parent's it is; else as
    /// [`SharedQueue::doorbell`], and as [`SharedQueue::receive`].
    pub fn arm(&mut self) -> Result<Armed> {
        self.arm_timeout(SETTLE_GRACE)
    }

    /// Like [`arm`](Self::arm), but waits for at most `timeout`, by the monotonic clock. Zero makes one attempt.
    ///
    /// # Errors
    /// The same.
    pub fn arm_timeout(&mut self, timeout: Duration) -> Result<Armed> {
        if !self.creator.is_this_process() {
            return Err(system(Errno::PERM));
        }
        let mut wait = Wait::for_lock_within(timeout);
        for _ in 0..RACES {
            let was_rung = self.bell.silence().map_err(system)?;
            let queue = self.queue();
            let session = queue.attachment.session(Operation::Doorbell)?;
            let arming = session.arm(self.place, self.bell.number(), &mut wait);
            let arming = arming.map_err(|errno| queue.late(Operation::Doorbell, errno)).inspect_err(|_| {
                if was_rung {
                    self.bell.put_ring_back();
                }
            });
            match arming? {
                Arming::Armed if self.bell.has_name().map_err(system)? => return Ok(Armed::Armed),
                Arming::Armed => self.replace_bell()?,
                Arming::Ready => return Ok(Armed::AlreadyReadable),
                Arming::Reclaimed => {
                    queue.attachment.ring(&queue.missed);
                    return Ok(Armed::AlreadyReadable);
                }
            }
        }
        Err(system(Errno::AGAIN))
    }

    /// Takes another bell in place of the one whose name a stranger has removed.
    fn replace_bell(&mut self) -> Result<()> {
        let bell = take_bell(self.queue(), self.place, &self.poll)?;
        // A child of `fork` may have the old one open still, which is why closing it would not do.
        let _ = epoll::delete(&self.poll, &self.bell);
        self.bell = bell;
        Ok(())
    }
}

impl<Q: Borrow<SharedQueue>> AsFd for Doorbell<Q> {
    /// Readable once it has been rung: to be polled, and nothing else.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poll.as_fd()
    }
}

impl<Q: Borrow<SharedQueue>> AsRawFd for Doorbell<Q> {
    /// As [`as_fd`](Self::as_fd).
    fn as_raw_fd(&self) -> RawFd {
        self.poll.as_raw_fd()
    }
}

impl<Q: Borrow<SharedQueue>> Drop for Doorbell<Q> {
    fn drop(&mut self) {
        if self.creator.is_this_process() {
            self.bell.leave();
            self.queue().attachment.bells().release(self.place, self.owner);
        }
    }
}

impl<Q: Borrow<SharedQueue>> fmt::Debug for Doorbell<Q> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Doorbell").field("poll", &self.poll).finish_non_exhaustive()
    }
}
