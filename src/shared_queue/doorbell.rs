//! A descriptor that says when there is a message.
//!
//! A futex cannot be polled, so a kernel queue of one message stands for it. Its name is made of the memory's device
//! and inode, so that no peer can make one queue ring another one's bell, and of random letters in the header, so that
//! it is new for a new queue. Senders open it by that name when they find the bell armed, and only then: what they kept
//! open could be a bell that is gone.
//!
//! Everybody who has it open shares a lock (`flock`) on it. Whoever drops it and gets the lock alone removes the name:
//! nobody else can miss it then, also if that one is killed at any moment. If a stranger removes it, arming makes it
//! anew. So that what is polled stays the same all the same, it is an epoll instance that has the bell in it.

use core::borrow::Borrow;
use core::fmt;
use core::mem::MaybeUninit;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use rustix::fs::{FlockOperation, Mode, OFlags, fchmod, flock};
use rustix::io::{self, Errno};
use rustix::thread::sched_yield;

use super::SharedQueue;
use crate::devshm::Identity;
use crate::error::{Error, Operation, Refused, Result};
use crate::mqueue::diagnosis;
use crate::name::{Name, OwnedName};
use crate::open::{Creator, RACES};
use crate::sys;

/// What a doorbell's name begins with.
const PREFIX: &Name = crate::name!("/rawipc-bell-");

/// A descriptor for event loops that becomes readable when a message is in the queue; made by [`new`](Self::new) or
/// [`SharedQueue::doorbell`].
///
/// It is one-shot: [`arm`](Self::arm) it, wait until it is readable, receive what is there, and arm it again. While it
/// is not armed it costs nobody anything; the first message after that makes four system calls more.
///
/// ```
/// # use rawipc::{ErrorKind, MessageBuffer, Priority, SharedQueue, name};
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
///     if !doorbell.arm()? {
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
/// borrowed, shared (an `Arc`), or the doorbell's own. A child of `fork` makes a doorbell of its own: what it has
/// inherited is its parent's.
///
/// # What rings nobody
/// Arming finds whatever message there is, so a loop that polls with a time limit and arms again is late by that limit
/// at most. One without a limit can miss a message
/// - whose sender was killed in the moment before it rang, until the next one is sent;
/// - that a consumer had in hand when it was killed;
/// - whose sender could not ring: for want of a free descriptor; without the right to open the kernel queue
///   `/rawipc-bell-…`, which belongs to the user who made the doorbell, and has the shared queue's mode; or in another
///   IPC namespace, where that queue is not;
/// - that another consumer was rung for too, and did not take before it was killed or went away.
///
/// A consumer that is killed while its doorbell is armed costs the next sender one needless ring, and may leave the
/// kernel queue behind until the last doorbell of the same queue is dropped. If that queue is gone, nobody removes it:
/// `rawipc list` shows what begins with `/rawipc-bell-`, and `rawipc mq unlink` removes it.
pub struct Doorbell<Q: Borrow<SharedQueue>> {
    queue: Q,
    name: OwnedName,
    bell: OwnedFd,
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
    pub(super) fn ring_if(&self, ring: bool) -> Result<()> {
        if ring {
            self.ring();
        }
        Ok(())
    }

    #[cold]
    fn ring(&self) {
        // If it is not armed any more, somebody has rung since.
        let Some(armed) = self.member.armed() else { return };
        let Ok(name) = self.bell_name() else { return };
        let ring = || {
            let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let bell = sys::mq_open(name.c_str(), flags.bits(), 0, None)?;
            sys::mq_timedsend(&bell, &[], 0, None)
        };
        // It has been rung already; or nobody listens any more. Else the message is sent whatever becomes of this, and
        // the next one tries again.
        if matches!(ring(), Ok(()) | Err(Errno::AGAIN | Errno::NOENT)) {
            self.member.disarm(armed);
        }
    }

    fn bell_name(&self) -> io::Result<OwnedName> {
        let letters = self.member.doorbell().map_err(|error| error.errno())?;
        // Whatever a peer wrote there: a name has neither slashes nor zeros.
        let letters = letters.map(|letter| if letter.is_ascii_alphanumeric() { letter } else { b'-' });
        let file = Identity::of_file(&self.member)?.digits();
        let mut suffix = [0; 16 + 32];
        suffix.iter_mut().zip(letters.into_iter().chain(file)).for_each(|(to, from)| *to = from);
        Ok(OwnedName::joined(PREFIX, &suffix))
    }

    /// Makes the bell, or opens it, and shares it with all others who have it.
    fn make_bell(&self, name: &OwnedName) -> Result<OwnedFd> {
        let system = |errno| Error::system(Operation::Doorbell, errno);
        for _ in 0..RACES {
            let (bell, is_new) = match self.create_bell(name)? {
                Some(bell) => (bell, true),
                None => match sys::mq_open(name.c_str(), FLAGS.bits(), 0, None) {
                    Err(Errno::NOENT) => continue,
                    result => (result.map_err(system)?, false),
                },
            };
            match share(&bell) {
                Ok(true) => return Ok(bell),
                // Somebody else is removing the name, or has done so.
                Ok(false) => sched_yield(),
                Err(errno) => {
                    if is_new {
                        remove(name);
                    }
                    return Err(system(errno));
                }
            }
        }
        Err(system(Errno::AGAIN))
    }

