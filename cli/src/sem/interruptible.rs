//! Taking a token, with an eye on the signals that ask to end.

use std::time::{Duration, Instant};

use rawipc::{ErrorKind, NamedSemaphore, Result};

use crate::signals::{Caught, Signals};

/// How often is looked for a signal. A handler that would end the wait at once is not to be had without unsafe code,
/// and one that ended the process could do so when the token is taken already.
const LOOK: Duration = Duration::from_millis(100);

/// How taking a token ended, if not by an error.
pub(super) enum Taken {
    Token,
    /// No token was taken, and none is recorded as waited for.
    Signal(Caught),
}

/// Takes a token, waiting for at most `timeout`; zero does not wait.
pub(super) fn take(semaphore: &NamedSemaphore, timeout: Option<Duration>, signals: &mut Signals) -> Result<Taken> {
    if timeout.is_some_and(|timeout| timeout.is_zero()) {
        return semaphore.try_wait().map(|()| Taken::Token);
    }
    // A timeout beyond what the clock can show is as good as none.
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    loop {
        if let Some(signal) = signals.caught() {
            return Ok(Taken::Signal(signal));
        }
        let left = deadline.map_or(LOOK, |deadline| deadline.saturating_duration_since(Instant::now()));
        match semaphore.wait_timeout(left.min(LOOK)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::TimedOut && (left > LOOK || deadline.is_none()) => {}
            result => return result.map(|()| Taken::Token),
        }
    }
}
