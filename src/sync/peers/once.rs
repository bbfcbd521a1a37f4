//! What one thread of a process does for all of them.

use crate::futex::Scope;
use crate::futex::primitive::Ordering::{Acquire, Release};
use crate::futex::primitive::{AtomicU32, sleep, wake};

/// A thread is at it. Above all other values, seen as a signed number below them.
const BUSY: u32 = 1 << 31;

/// The number, once it is there.
#[inline]
pub(in crate::sync) fn peer_id(word: &AtomicU32) -> Option<u32> {
    let number = word.load(Acquire);
    (number.cast_signed() > 0).then_some(number)
}

/// The number, made by `work` unless it is there: once, however many threads come. What fails is tried again by the
/// next one.
#[cold]
pub(in crate::sync) fn acquire<E>(word: &AtomicU32, work: impl FnOnce() -> Result<u32, E>) -> Result<u32, E> {
    loop {
        // Ordering: of a success: an attempt that failed before has left nothing behind.
        match word.compare_exchange(0, BUSY, Acquire, Acquire) {
            Ok(_) => {}
            // It cannot fail but by a wake-up; whatever ends it, this looks again.
            Err(BUSY) => {
                let _ = sleep(word, BUSY, Scope::Private, None);
                continue;
            }
            Err(number) => return Ok(number),
        }
        let result = work();
        word.store(*result.as_ref().unwrap_or(&0), Release);
        wake(word, i32::MAX as u32, Scope::Private);
        return result;
    }
}