    /// Makes the bell; `None` if there is one already.
    fn create_bell(&self, name: &OwnedName) -> Result<Option<OwnedFd>> {
        let mode = self.mode()?;
        let sizes = sys::Attributes { max_messages: 1, max_message_size: 1, ..sys::Attributes::EMPTY };
        let exclusive = FLAGS | OFlags::CREATE | OFlags::EXCL;
        match sys::mq_open(name.c_str(), exclusive.bits(), 0o600, Some(&sizes)) {
            Ok(bell) => {
                let result = fchmod(&bell, Mode::from_raw_mode(mode)).inspect_err(|_| remove(name));
                result.map(|()| Some(bell)).map_err(|errno| Error::system(Operation::Doorbell, errno))
            }
            Err(Errno::EXIST) => Ok(None),
            Err(errno) => {
                let sizes = diagnosis::Sizes { max_messages: 1, max_message_size: 1 };
                Err(diagnosis::of_creation(Operation::Doorbell, errno, Some(sizes)))
            }
        }
    }
}

/// What a doorbell is made of: its name, the bell, and what has it in it to be polled.
fn parts(queue: &SharedQueue) -> Result<(OwnedName, OwnedFd, OwnedFd)> {
    let system = |errno| Error::system(Operation::Doorbell, errno);
    let name = queue.bell_name().map_err(system)?;
    let poll = epoll::create(CreateFlags::CLOEXEC).map_err(system)?;
    let bell = queue.make_bell(&name)?;
    watch(&poll, &bell).inspect_err(|_| leave(&bell, &name))?;
    Ok((name, bell, poll))
}

fn watch(poll: &OwnedFd, bell: &OwnedFd) -> Result<()> {
    epoll::add(poll, bell, EventData::new_u64(0), EventFlags::IN)
        .map_err(|errno| Error::system(Operation::Doorbell, errno))
}

/// How a bell is opened by those who are to hear it.
const FLAGS: OFlags = OFlags::RDWR.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// Shares a bell with all others who have it; whether its name is still there, and stays.
fn share(bell: &OwnedFd) -> io::Result<bool> {
    match flock(bell, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(sys::link_count(bell.as_raw_fd())? > 0),
        Err(Errno::AGAIN) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Removes the name if nobody else has the bell.
fn leave(bell: &OwnedFd, name: &OwnedName) {
    let is_last = flock(bell, FlockOperation::NonBlockingLockExclusive).is_ok();
    // Only a stranger can have removed it before.
    if is_last && sys::link_count(bell.as_raw_fd()).is_ok_and(|count| count > 0) {
        remove(name);
    }
}

/// Removes a name that nobody needs. If this fails there is nobody to tell.
fn remove(name: &OwnedName) {
    let _ = sys::mq_unlink(name.c_str());
}

impl<Q: Borrow<SharedQueue>> Doorbell<Q> {
    /// Prepares a descriptor that says when there is a message: a kernel queue of one message, which counts against
    /// RLIMIT_MSGQUEUE, in an epoll instance. They are two descriptors. It is not armed yet.
    ///
    /// # Errors
    /// As [`MessageQueueOptions::open`](crate::MessageQueueOptions::open);
    /// [`WouldBlock`](crate::ErrorKind::WouldBlock) if a process is stopped in the middle of dropping the last one. The
    /// queue is given back.
    pub fn new(queue: Q) -> core::result::Result<Self, Refused<Q>> {
        match parts(queue.borrow()) {
            Ok((name, bell, poll)) => Ok(Self { queue, name, bell, poll, creator: Creator::this_process() }),
            Err(error) => Err(Refused { error, value: queue }),
        }
    }

    /// The queue it belongs to.
    #[must_use]
    pub fn queue(&self) -> &SharedQueue {
        self.queue.borrow()
    }

    /// Arms it for the next message; whether there is one already, so that there is nothing to wait for. Messages that
    /// dead consumers had in hand count too.
    ///
    /// # Errors
    /// As [`SharedQueue::doorbell`], and as [`SharedQueue::receive`].
    pub fn arm(&mut self) -> Result<bool> {
        let system = |errno| Error::system(Operation::Doorbell, errno);
        loop {
            self.silence().map_err(system)?;
            let client = self.queue().member.client(Operation::Doorbell)?;
            let arm = || client.arm().map_err(|errno| self.queue().failed(Operation::Doorbell, errno));
            // What the dead had in hand nobody would ring for. If that cannot be looked for now, others will.
            let ready = arm()? || client.reclaim().unwrap_or(false) && arm()?;
            // While it is shared, nobody who keeps to the rules removes the name.
            if ready || sys::link_count(self.bell.as_raw_fd()).map_err(system)? > 0 {
                return Ok(ready);
            }
            self.replace_bell()?;
        }
    }

    /// Makes the bell anew whose name somebody has removed.
    fn replace_bell(&mut self) -> Result<()> {
        let bell = self.queue().make_bell(&self.name)?;
        watch(&self.poll, &bell).inspect_err(|_| leave(&bell, &self.name))?;
        // A child of `fork` may have the old one open still, which is why closing it would not do.
        let _ = epoll::delete(&self.poll, &self.bell);
        self.bell = bell;
        Ok(())
    }

    /// Takes the rings that nobody has taken.
    fn silence(&self) -> io::Result<()> {
        loop {
            match sys::mq_timedreceive(&self.bell, &mut [MaybeUninit::uninit(); 1], None) {
                Ok(_) => {}
                Err(Errno::AGAIN) => return Ok(()),
                Err(errno) => return Err(errno),
            }
        }
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
            leave(&self.bell, &self.name);
        }
    }
}

impl<Q: Borrow<SharedQueue>> fmt::Debug for Doorbell<Q> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Doorbell").field("poll", &self.poll).finish_non_exhaustive()
    }
}
