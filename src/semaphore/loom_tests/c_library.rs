//! The C libraries' own algorithms on our words, step by step as their sources have them.

use std::vec;
use std::vec::Vec;

use rustix::io::{Errno, Result};

use super::Layout;
use crate::futex::model::Word;
use crate::futex::primitive::Ordering::{Acquire, Relaxed, Release, SeqCst};
use crate::futex::primitive::{low_half, sleep, wake};
use crate::futex::{Scope, Slice};
use crate::semaphore::protocol::VALUE_MAX;
use crate::semaphore::protocol::{gnu32, gnu64, musl};
use crate::time::Deadline;

/// Returns `true` if a sleep's end is the wait's end.
fn is_final(slept: Result<()>) -> Result<()> {
    match slept {
        Err(errno @ (Errno::TIMEDOUT | Errno::INTR)) => Err(errno),
        _ => Ok(()),
    }
}

/// glibc's, where there are 64-bit atomics.
impl Layout for gnu64::Words {
    const NAME: &'static str = "gnu64";

    fn with_value(value: u32) -> Self {
        Self::new(value, Scope::Shared)
    }

    fn library_post(&self) -> Result<()> {
        let mut data = self.data.load(Relaxed);
        loop {
            if data as u32 == VALUE_MAX {
                return Err(Errno::OVERFLOW);
            }
            match self.data.compare_exchange_weak(data, data + 1, Release, Relaxed) {
                Ok(_) => break,
                Err(now) => data = now,
            }
        }
        if data >> 32 > 0 {
            wake(low_half(&self.data), 1, Scope::Shared);
        }
        Ok(())
    }

    fn library_wait(&self, limit: Option<Deadline>) -> Result<()> {
        const WAITER: u64 = 1 << 32;
        let data = self.data.load(Relaxed);
        if data as u32 != 0 && self.data.compare_exchange_weak(data, data - 1, Acquire, Relaxed).is_ok() {
            return Ok(());
        }
        // Here glibc counts on the old value, without the new waiter.
        let mut data = self.data.fetch_add(WAITER, Relaxed);
        loop {
            if data as u32 == 0 {
                if let Err(errno) = is_final(sleep(low_half(&self.data), 0, Scope::Shared, limit.map(Slice::Until))) {
                    self.data.fetch_sub(WAITER, Relaxed);
                    return Err(errno);
                }
                data = self.data.load(Relaxed);
            } else {
                match self.data.compare_exchange_weak(data, data.wrapping_sub(1 + WAITER), Acquire, Relaxed) {
                    Ok(_) => return Ok(()),
                    Err(now) => data = now,
                }
            }
        }
    }

    fn words(&self) -> Vec<&dyn Word> {
        vec![&self.data]
    }
}

/// glibc's, where there are no 64-bit atomics.
impl Layout for gnu32::Words {
    const NAME: &'static str = "gnu32";

    fn with_value(value: u32) -> Self {
        Self::new(value, Scope::Shared)
    }

    fn library_post(&self) -> Result<()> {
        let mut state = self.state.load(Relaxed);
        loop {
            if state >> 1 == VALUE_MAX {
                return Err(Errno::OVERFLOW);
            }
            match self.state.compare_exchange_weak(state, state + 2, Release, Relaxed) {
                Ok(_) => break,
                Err(now) => state = now,
            }
        }
        if state & 1 != 0 {
            wake(&self.state, 1, Scope::Shared);
        }
        Ok(())
    }

    fn library_wait(&self, limit: Option<Deadline>) -> Result<()> {
        let state = self.state.load(Relaxed);
        if state >> 1 != 0 && self.state.compare_exchange_weak(state, state - 2, Acquire, Relaxed).is_ok() {
            return Ok(());
        }
        self.waiters.fetch_add(1, Acquire);
        let result = gnu32_wait(self, limit);
        gnu32_finish(self);
        result
    }

    fn words(&self) -> Vec<&dyn Word> {
        vec![&self.state, &self.waiters]
    }
}

fn gnu32_wait(words: &gnu32::Words, limit: Option<Deadline>) -> Result<()> {
    let mut state = words.state.load(Relaxed);
    loop {
        loop {
            while state & 1 == 0 {
                match words.state.compare_exchange_weak(state, state | 1, Release, Relaxed) {
                    // glibc goes on with the old value, so its next exchange fails and tells the new one.
                    Ok(_) => break,
                    Err(now) => state = now,
                }
            }
            if state >> 1 != 0 {
                break;
            }
            is_final(sleep(&words.state, 1, Scope::Shared, limit.map(Slice::Until)))?;
            state = words.state.load(Relaxed);
            if state >> 1 != 0 {
                break;
            }
        }
        match words.state.compare_exchange_weak(state, state - 2, Acquire, Relaxed) {
            Ok(_) => return Ok(()),
            Err(now) => state = now,
        }
    }
}

fn gnu32_finish(words: &gnu32::Words) {
    let guess = words.waiters.load(Relaxed);
    if guess == 1 {
        words.state.fetch_and(!1, Acquire);
    }
    let waiters = words.waiters.fetch_sub(1, Release);
    if waiters > 1 && guess == 1 {
        let tokens = words.state.fetch_or(1, Relaxed) >> 1;
        if tokens > 0 {
            wake(&words.state, tokens, Scope::Shared);
        }
    }
}

/// musl 1.2.5's, whose post wakes only if the bit was set.
impl Layout for musl::Words {
    const NAME: &'static str = "musl";

    fn with_value(value: u32) -> Self {
        Self::new(value, Scope::Shared)
    }

    fn library_post(&self) -> Result<()> {
        const WAITED_FOR: u32 = 1 << 31;
        let (mut state, mut waiters);
        loop {
            state = self.state.load(SeqCst);
            waiters = self.waiters.load(SeqCst);
            if state & VALUE_MAX == VALUE_MAX {
                return Err(Errno::OVERFLOW);
            }
            let new = if waiters <= 1 { (state + 1) & !WAITED_FOR } else { state + 1 };
            if self.state.compare_exchange(state, new, SeqCst, SeqCst).is_ok() {
                break;
            }
        }
        if state & WAITED_FOR != 0 {
            wake(&self.state, if waiters > 1 { 1 } else { u32::MAX }, Scope::Shared);
        }
        Ok(())
    }

    fn library_wait(&self, limit: Option<Deadline>) -> Result<()> {
        while !musl_try_wait(self) {
            self.waiters.fetch_add(1, SeqCst);
            let _ = self.state.compare_exchange(0, 1 << 31, SeqCst, SeqCst);
            let slept = sleep(&self.state, 1 << 31, Scope::Shared, limit.map(Slice::Until));
            self.waiters.fetch_sub(1, SeqCst);
            is_final(slept)?;
        }
        Ok(())
    }

    fn words(&self) -> Vec<&dyn Word> {
        vec![&self.state, &self.waiters]
    }
}

fn musl_try_wait(words: &musl::Words) -> bool {
    loop {
        let state = words.state.load(SeqCst);
        if state & VALUE_MAX == 0 {
            return false;
        }
        if words.state.compare_exchange(state, state - 1, SeqCst, SeqCst).is_ok() {
            return true;
        }
    }
}
