//! The four ways in which a call of either direction waits.

use core::num::NonZeroU64;
use core::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::AsFd;
use rustix::fs::OFlags;
use rustix::io::{self, Errno};

use super::MessageQueue;
use crate::error::{Error, Result};
use crate::open_flags::OpenFlags;
use crate::sys::{self, Timespec as KernelTime};
use crate::time::{Clock, Deadline, Time};

/// The longest single `poll`; a longer wait is made of several. Far below what any kernel's timeout can express.
const LONGEST_POLL: Duration = Duration::from_secs(24 * 60 * 60);

/// One message to be sent or received, and the ways to wait for it.
pub(super) trait Attempt {
    /// What `poll` says when an attempt is worth it.
    const READY: PollFlags;

    fn queue(&self) -> &MessageQueue;

    /// Returns how many bytes the message has, or how many the buffer has free.
    fn length(&mut self) -> usize;

    /// The one system call; it waits for ever, or until a realtime deadline.
    fn call(&mut self, deadline: Option<&KernelTime>) -> io::Result<()>;

    /// What a failure of the call means, for a message or a free part of a buffer of this length.
    fn diagnose(queue: &MessageQueue, errno: Errno, length: usize) -> Error;

    #[inline]
    fn error(&mut self, errno: Errno) -> Error {
        let length = self.length();
        Self::diagnose(self.queue(), errno, length)
    }

    /// Waits without a limit.
    #[inline]
    fn wait(&mut self) -> Result<()> {
        self.call(None).map_err(|errno| self.error(errno))
    }

    /// Never waits.
    #[inline]
    fn now(&mut self) -> Result<()> {
        let looked = if self.queue().believed_nonblocking() { Ok(()) } else { self.queue().look(Self::READY) };
        looked.and_then(|()| self.call(Some(&KernelTime::EXPIRED)).map_err(Unready::after_a_call)).map_err(|unready| {
            let length = self.length();
            Self::refused_now(self.queue(), length, unready)
        })
    }

    /// Why it fails at once: as a call that must not wait, whatever the nonblocking flag. Out of line, and by parts, so
    /// that the attempt need not lie in memory.
    #[cold]
    #[inline(never)]
    fn refused_now(queue: &MessageQueue, length: usize, unready: Unready) -> Error {
        match Self::refuse(queue, length, unready) {
            Errno::TIMEDOUT => Self::diagnose(queue, Errno::AGAIN, length),
            errno => Self::diagnose(queue, errno, length),
        }
    }

    /// Waits for at most `timeout`, by the monotonic clock.
    #[inline]
    fn within(&mut self, timeout: Duration) -> Result<()> {
        let result = if timeout.is_zero() {
            self.attempt_at_once()
        } else {
            self.attempt_or_poll(|| Time::now(Clock::Monotonic).saturating_add(timeout))
        };
        result.map_err(|errno| self.error(errno))
    }

    /// Waits until the deadline.
    fn until(&mut self, deadline: Deadline) -> Result<()> {
        let result = match deadline {
            _ if deadline.has_passed() => self.attempt_expired(),
            Deadline::Realtime(time) => self.call(Some(&time.to_kernel())),
            Deadline::Monotonic(time) => self.attempt_or_poll(|| time),
        };
        result.map_err(|errno| self.error(errno))
    }

    /// Fails with ETIMEDOUT if it would have to wait; with EAGAIN, as every wait on it, if the descriptor is
    /// nonblocking.
    ///
    /// An expired deadline makes the kernel try without waiting; but where the try fails it has set up and cancelled a
    /// timer, 30 times as expensive as a look. So a blocking descriptor is looked at before. On a nonblocking one no
    /// timer is set up.
    #[inline]
    fn attempt_expired(&mut self) -> io::Result<()> {
        if !self.queue().believed_nonblocking() {
            let looked = self.queue().look(Self::READY);
            let length = self.length();
            looked.map_err(|unready| Self::refuse(self.queue(), length, unready))?;
        }
        self.call(Some(&KernelTime::EXPIRED))
    }

    /// Why a call fails on a queue that is not ready: wrong arguments come first.
    #[inline]
    fn refuse(queue: &MessageQueue, length: usize, unready: Unready) -> Errno {
        let check = || queue.check(Self::READY, length, unready.max_message_size()).err();
        unready.is_of_a_look().then(check).flatten().unwrap_or(unready.errno())
    }

    /// The same out of line: no time at all is not what time limits are made for.
    #[cold]
    fn attempt_at_once(&mut self) -> io::Result<()> {
        self.attempt_expired()
    }

