//! The lock in every interleaving: handing it over, and its owner's death.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test --release --lib --target-dir target/loom sync::loom_tests -- --nocapture
//! ```

mod membership;
mod models;
mod mutants;

use std::sync::Arc;
use std::time::Duration;

use loom::thread::JoinHandle;
use rustix::io::Result;

use super::lock::{Acquired, Liveness, Lock};
use super::peers::PeerId;
use crate::futex::model::{AtomicU32, let_slices_end};
use crate::futex::primitive::Ordering::{Acquire, Release};
use crate::futex::primitive::{sleep, wake};
use crate::futex::{Never, Scope, WaitPolicy, WaitTuning};

/// A participant of a model.
pub(crate) const fn participant(number: usize) -> PeerId {
    PeerId::new(number, 1)
}

/// Who has died, as the kernel knows it: what the dead did is seen by whoever learns of their death.
pub(crate) struct Graves(AtomicU32);

impl Graves {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    pub(crate) fn bury(&self, number: usize) {
        self.0.fetch_add(1 << number, Release);
    }
}

impl Liveness for &Graves {
    fn is_dead(&self, owner: PeerId) -> Result<bool> {
        // For nobody the kernel is not asked, and orders nothing.
        let Some(slot) = owner.slot() else { return Ok(true) };
        Ok(self.0.fetch_add(0, Acquire) & 1 << slot != 0)
    }
}

/// For waits that last until they are ended: their slices end only when the model says so.
pub(crate) fn patience() -> WaitPolicy<Never> {
    WaitPolicy::new(Never, WaitTuning { spin: 0, recheck_interval: Some(Duration::from_secs(1 << 32)) })
}

/// A lock as the models need it.
trait Protocol: 'static {
    fn new() -> Self;
    fn lock(&self) -> &Lock;

    fn take(&self, me: PeerId, graves: &Graves) -> Result<Acquired> {
        if self.lock().try_lock_uncontended(me) {
            Ok(Acquired::Clean)
        } else {
            self.lock().lock(me, &graves, &mut patience())
        }
    }

    fn unlock(&self) {
        self.lock().unlock();
    }

    fn recover_abandoned(&self, me: PeerId) -> bool {
        self.lock().recover_abandoned(me)
    }
}

/// A lock that nobody has.
pub(crate) fn free_lock() -> Lock {
    Lock { word: AtomicU32::new(0) }
}

/// The word that its waiters sleep on.
pub(crate) fn word_of(lock: &Lock) -> &AtomicU32 {
    &lock.word
}

impl Protocol for Lock {
    fn new() -> Self {
        free_lock()
    }

    fn lock(&self) -> &Lock {
        self
    }
}

/// The lock, and who has died with it.
struct World<P> {
    lock: P,
    graves: Graves,
}

impl<P: Protocol> World<P> {
    fn new() -> Arc<Self> {
        Arc::new(Self { lock: P::new(), graves: Graves::new() })
    }

    fn take(&self, number: usize) -> Result<Acquired> {
        self.lock.take(participant(number), &self.graves)
    }

    /// As a process that is killed: it does nothing more, and from now on waiters look for the dead.
    fn die(&self, number: usize) {
        self.graves.bury(number);
        let_slices_end(&self.lock.lock().word);
    }
}

fn spawn<P: Protocol, T: 'static>(
    world: &Arc<World<P>>,
    action: impl FnOnce(&World<P>) -> T + 'static,
) -> JoinHandle<T> {
    let world = world.clone();
    loom::thread::spawn(move || action(&world))
}
