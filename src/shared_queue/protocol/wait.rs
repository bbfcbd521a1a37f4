//! Waiting for messages or room: how a session sleeps and is woken.

use core::borrow::BorrowMut;

use rustix::io::{Errno, Result};

use super::guard::{QueueGuard, ToWake};
use super::layout::Waiters;
use super::session::{QueueMemory, Session};
use super::view::{self, View};
use super::wait_limit::{Wait, WaitFor};
use crate::futex::Scope;
use crate::futex::primitive::Ordering::{Acquire, Relaxed};
use crate::futex::primitive::sleep;

impl View<'_> {
    /// Returns `true` if it seems to be there. This look is without the lock.
    pub(in crate::shared_queue) fn is_ready_hint(&self, what: WaitFor) -> bool {
        let count = match what {
            WaitFor::Message => &self.control.messages,
            WaitFor::Room => &self.control.free,
        };
        count.load(Relaxed) > 0
    }

    fn side(&self, what: WaitFor) -> &Waiters {
        match what {
            WaitFor::Message => &self.control.receivers,
            WaitFor::Room => &self.control.senders,
        }
    }
}

impl QueueGuard<'_> {
    /// How much of it is there.
    #[inline]
    pub(in crate::shared_queue) fn count(&self, what: WaitFor) -> view::Result<usize> {
        match what {
            WaitFor::Message => self.view.messages(),
            WaitFor::Room => self.free(),
        }
    }

    /// Records one more sleeper; the event's value to sleep on.
    fn begin_sleep(&self, what: WaitFor, lets_drain: bool) -> u32 {
        let side = self.view.side(what);
        if what == WaitFor::Room {
            // Another sender that sleeps already is woken for each slot.
            let half = if lets_drain && side.is_empty() { self.view.capacity() / 2 } else { 1 };
            self.view.control.wake_threshold.store(half.max(1) as u32, Relaxed);
        }
        side.begin_sleep()
    }

    /// Forgets one sleeper, which has come back.
    fn end_sleep(&self, what: WaitFor) {
        if what == WaitFor::Room {
            self.view.control.wake_threshold.store(1, Relaxed);
        }
        self.view.side(what).end_sleep();
    }

    /// Returns `true` if a slot was given up without the lock since this was asked last.
    fn was_given_up(&self) -> bool {
        self.view.control.first.given_up.swap(0, Acquire) != 0
    }
}

impl<'queue, P: QueueMemory> Session<'queue, P> {
    /// Locks the queue when it has what is waited for: how much of it there is. An error if it must not wait any
    /// longer.
    #[inline]
    pub(in crate::shared_queue) fn lock_for<'handle, W: BorrowMut<Wait<'handle>>>(
        self,
        what: WaitFor,
        wait: impl FnOnce() -> W,
    ) -> Result<(QueueGuard<'queue>, usize)> {
        let is_locked = self.view().control.lock.try_lock_uncontended(self.me);
        if is_locked {
            let guard = QueueGuard::of_acquired(self.view());
            let count = guard.count(what)?;
            if count > 0 {
                return Ok((guard, count));
            }
            guard.suspend();
        }
        let (to_wake, count) = self.wait_until_ready(is_locked, what, wait().borrow_mut())?;
        Ok((QueueGuard::resume(self.view(), to_wake), count))
    }

    /// Goes on with the lock, if it is held already, until what is waited for is there. Returns with the lock.
    #[cold]
    fn wait_until_ready(self, is_locked: bool, what: WaitFor, wait: &mut Wait<'_>) -> Result<(ToWake, usize)> {
        let mut guard = if is_locked { QueueGuard::of_acquired(self.view()) } else { self.lock(wait)? };
        loop {
            let count = guard.count(what)?;
            if count > 0 {
                return Ok((guard.suspend(), count));
            }
            guard = self.wait_once(guard, what, wait)?;
        }
    }

    /// Waits once; comes back with the lock when it may be there.
    fn wait_once(
        self,
        mut guard: QueueGuard<'queue>,
        what: WaitFor,
        wait: &mut Wait<'_>,
    ) -> Result<QueueGuard<'queue>> {
        if wait.may_yield() {
            drop(guard);
            // The peer that has just made it be there still has the lock.
            wait.yield_before_sleep(what, || self.view().is_ready_hint(what) && !self.view().control.lock.is_locked());
            guard = self.lock(wait)?;
            if self.view().is_ready_hint(what) {
                return Ok(guard);
            }
        }
        let slice = match wait.next_slice(what) {
            Ok(slice) => slice,
            Err(errno) if wait.last_attempt => return Err(errno),
            Err(errno) => {
                wait.last_attempt = true;
                return if guard.reclaim(self.memory)? { Ok(guard) } else { Err(errno) };
            }
        };
        if wait.looks_once() {
            (guard, _) = self.reclaim_all(guard, wait)?;
            if self.view().is_ready_hint(what) {
                return Ok(guard);
            }
        }
        let side = self.view().side(what);
        let expected = guard.begin_sleep(what, wait.lets_queue_drain(what));
        // After the event, which changes after a slot is given up: it is room, or its message is there again.
        if guard.was_given_up() {
            guard.end_sleep(what);
            return Ok(self.reclaim_all(guard, wait)?.0);
        }
        drop(guard);
        let end = sleep(&side.event, expected, Scope::Shared, slice);
        wait.sleeps = wait.sleeps.saturating_add(1);
        let mut guard = self.lock(wait).inspect_err(|_| {
            // This one was perhaps woken for what another one can have.
            if matches!(end, Ok(()) | Err(Errno::AGAIN)) {
                side.wake_another();
            }
        })?;
        guard.end_sleep(what);
        if matches!(end, Ok(()) | Err(Errno::AGAIN)) || self.view().is_ready_hint(what) {
            return Ok(guard);
        }
        // A wait that is interrupted again and again, and begun again, must find what the dead have left too.
        (guard, _) = self.reclaim_all(guard, wait)?;
        match end {
            Err(errno) if errno != Errno::TIMEDOUT && !self.view().is_ready_hint(what) => Err(errno),
            _ => Ok(guard),
        }
    }
}
