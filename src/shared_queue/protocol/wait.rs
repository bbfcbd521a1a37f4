//! How long a call may wait, and how it does.

use core::borrow::BorrowMut;
use core::time::Duration;

use rustix::io::{Errno, Result};

use super::guard::{Locked, ToWake};
use super::layout::Side;
use super::session::{Client, Place};
use super::view::{self, View};
use crate::futex::primitive::Ordering::{Acquire, Relaxed};
use crate::futex::primitive::sleep;
use crate::futex::{AdaptiveSpin, Expiry, Scope, Slice, WaitPolicy, WaitTuning};
use crate::time::{Clock, Deadline, Time};

/// How long a call waits for the queue's internal lock if nothing else is set: a peer may have been stopped or
/// preempted while it held it.
pub(in crate::shared_queue) const LOCK_GRACE: Duration = Duration::from_millis(50);

/// How long a call waits for the lock that gives the queue what it has in hand, or arms a doorbell.
pub(in crate::shared_queue) const GIVING: Duration = Duration::from_secs(1);

/// How many pauses the lock is waited for before a sleep: its holder copies a kilobyte at most. Models have no such
/// time.
const LOCK_PAUSES: u32 = if cfg!(loom) { 0 } else { 100 };

/// How long a sender lets the queue become half empty, rather than be woken for each free block.
const SENDER_BATCH_DELAY: Duration = Duration::from_millis(1);

/// Says that the lock could not be had in time by a call that does not wait for messages. No system call that is made
/// here has this answer.
pub(in crate::shared_queue) const LOCK_IS_HELD: Errno = Errno::INPROGRESS;

/// How long a call may wait.
#[derive(Clone, Copy)]
pub(in crate::shared_queue) enum Limit {
    None,
    Now,
    Within(Duration),
    Until(Deadline),
}

/// What a call waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::shared_queue) enum For {
    Message,
    Room,
}

impl For {
    /// How many pauses there are from look to look: each takes the line of memory from the peer that is waited for. A
    /// message is waited for more urgently than room.
    const fn step(self) -> u32 {
        match self {
            Self::Message => 2,
            Self::Room => 4,
        }
    }
}

/// A call's waiting so far. Clocks are not read before it has to wait.
pub(in crate::shared_queue) struct Wait<'handle> {
    limit: Limit,
    tuning: &'handle WaitTuning,
    /// How long the lock is waited for beyond the limit.
    grace: Duration,
    spin: Option<&'handle AdaptiveSpin>,
    /// When the lock is waited for no longer, once that is known.
    lock_end: Option<Deadline>,
    policy: Option<WaitPolicy<Option<Deadline>>>,
    sleeps: u32,
    /// What is tried is the last attempt.
    over: bool,
}

impl<'handle> Wait<'handle> {
    #[inline]
    pub(in crate::shared_queue) const fn new(limit: Limit, tuning: &'handle WaitTuning, grace: Duration) -> Self {
        Self { limit, tuning, grace, spin: None, lock_end: None, policy: None, sleeps: 0, over: false }
    }

    /// One for the lock alone, by a call that waits for nothing else.
    pub(in crate::shared_queue) const fn for_lock_alone(grace: Duration) -> Self {
        Self::new(Limit::Now, &WaitTuning::ROBUST, grace)
    }

    /// The same within a time of its own.
    pub(in crate::shared_queue) const fn for_lock_within(timeout: Duration) -> Self {
        Self::new(Limit::Within(timeout), &WaitTuning::ROBUST, Duration::ZERO)
    }

    /// One that spins and yields before it sleeps, if that is worth it.
    #[inline]
    pub(in crate::shared_queue) const fn with_spin(self, spin: &'handle AdaptiveSpin) -> Self {
        Self { spin: Some(spin), ..self }
    }

    /// When it ends; `None` for never.
    fn deadline(&mut self) -> Option<Deadline> {
        match self.limit {
            Limit::None => None,
            Limit::Now => Some(Deadline::Monotonic(Time::ZERO)),
            Limit::Within(time) => {
                let deadline = Deadline::after(time);
                self.limit = Limit::Until(deadline);
                Some(deadline)
            }
            Limit::Until(deadline) => Some(deadline),
        }
    }

