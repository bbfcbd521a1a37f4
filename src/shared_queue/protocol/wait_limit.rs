//! How long a call may wait, and what it spins and sleeps by.

use core::time::Duration;

use rustix::io::{Errno, Result};

use crate::futex::{AdaptiveSpin, Expiry, Slice, WaitPolicy, WaitTuning};
use crate::time::{Clock, Deadline, Time};

/// How long a call waits for the queue's internal lock if nothing else is set: a peer may have been stopped or
/// preempted while it held it.
pub(in crate::shared_queue) const LOCK_GRACE: Duration = Duration::from_millis(50);

/// How long a call waits for the lock that gives the queue what it has in flight, or arms a doorbell.
pub(in crate::shared_queue) const SETTLE_GRACE: Duration = Duration::from_secs(1);

/// How many pauses the lock is waited for before a sleep: its holder copies a kilobyte at most. Models have no such
/// time.
const LOCK_PAUSES: u32 = if cfg!(loom) { 0 } else { 100 };

/// How long a sender lets the queue become half empty, rather than be woken for each free slot.
const SENDER_BATCH_DELAY: Duration = Duration::from_millis(1);

/// Says that the lock could not be had in time by a call that does not wait for messages. No system call that is made
/// here has this answer.
pub(in crate::shared_queue) const LOCK_IS_HELD: Errno = Errno::INPROGRESS;

/// How long a call may wait.
#[derive(Clone, Copy)]
pub(in crate::shared_queue) enum WaitLimit {
    None,
    Now,
    Within(Duration),
    Until(Deadline),
}

/// What a call waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::shared_queue) enum WaitFor {
    Message,
    Room,
}

impl WaitFor {
    /// Returns how many pauses there are from look to look: each takes the line of memory from the peer that is waited
    /// for. A message is waited for more urgently than room.
    const fn step(self) -> u32 {
        match self {
            Self::Message => 2,
            Self::Room => 4,
        }
    }
}

/// A call's waiting so far. Clocks are not read before it has to wait.
pub(in crate::shared_queue) struct Wait<'handle> {
    limit: WaitLimit,
    tuning: &'handle WaitTuning,
    /// How long the lock is waited for beyond the limit.
    grace: Duration,
    spin: Option<&'handle AdaptiveSpin>,
    /// When the lock is waited for no longer, once that is known.
    lock_end: Option<Deadline>,
    policy: Option<WaitPolicy<Option<Deadline>>>,
    pub(super) sleeps: u32,
    /// What is tried is the last attempt.
    pub(super) last_attempt: bool,
}

impl<'handle> Wait<'handle> {
    #[inline]
    pub(in crate::shared_queue) const fn new(limit: WaitLimit, tuning: &'handle WaitTuning, grace: Duration) -> Self {
        Self { limit, tuning, grace, spin: None, lock_end: None, policy: None, sleeps: 0, last_attempt: false }
    }

    /// One for the lock alone, by a call that waits for nothing else.
    pub(in crate::shared_queue) const fn for_lock_alone(grace: Duration) -> Self {
        Self::new(WaitLimit::Now, &WaitTuning::ROBUST, grace)
    }

    /// The same within a time of its own.
    pub(in crate::shared_queue) const fn for_lock_within(timeout: Duration) -> Self {
        Self::new(WaitLimit::Within(timeout), &WaitTuning::ROBUST, Duration::ZERO)
    }

    /// One that spins and yields before it sleeps, if that is worth it.
    #[inline]
    pub(in crate::shared_queue) const fn with_spin(self, spin: &'handle AdaptiveSpin) -> Self {
        Self { spin: Some(spin), ..self }
    }

    /// When it ends; `None` for never.
    fn deadline(&mut self) -> Option<Deadline> {
        match self.limit {
            WaitLimit::None => None,
            WaitLimit::Now => Some(Deadline::Monotonic(Time::ZERO)),
            WaitLimit::Within(time) => {
                let deadline = Deadline::after(time);
                self.limit = WaitLimit::Until(deadline);
                Some(deadline)
            }
            WaitLimit::Until(deadline) => Some(deadline),
        }
    }

    /// Returns how many pauses to wait for the lock, before any clock is read.
    pub(in crate::shared_queue) fn pauses_for_lock(&self) -> u32 {
        let is_impatient = matches!(self.limit, WaitLimit::Now) && self.grace.is_zero();
        let pauses = if is_impatient { 0 } else { LOCK_PAUSES };
        self.spin.map_or(pauses, |spin| spin.pauses(pauses))
    }

    /// WaitFor the lock, which is waited for until the limit, and for the grace after that or from now on.
    pub(in crate::shared_queue) fn for_lock(&mut self) -> WaitPolicy<Option<Deadline>> {
        if self.lock_end.is_none() {
            self.lock_end = self.deadline().map(|deadline| {
                let deadline = if deadline.has_passed() { Deadline::after(Duration::ZERO) } else { deadline };
                deadline.saturating_add(self.grace)
            });
        }
        WaitPolicy::new(self.lock_end, self.tuning.for_internal_lock())
    }

    /// The wait for the lock begins again: what the call has done meanwhile does not count.
    pub(in crate::shared_queue) const fn restart_grace(&mut self) {
        self.lock_end = None;
    }

    /// What it means to the call that the lock could not be had.
    pub(in crate::shared_queue) fn lock_error(&self, errno: Errno) -> Errno {
        if errno == Errno::TIMEDOUT && matches!(self.limit, WaitLimit::Now) { LOCK_IS_HELD } else { errno }
    }

    /// Returns how long the next sleep lasts at most, `None` for without an end; EAGAIN or ETIMEDOUT if there is none.
    pub(super) fn next_slice(&mut self, what: WaitFor) -> Result<Option<Slice>> {
        if matches!(self.limit, WaitLimit::Now) {
            return Err(Errno::AGAIN);
        }
        let deadline = self.deadline();
        if self.lets_queue_drain(what) {
            let soon = Time::now(Clock::Monotonic).saturating_add(SENDER_BATCH_DELAY);
            return Ok(deadline.until(Some(soon))?.map(Slice::Until));
        }
        self.policy.get_or_insert_with(|| WaitPolicy::new(deadline, *self.tuning)).next_slice()
    }

    /// Returns `true` if the next sleep lets the queue become half empty, rather than be woken for each free slot.
    ///
    /// It ends after a millisecond, so waits that are to look again only when they are woken do without.
    pub(super) fn lets_queue_drain(&self, what: WaitFor) -> bool {
        what == WaitFor::Room && self.sleeps == 0 && self.tuning.recheck_interval.is_some()
    }

    /// Returns `true` if what the dead have left is to be looked for before the first sleep: one that does not end by
    /// itself.
    pub(super) fn looks_once(&self) -> bool {
        self.sleeps == 0 && self.tuning.recheck_interval.is_none()
    }

    /// Returns `true` if others are to get a moment before the first sleep.
    pub(super) fn may_yield(&mut self) -> bool {
        let may_wait = !matches!(self.limit, WaitLimit::Now | WaitLimit::Within(Duration::ZERO));
        self.spin.is_some() && self.sleeps == 0 && may_wait && self.deadline().check().is_ok()
    }

    /// Gives others a moment.
    pub(super) fn yield_before_sleep(&self, what: WaitFor, is_there: impl Fn() -> bool) {
        if let Some(spin) = self.spin {
            spin.spin_then_yield(self.tuning.spin, what.step(), is_there);
        }
    }
}
