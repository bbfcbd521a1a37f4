//! How long a call may wait, and how it does.

use core::borrow::BorrowMut;
use core::time::Duration;

use rustix::io::{Errno, Result};

use super::client::{Client, Place};
use super::format::Side;
use super::locked::{Locked, ToWake};
use super::view::{self, View};
use crate::futex::primitive::Ordering::Relaxed;
use crate::futex::primitive::sleep;
use crate::futex::{Courtesy, Nap, Patience, Scope, Tuning};
use crate::time::Deadline;

/// How long the lock is waited for by a call that must not wait: somebody may have been stopped while he had it.
const INSTANT: Duration = Duration::from_millis(50);

/// How many pauses the lock is waited for before a sleep: who has it copies a kilobyte at most. Models have no such
/// time.
const LOCK_PAUSES: u32 = if cfg!(loom) { 0 } else { 100 };

/// How long a sender lets the queue become half empty, rather than be woken for each free block.
const LULL: Duration = Duration::from_millis(1);

/// How long a call may wait.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    None,
    Now,
    Within(Duration),
    Until(Deadline),
}

/// What a call waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    Message,
    Room,
}

impl For {
    /// How many pauses there are from look to look: each takes the line of memory from the one who is waited for. A
    /// message is waited for more urgently than room.
    const fn step(self) -> u32 {
        match self {
            Self::Message => 2,
            Self::Room => 4,
        }
    }
}

/// A call's waiting so far. Clocks are not read before it has to wait.
pub(super) struct Wait<'handle> {
    limit: Limit,
    tuning: &'handle Tuning,
    courtesy: Option<&'handle Courtesy>,
    sleeps: u32,
    /// What is tried is the last attempt.
    over: bool,
}

impl<'handle> Wait<'handle> {
    #[inline]
    pub(super) const fn new(limit: Limit, tuning: &'handle Tuning) -> Self {
        Self { limit, tuning, courtesy: None, sleeps: 0, over: false }
    }

    /// One that lets others run before it sleeps, if that is worth it.
    #[inline]
    pub(super) const fn with_courtesy(self, courtesy: &'handle Courtesy) -> Self {
        Self { courtesy: Some(courtesy), ..self }
    }

    /// When it ends; `None` for never.
    fn deadline(&mut self) -> Option<Deadline> {
        match self.limit {
            Limit::None => None,
            Limit::Now => Some(Deadline::after(INSTANT)),
            Limit::Within(time) => {
                let deadline = Deadline::after(time);
                self.limit = Limit::Until(deadline);
                Some(deadline)
            }
            Limit::Until(deadline) => Some(deadline),
        }
    }

    /// How many pauses to wait for the lock, before any clock is read.
    pub(super) fn pauses_for_lock(&self) -> u32 {
        self.courtesy.map_or(LOCK_PAUSES, |courtesy| courtesy.spin(LOCK_PAUSES))
    }

    /// For the lock, which even an expired wait waits for a little.
    pub(super) fn for_lock(&mut self) -> Patience<Option<Deadline>> {
        let deadline = self
            .deadline()
            .map(|deadline| if deadline.remaining() < INSTANT { Deadline::after(INSTANT) } else { deadline });
        Patience::new(deadline, Tuning { spin: 0, ..*self.tuning })
    }

    /// What it means to the call that the lock could not be had.
    pub(super) fn lock_error(&self, errno: Errno) -> Errno {
        if errno == Errno::TIMEDOUT && matches!(self.limit, Limit::Now) { Errno::AGAIN } else { errno }
    }

    /// How to sleep; EAGAIN or ETIMEDOUT if no longer.
    fn nap(&mut self, what: For) -> Result<Option<Nap>> {
        if matches!(self.limit, Limit::Now) {
            return Err(Errno::AGAIN);
        }
        let recheck = if what == For::Room && self.sleeps == 0 { LULL } else { self.tuning.recheck };
        Patience::new(self.deadline(), Tuning { recheck, ..*self.tuning }).nap()
    }

    /// Whether to give others a moment before the first sleep.
    fn may_dally(&self) -> bool {
        self.courtesy.is_some() && self.sleeps == 0 && !matches!(self.limit, Limit::Now | Limit::Within(Duration::ZERO))
    }

    /// Gives others a moment.
    fn dally(&self, what: For, is_there: impl Fn() -> bool) {
        if let Some(courtesy) = self.courtesy {
            courtesy.linger(self.tuning.spin, what.step(), is_there);
        }
    }
}

impl View<'_> {
    /// Whether it is there, as far as can be told without the lock.
    pub(super) fn seems_there(&self, what: For) -> bool {
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
    pub(super) fn count(&self, what: For) -> view::Result<usize> {
        match what {
            For::Message => self.view.messages(),
            For::Room => self.free(),
        }
    }

    /// Records one more sleeper; the event's value to sleep on.
    fn begin_sleep(&self, what: For, first: bool) -> u32 {
        if what == For::Room {
            // Nobody waits for more than a patient one does.
            let half = if first { self.view.capacity() / 2 } else { 1 };
            self.view.control.enough.store(half.max(1) as u32, Relaxed);
        }
        self.view.side(what).begin_sleep()
    }
}

impl<'place, P: Place> Client<'place, P> {
    /// Locks the queue when it has what is waited for: how much of it there is. An error if it must not wait any
    /// longer.
    #[inline]
    pub(super) fn lock_for<'handle, W: BorrowMut<Wait<'handle>>>(
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
        if wait.may_dally() {
            drop(locked);
            // Who has just made it be there still has the lock.
            wait.dally(what, || self.view().seems_there(what) && !self.view().control.lock.is_taken());
            locked = self.lock(wait)?;
            if self.view().seems_there(what) {
                return Ok(locked);
            }
        }
        let nap = match wait.nap(what) {
            Ok(nap) => nap,
            Err(errno) if wait.over => return Err(errno),
            Err(errno) => {
                wait.over = true;
                return if locked.reclaim(self.place)? { Ok(locked) } else { Err(errno) };
            }
        };
        let expected = locked.begin_sleep(what, wait.sleeps == 0);
        drop(locked);
        let side = self.view().side(what);
        let end = sleep(&side.event, expected, Scope::Shared, nap);
        wait.sleeps = wait.sleeps.saturating_add(1);
        let mut locked = self.lock(wait)?;
        side.end_sleep();
        match end {
            Ok(()) | Err(Errno::AGAIN) => {}
            Err(Errno::TIMEDOUT) => _ = locked.reclaim(self.place)?,
            Err(errno) if self.view().seems_there(what) => _ = errno,
            Err(errno) => return Err(errno),
        }
        Ok(locked)
    }
}