    /// How many pauses to wait for the lock, before any clock is read.
    pub(in crate::shared_queue) fn pauses_for_lock(&self) -> u32 {
        let is_impatient = matches!(self.limit, Limit::Now) && self.grace.is_zero();
        let pauses = if is_impatient { 0 } else { LOCK_PAUSES };
        self.spin.map_or(pauses, |spin| spin.pauses(pauses))
    }

    /// For the lock, which is waited for until the limit, and for the grace after that or from now on.
    pub(in crate::shared_queue) fn for_lock(&mut self) -> WaitPolicy<Option<Deadline>> {
        if self.lock_end.is_none() {
            self.lock_end = self.deadline().map(|deadline| {
                let deadline = if deadline.has_passed() { Deadline::after(Duration::ZERO) } else { deadline };
                deadline.saturating_add(self.grace)
            });
        }
        WaitPolicy::new(self.lock_end, self.tuning.for_internal_lock())
    }

    /// The lock is waited for anew: what the call has done meanwhile does not count.
    pub(in crate::shared_queue) const fn restart_grace(&mut self) {
        self.lock_end = None;
    }

    /// What it means to the call that the lock could not be had.
    pub(in crate::shared_queue) fn lock_error(&self, errno: Errno) -> Errno {
        if errno == Errno::TIMEDOUT && matches!(self.limit, Limit::Now) { LOCK_IS_HELD } else { errno }
    }

    /// How long the next sleep lasts at most, `None` for without an end; EAGAIN or ETIMEDOUT if there is none.
    fn next_slice(&mut self, what: For) -> Result<Option<Slice>> {
        if matches!(self.limit, Limit::Now) {
            return Err(Errno::AGAIN);
        }
        let deadline = self.deadline();
        if self.lets_queue_drain(what) {
            let soon = Time::now(Clock::Monotonic).saturating_add(SENDER_BATCH_DELAY);
            return Ok(deadline.until(Some(soon))?.map(Slice::Until));
        }
        self.policy.get_or_insert_with(|| WaitPolicy::new(deadline, *self.tuning)).next_slice()
    }

    /// Returns `true` if the next sleep lets the queue become half empty, rather than be woken for each free block.
    ///
    /// It ends after a millisecond, so waits that are to look again only when they are woken do without.
    fn lets_queue_drain(&self, what: For) -> bool {
        what == For::Room && self.sleeps == 0 && self.tuning.recheck_interval.is_some()
    }

    /// Returns `true` if what the dead have left is to be looked for before the first sleep: one that does not end by
    /// itself.
    fn looks_once(&self) -> bool {
        self.sleeps == 0 && self.tuning.recheck_interval.is_none()
    }

    /// Returns `true` if others are to get a moment before the first sleep.
    fn may_yield(&mut self) -> bool {
        let may_wait = !matches!(self.limit, Limit::Now | Limit::Within(Duration::ZERO));
        self.spin.is_some() && self.sleeps == 0 && may_wait && self.deadline().check().is_ok()
    }

    /// Gives others a moment.
    fn yield_before_sleep(&self, what: For, is_there: impl Fn() -> bool) {
        if let Some(spin) = self.spin {
            spin.spin_then_yield(self.tuning.spin, what.step(), is_there);
        }
    }
}

impl View<'_> {
    /// Whether it is there, as far as can be told without the lock.
    pub(in crate::shared_queue) fn seems_there(&self, what: For) -> bool {
        let count = match what {
            For::Message => &self.control.messages,
            For::Room => &self.control.free,
        };
        count.load(Relaxed) > 0
    }

    fn side(&self, what: For) -> &Side {
        match what {
            For::Message => &self.control.receivers,
            For::Room => &self.control.senders,
        }
    }
}

