//! The queue in every interleaving: sleeping and waking, reserving and publishing, deaths.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test --release --lib --target-dir target/loom shared_queue::protocol::loom_tests -- --nocapture
//! ```

mod bells;
mod models;
mod mutants;

use core::sync::atomic::AtomicU8;
use std::sync::Arc;
use std::time::Duration;
use std::vec::Vec;

use loom::thread::JoinHandle;
use rustix::io::Result;

use super::layout::{Bell, Control, Entry, Line, Sizes, SlotHeader, SplitU64, Waiters};
use super::session::{QueueMemory, Session};
use super::view::{Slot, View};
use super::wait_limit::{Wait, WaitLimit};
use crate::futex::WaitTuning;
use crate::futex::exploration::Guarded;
use crate::futex::model::{AtomicU32, let_slices_end};
use crate::priority::Priority;
use crate::sync::loom_tests::{Graves, free_lock, participant, word_of};
use crate::sync::{Liveness, PeerId};

/// How many doorbells there can be: those of two consumers.
const BELLS: usize = 2;

/// Longer than what is copied under the lock.
const LONG: usize = 2000;

/// A queue's memory, what lies in its slots, and who has died.
struct World {
    control: Control,
    run: Vec<Entry>,
    heap: Vec<Entry>,
    free: Vec<AtomicU32>,
    slots: Vec<Line>,
    bells: Vec<Bell>,
    rooms: Vec<Guarded>,
    sizes: Sizes,
    graves: Graves,
}

/// The world as one participant sees it.
struct Scene<'world> {
    view: View<'world>,
    graves: &'world Graves,
    next_look: core::sync::atomic::AtomicU32,
}

impl Liveness for Scene<'_> {
    fn is_dead(&self, owner: PeerId) -> Result<bool> {
        self.graves.is_dead(owner)
    }
}

impl QueueMemory for Scene<'_> {
    fn view(&self) -> &View<'_> {
        &self.view
    }

    fn lock_grace(&self) -> Duration {
        Duration::from_secs(1 << 32)
    }

    fn next_look(&self) -> &core::sync::atomic::AtomicU32 {
        &self.next_look
    }
}

fn zero() -> AtomicU32 {
    AtomicU32::new(0)
}

fn wide() -> SplitU64 {
    SplitU64 { low: zero(), high: zero() }
}

fn entry() -> Entry {
    Entry { key: wide(), slot: zero(), given_up: zero() }
}

fn waiters() -> Waiters {
    Waiters { event: zero(), sleepers: zero() }
}

fn bell() -> Bell {
    Bell { owner: zero(), number: zero(), armed: zero(), _reserved: zero() }
}

fn line() -> Line {
    let header = SlotHeader { state: zero(), length: zero(), key: wide(), _reserved: core::array::from_fn(|_| zero()) };
    Line { header, start: [const { AtomicU8::new(0) }; 32] }
}

impl World {
    fn new(max_messages: usize) -> Arc<Self> {
        let sizes = Sizes { max_messages, max_message_size: LONG };
        let control = Control {
            lock: free_lock(),
            messages: zero(),
            free: zero(),
            next: wide(),
            first: entry(),
            receivers: waiters(),
            senders: waiters(),
            wake_threshold: zero(),
            armed: zero(),
            run: zero(),
        };
        let world = Self {
            control,
            run: (0..max_messages).map(|_| entry()).collect(),
            heap: (0..max_messages).map(|_| entry()).collect(),
            free: (0..max_messages).map(|_| zero()).collect(),
            slots: (0..max_messages * sizes.lines()).map(|_| line()).collect(),
            bells: (0..BELLS).map(|_| bell()).collect(),
            rooms: (0..max_messages).map(|_| Guarded::new()).collect(),
            sizes,
            graves: Graves::new(),
        };
        world.view().clear();
        Arc::new(world)
    }

    fn view(&self) -> View<'_> {
        let Self { control, run, heap, free, slots, bells, sizes, .. } = self;
        View { control, run, heap, free, slots, bells, sizes: *sizes, lines: sizes.lines() }
    }

    /// Does something as one participant.
    fn with<T>(&self, number: usize, action: impl FnOnce(Session<'_, Scene<'_>>) -> T) -> T {
        let scene = Scene { view: self.view(), graves: &self.graves, next_look: 0.into() };
        action(Session { memory: &scene, me: participant(number) })
    }

    /// Sends a number, waiting until it can.
    fn send(&self, me: usize, length: usize, number: u32) -> Result<()> {
        let fill = |slot: Slot<'_>| self.rooms[slot.index].set(number);
        let sent = self.with(me, |session| match length {
            LONG => session.send_long(length, Priority::MIN, &mut wait(), fill),
            _ => session.send(length, Priority::MIN, wait, fill),
        });
        sent.map(drop)
    }

    /// Receives a number, waiting until there is one.
    fn receive(&self, me: usize) -> Result<u32> {
        let mut number = 0;
        self.with(me, |session| session.receive(wait, |found| number = self.rooms[found.slot.index].get()))?;
        Ok(number)
    }

    /// As a process that is killed: it does nothing more, and from now on waiters look for the dead.
    fn die(&self, number: usize) {
        self.graves.bury(number);
        for word in [word_of(&self.control.lock), &self.control.receivers.event, &self.control.senders.event] {
            let_slices_end(word);
        }
    }
}

/// Until it is ended: slices end only when the model says so.
fn wait() -> Wait<'static> {
    let tuning = &const { WaitTuning { spin: 0, recheck_interval: Some(Duration::from_secs(1 << 32)) } };
    Wait::new(WaitLimit::None, tuning, Duration::ZERO)
}

fn spawn<T: 'static>(world: &Arc<World>, action: impl FnOnce(&World) -> T + 'static) -> JoinHandle<T> {
    let world = world.clone();
    loom::thread::spawn(move || action(&world))
}
