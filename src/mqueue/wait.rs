//! The four ways in which a call of either direction waits.

use core::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::AsFd;
use rustix::fs::OFlags;
use rustix::io::{self, Errno};

use super::MessageQueue;
use crate::error::{Error, Result};
use crate::sys::{self, Timespec as KernelTime};
use crate::time::{Clock, Deadline, Time};

/// The longest single `poll`; a longer wait is made of several. Far below what any kernel's time-out can express.
const LONGEST_POLL: Duration = Duration::from_secs(24 * 60 * 60);

/// One message to be sent or received, and the ways to wait for it.
pub(super) trait Attempt {
    /// What `poll` says when an attempt is worth it.
    const READY: PollFlags;

    fn queue(&self) -> &MessageQueue;

    /// The one system call; it waits for ever, or until a realtime deadline.
    fn call(&mut self, deadline: Option<&KernelTime>) -> io::Result<()>;

    /// What a failure of the call means.
    fn error(&mut self, errno: Errno) -> Error;

    /// Waits without a limit.
    #[inline]
    fn wait(&mut self) -> Result<()> {
        self.call(None).map_err(|errno| self.error(errno))
    }

    /// Never waits.
    #[inline]
    fn now(&mut self) -> Result<()> {
        self.attempt_now().map_err(|errno| self.error(errno))
    }

    /// Waits at most so long by the monotonic clock.
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

    /// Fails with EAGAIN if it would have to wait, whatever the nonblocking flag.
    #[inline]
    fn attempt_now(&mut self) -> io::Result<()> {
        match self.attempt_expired() {
            Err(Errno::TIMEDOUT) => Err(Errno::AGAIN),
            result => result,
        }
    }

    /// Fails with ETIMEDOUT if it would have to wait; with EAGAIN, as every wait on it, if the descriptor is
    /// nonblocking.
    ///
    /// An expired deadline makes the kernel try without waiting; but where the try fails it has set up and cancelled a
    /// timer, 30 times as dear as a look. So a blocking descriptor is looked at before. On a nonblocking one no timer
    /// is set up.
    #[inline]
    fn attempt_expired(&mut self) -> io::Result<()> {
        if !self.queue().believed_nonblocking() {
            self.queue().look(Self::READY)?;
        }
        self.call(Some(&KernelTime::EXPIRED))
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
                    // Somebody else was faster.
                    Err(Errno::TIMEDOUT) if !remaining.is_zero() => {}
                    result => return result,
                }
            } else if remaining <= LONGEST_POLL {
                return Err(Errno::TIMEDOUT);
            }
        }
    }
}

impl MessageQueue {
    /// Fails as a call would that may not wait, if the queue is not ready: what `poll` would say, from the queue's
    /// attributes, which are had for half the time. Not inlined: it is next to each try, and a call costs a hundredth
    /// of it.
    #[inline(never)]
    pub(super) fn look(&self, ready: PollFlags) -> io::Result<()> {
        let sys::Attributes { messages, max_messages, flags, .. } = sys::mq_getsetattr(self.as_fd(), None)?;
        let is_ready = if ready == PollFlags::OUT { messages < max_messages } else { messages > 0 };
        match OFlags::from_bits_retain(flags as u32).contains(OFlags::NONBLOCK) {
            _ if is_ready => Ok(()),
            true => Err(Errno::AGAIN),
            // The hint may be wrong, the flag is not.
            false => Err(Errno::TIMEDOUT),
        }
    }

    /// Waits until the queue is ready, at most so long: whether it is.
    fn poll(&self, ready: PollFlags, timeout: Duration) -> io::Result<bool> {
        Ok(poll(&mut [PollFd::from_borrowed_fd(self.as_fd(), ready)], Some(&poll_time(timeout)))? > 0)
    }
}

/// A time-out for `poll`, cut to the longest.
pub(super) fn poll_time(timeout: Duration) -> Timespec {
    let timeout = timeout.min(LONGEST_POLL);
    Timespec { tv_sec: timeout.as_secs() as _, tv_nsec: timeout.subsec_nanos().into() }
}