impl Locked<'_> {
    /// How much of it is there.
    #[inline]
    pub(in crate::shared_queue) fn count(&self, what: For) -> view::Result<usize> {
        match what {
            For::Message => self.view.messages(),
            For::Room => self.free(),
        }
    }

    /// Records one more sleeper; the event's value to sleep on.
    fn begin_sleep(&self, what: For, lets_drain: bool) -> u32 {
        let side = self.view.side(what);
        if what == For::Room {
            // Another sender that sleeps already is woken for each block.
            let half = if lets_drain && side.is_deserted() { self.view.capacity() / 2 } else { 1 };
            self.view.control.enough.store(half.max(1) as u32, Relaxed);
        }
        side.begin_sleep()
    }

    /// Forgets one sleeper, which has come back.
    fn end_sleep(&self, what: For) {
        if what == For::Room {
            self.view.control.enough.store(1, Relaxed);
        }
        self.view.side(what).end_sleep();
    }

    /// Returns `true` if a block was given up without the lock since this was asked last.
    fn was_given_up(&self) -> bool {
        self.view.control.first.rest.swap(0, Acquire) != 0
    }
}

impl<'place, P: Place> Client<'place, P> {
    /// Locks the queue when it has what is waited for: how much of it there is. An error if it must not wait any
    /// longer.
    #[inline]
    pub(in crate::shared_queue) fn lock_for<'handle, W: BorrowMut<Wait<'handle>>>(
        self,
        what: For,
        wait: impl FnOnce() -> W,
    ) -> Result<(Locked<'place>, usize)> {
        let is_locked = self.view().control.lock.take_free(self.me);
        if is_locked {
            let locked = Locked::new(self.view(), ToWake::default());
            let count = locked.count(what)?;
            if count > 0 {
                return Ok((locked, count));
            }
            locked.keep();
        }
        let (to_wake, count) = self.await_it(is_locked, what, wait().borrow_mut())?;
        Ok((Locked::new(self.view(), to_wake), count))
    }

    /// Goes on with the lock, if it has that already, until there is what is waited for; comes back with the lock.
    #[cold]
    fn await_it(self, is_locked: bool, what: For, wait: &mut Wait<'_>) -> Result<(ToWake, usize)> {
        let mut locked = if is_locked { Locked::new(self.view(), ToWake::default()) } else { self.lock(wait)? };
        loop {
            let count = locked.count(what)?;
            if count > 0 {
                return Ok((locked.keep(), count));
            }
            locked = self.await_change(locked, what, wait)?;
        }
    }

    /// Waits once; comes back with the lock when it may be there.
    fn await_change(self, mut locked: Locked<'place>, what: For, wait: &mut Wait<'_>) -> Result<Locked<'place>> {
        if wait.may_yield() {
            drop(locked);
            // The peer that has just made it be there still has the lock.
            wait.yield_before_sleep(what, || self.view().seems_there(what) && !self.view().control.lock.is_taken());
            locked = self.lock(wait)?;
            if self.view().seems_there(what) {
                return Ok(locked);
            }
        }
        let slice = match wait.next_slice(what) {
            Ok(slice) => slice,
            Err(errno) if wait.over => return Err(errno),
            Err(errno) => {
                wait.over = true;
                return if locked.reclaim(self.place)? { Ok(locked) } else { Err(errno) };
            }
        };
        if wait.looks_once() {
            (locked, _) = self.reclaim_all(locked, wait)?;
            if self.view().seems_there(what) {
                return Ok(locked);
            }
        }
        let side = self.view().side(what);
        let expected = locked.begin_sleep(what, wait.lets_queue_drain(what));
        // After the event, which changes after a block is given up.
        if what == For::Room && locked.was_given_up() {
            locked.end_sleep(what);
            return Ok(self.reclaim_all(locked, wait)?.0);
        }
        drop(locked);
        let end = sleep(&side.event, expected, Scope::Shared, slice);
        wait.sleeps = wait.sleeps.saturating_add(1);
        let mut locked = self.lock(wait).inspect_err(|_| {
            // This one was perhaps woken for what another one can have.
            if matches!(end, Ok(()) | Err(Errno::AGAIN)) {
                side.wake_another();
            }
        })?;
        locked.end_sleep(what);
        if matches!(end, Ok(()) | Err(Errno::AGAIN)) || self.view().seems_there(what) {
            return Ok(locked);
        }
        // A wait that is interrupted again and again, and begun again, must find what the dead have left too.
        (locked, _) = self.reclaim_all(locked, wait)?;
        match end {
            Err(errno) if errno != Errno::TIMEDOUT && !self.view().seems_there(what) => Err(errno),
            _ => Ok(locked),
        }
    }
}