    /// Tries at once; if that fails, finds out the end of the wait and tries again whenever the queue is ready.
    #[inline]
    fn attempt_or_poll(&mut self, end: impl FnOnce() -> Time) -> io::Result<()> {
        match self.call(Some(&KernelTime::EXPIRED)) {
            Err(Errno::TIMEDOUT) => self.poll_until(end),
            result => result,
        }
    }

    #[cold]
    fn poll_until(&mut self, end: impl FnOnce() -> Time) -> io::Result<()> {
        let deadline = Deadline::Monotonic(end());
        loop {
            let remaining = deadline.remaining();
            if self.queue().poll(Self::READY, remaining)? {
                match self.call(Some(&KernelTime::EXPIRED)) {
                    // Another process was faster.
                    Err(Errno::TIMEDOUT) if !remaining.is_zero() => {}
                    result => return result,
                }
            } else if remaining <= LONGEST_POLL {
                return Err(Errno::TIMEDOUT);
            }
        }
    }
}

/// Why a look says that no call is worth it: the errno, and the longest message if the queue is full or empty. In one
/// register, since a look is next to each try.
pub(super) struct Unready(NonZeroU64);

impl Unready {
    const fn new(errno: Errno, max_message_size: u64) -> Self {
        let bits = NonZeroU64::new(max_message_size << 16 | errno.raw_os_error() as u64);
        // No errno is 0.
        Self(match bits {
            Some(bits) => bits,
            None => NonZeroU64::MIN,
        })
    }

    /// After a call of the kernel, which has checked the arguments.
    const fn after_a_call(errno: Errno) -> Self {
        Self::new(errno, 0)
    }

    /// Returns `true` if the queue was full or empty: every queue has messages of a byte or more.
    const fn is_of_a_look(&self) -> bool {
        self.max_message_size() > 0
    }

    pub(super) const fn errno(&self) -> Errno {
        Errno::from_raw_os_error((self.0.get() & 0xffff) as i32)
    }

    const fn max_message_size(&self) -> usize {
        (self.0.get() >> 16) as usize
    }
}

impl MessageQueue {
    /// Fails as a call would that may not wait, if the queue is not ready: what `poll` would say, from the queue's
    /// attributes, which take half the time. If it is ready, the call itself checks its arguments. Not inlined: it is
    /// next to each try, and a call costs a hundredth of it.
    #[inline(never)]
    pub(super) fn look(&self, ready: PollFlags) -> core::result::Result<(), Unready> {
        let attributes = sys::mq_getsetattr(self.as_fd(), None);
        let attributes = attributes.map_err(|errno| Unready::new(errno, 0))?;
        let sys::Attributes { messages, max_messages, max_message_size, flags, .. } = attributes;
        let is_ready = if ready == PollFlags::OUT { messages < max_messages } else { messages > 0 };
        let errno = match OFlags::from_bits_retain(flags as u32).contains(OFlags::NONBLOCK) {
            _ if is_ready => return Ok(()),
            true => Errno::AGAIN,
            // The hint may be wrong, the flag is not.
            false => Errno::TIMEDOUT,
        };
        Err(Unready::new(errno, max_message_size as u64))
    }

    /// Fails as every call does for its arguments alone, in the kernel's order: the direction, then the length of the
    /// message or of the free part of the buffer.
    pub(super) fn check(&self, ready: PollFlags, length: usize, max_message_size: usize) -> io::Result<()> {
        let (direction, fits) = if ready == PollFlags::OUT {
            (OpenFlags::WRITE, length <= max_message_size)
        } else {
            (OpenFlags::READ, length >= max_message_size)
        };
        match self.access.contains(direction) {
            false => Err(Errno::BADF),
            true if !fits => Err(Errno::MSGSIZE),
            true => Ok(()),
        }
    }

    /// Waits for at most `timeout` until the queue is ready. Returns `true` if it is.
    fn poll(&self, ready: PollFlags, timeout: Duration) -> io::Result<bool> {
        Ok(sys::poll(&mut [PollFd::from_borrowed_fd(self.as_fd(), ready)], Some(&poll_time(timeout)))? > 0)
    }
}

/// A timeout for `poll`, cut to the longest.
pub(super) fn poll_time(timeout: Duration) -> Timespec {
    let timeout = timeout.min(LONGEST_POLL);
    Timespec { tv_sec: timeout.as_secs() as _, tv_nsec: timeout.subsec_nanos().into() }
}
