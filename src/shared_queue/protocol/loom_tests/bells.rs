//! Doorbells: two consumers that sleep until they are rung, senders that cannot ring, and deaths between any two steps.

use core::cell::Cell;
use core::sync::atomic;
use std::format;
use std::sync::Arc;
use std::time::Duration;
use std::vec::Vec;

use rustix::io::Errno;

use super::{BELLS, Scene, World};
use crate::futex::Scope;
use crate::futex::exploration::{Search, assert_found, explore, is_planted, join};
use crate::futex::model::AtomicU32;
use crate::futex::primitive::Ordering::{Acquire, Relaxed, Release};
use crate::futex::primitive::{sleep, wake};
use crate::priority::Priority;
use crate::shared_queue::protocol::arming::{Arming, Bells, Ringer, Rung};
use crate::shared_queue::protocol::layout::{ARMED, Bell};
use crate::shared_queue::protocol::session::Session;
use crate::shared_queue::protocol::wait_limit::Wait;
use crate::sync::loom_tests::participant;
use crate::sync::{Liveness, PeerId};

/// Two consumers and who sends.
const CONSUMERS: Search = Search { last: Some(3), stale: Some(2) };

/// WaitFor what is planted, which takes three: as many also where one fewer is tried.
const PLANTED: Search = Search { last: Some(4), stale: Some(3) };

/// Who sends; the consumers are 1 and 2, in the places 0 and 1.
const SENDER: usize = 0;

/// A queue, and what its doorbells ring.
struct Tower {
    world: Arc<World>,
    /// The kernel's bells: 1 for one that rings.
    rings: [AtomicU32; BELLS],
    slip: Option<Slip>,
    missed: atomic::AtomicU32,
}

/// What is done wrong, to be found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slip {
    /// A sender disarms what it cannot reach.
    Unreached,
    /// Arming that finds a message disarms all.
    DisarmsAll,
    /// All doorbells of the queue have one bell.
    OneBell,
    /// The sum is disarmed whatever it is by now.
    SumOverwritten,
}

/// A process was killed.
#[derive(Debug)]
struct Killed;

/// A sender as it rings.
struct Hand<'tower> {
    tower: &'tower Tower,
    /// The bells that it can reach.
    reaches: [bool; BELLS],
    /// How many steps it lives.
    steps: Cell<u32>,
}

impl Hand<'_> {
    fn step(&self) -> Result<(), Killed> {
        let left = self.steps.get().checked_sub(1).ok_or(Killed)?;
        self.steps.set(left);
        Ok(())
    }
}

impl Ringer for Hand<'_> {
    type Death = Killed;

    fn ring(&self, place: usize, record: &Bell) -> Result<Rung, Killed> {
        self.step()?;
        let owner = PeerId::of_word(record.owner.load(Relaxed));
        let rung = if self.reaches[place] {
            assert_eq!(record.number.load(Relaxed), place as u32, "it is armed before its number is there");
            self.tower.ring_bell(place);
            Rung::Done
        } else if self.tower.is_slip(Slip::Unreached) || self.tower.is_dead(owner) {
            Rung::Done
        } else {
            Rung::Unreachable
        };
        self.step()?;
        Ok(rung)
    }
}

/// Lives for ever.
const ALL_STEPS: u32 = u32::MAX;

impl Tower {
    /// With a doorbell for each consumer.
    fn new(slip: Option<Slip>) -> Arc<Self> {
        let world = World::new(2);
        let tower =
            Self { world, rings: [(); BELLS].map(|()| AtomicU32::new(0)), slip, missed: atomic::AtomicU32::new(0) };
        for place in 0..BELLS {
            assert_eq!(tower.claim(place + 1), Some(place));
        }
        Arc::new(tower)
    }

    fn is_slip(&self, slip: Slip) -> bool {
        self.slip == Some(slip)
    }

    fn is_dead(&self, owner: PeerId) -> bool {
        (&self.world.graves).is_dead(owner).expect("models know")
    }

    fn bells(&self) -> Bells<'_> {
        Bells { sum: &self.world.control.armed, records: &self.world.bells }
    }

    fn claim(&self, consumer: usize) -> Option<usize> {
        self.bells().claim(participant(consumer), &&self.world.graves)
    }

    fn bell(&self, place: usize) -> &AtomicU32 {
        &self.rings[if self.is_slip(Slip::OneBell) { 0 } else { place }]
    }

    fn ring_bell(&self, place: usize) {
        self.bell(place).store(1, Release);
        wake(self.bell(place), i32::MAX as u32, Scope::Shared);
    }

    /// Rings as a sender that reaches these and lives so long.
    fn ring(&self, reaches: [bool; BELLS], steps: u32) {
        let hand = Hand { tower: self, reaches, steps: Cell::new(steps) };
        // Each sender remembers what it missed by itself; this one has not tried before.
        let missed = if reaches == [true; BELLS] { &atomic::AtomicU32::new(0) } else { &self.missed };
        let Some(sum) = self.bells().to_ring(missed) else { return };
        if self.is_slip(Slip::SumOverwritten) {
            let rung = self.bells().ring_records(&hand).expect("it lives");
            assert_eq!(rung, Rung::Done);
            self.bells().sum.store(sum & !ARMED, Relaxed);
        } else {
            // Whether it was killed meanwhile matters to nobody.
            let _ = self.bells().ring(sum, missed, &hand);
        }
    }

    /// Sends a message; whether it is to ring.
    fn send(&self, number: u32) -> bool {
        let fill = |slot: super::Slot<'_>| self.world.rooms[slot.index].set(number);
        self.world.with(SENDER, |session| session.send(1, Priority::MIN, super::wait, fill)).expect("there is room")
    }

    /// Sends a message and rings.
    fn send_and_ring(&self, number: u32, reaches: [bool; BELLS], steps: u32) {
        if self.send(number) {
            self.ring(reaches, steps);
        }
    }

    fn try_receive(&self, me: usize) -> Option<u32> {
        let mut number = 0;
        let now = || Wait::for_lock_alone(Duration::from_secs(1 << 32));
        let take = |session: Session<'_, Scene<'_>>| {
            session.receive(now, |found| number = self.world.rooms[found.slot.index].get())
        };
        match self.world.with(me, take) {
            Ok(()) => Some(number),
            Err(errno) => {
                assert_eq!(errno, Errno::AGAIN);
                None
            }
        }
    }

    /// Takes its own ring, if there is one, and arms.
    fn arm(&self, me: usize) -> Arming {
        let place = me - 1;
        self.bell(place).swap(0, Acquire);
        let arming = self
            .world
            .with(me, |session| session.arm(place, place as u32, &mut session.wait_for_lock()))
            .expect("the lock");
        if arming != Arming::Armed && self.is_slip(Slip::DisarmsAll) {
            self.world.with(me, |session| {
                let _locked = session.lock(&mut super::wait()).expect("the lock");
                self.bells().sum.fetch_and(!ARMED, Relaxed);
            });
        }
        if arming == Arming::Reclaimed {
            self.ring([true; BELLS], ALL_STEPS);
        }
        arming
    }

    /// Polls without a limit.
    fn wait(&self, me: usize) {
        let bell = self.bell(me - 1);
        while bell.load(Acquire) == 0 {
            let _ = sleep(bell, 0, Scope::Shared, None);
        }
    }

    /// Takes one message, as an event loop does, and goes away.
    fn consume(&self, me: usize) -> u32 {
        loop {
            if let Some(number) = self.try_receive(me) {
                return number;
            }
            if self.arm(me) == Arming::Armed {
                self.wait(me);
            }
        }
    }
}

fn spawn<T: 'static>(tower: &Arc<Tower>, action: impl FnOnce(&Tower) -> T + 'static) -> loom::thread::JoinHandle<T> {
    let tower = tower.clone();
    loom::thread::spawn(move || action(&tower))
}

/// Each of two consumers takes one of two messages, the first of which is sent by somebody who does not reach all, or
/// who is killed after so many steps.
fn two_consumers(model: &str, slip: Option<Slip>, reaches: [bool; BELLS], steps: u32) {
    let search = if slip.is_some() { PLANTED } else { CONSUMERS };
    explore(model, search, move || {
        let tower = Tower::new(slip);
        let consumers = [1, 2].map(|me| spawn(&tower, move |tower| tower.consume(me)));
        tower.send_and_ring(1, reaches, steps);
        tower.send_and_ring(2, [true; BELLS], ALL_STEPS);
        let mut numbers: Vec<u32> = join(consumers);
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 2]);
    });
}

/// Where a consumer is killed.
#[derive(Clone, Copy, Debug)]
enum Death {
    /// With the lock, its record armed and the sum not.
    RecordArmed,
    /// Armed.
    Armed,
    /// With the ring of its own.
    Rung,
    /// With the message in flight.
    Taken,
}

/// One consumer is killed while the other one waits: that one gets the message; and a third one takes the dead one's
/// place and is rung.
fn death(death: Death) {
    explore(&format!("death of a consumer: {death:?}"), CONSUMERS, move || {
        let tower = Tower::new(None);
        let survivor = spawn(&tower, |tower| tower.consume(2));
        let was_taken = die_in(&tower, death);
        tower.world.die(1);
        // What the dead one had in flight rings nobody; the next message does.
        tower.send_and_ring(7, [true; BELLS], ALL_STEPS);
        assert!(join([survivor])[0] == 7 || was_taken);
        assert_eq!(tower.claim(3), Some(0));
        while tower.try_receive(2).is_some() {}
        tower.bell(0).swap(0, Acquire);
        let armed = tower.world.with(3, |session| session.arm(0, 0, &mut session.wait_for_lock())).expect("the lock");
        assert_eq!(armed, Arming::Armed);
        tower.send_and_ring(8, [true; BELLS], ALL_STEPS);
        assert_eq!(tower.bell(0).load(Acquire), 1);
    });
}

/// Returns `true` if there is one message more now.
fn die_in(tower: &Tower, death: Death) -> bool {
    match death {
        Death::RecordArmed => tower.world.with(1, |session| {
            core::mem::forget(session.lock(&mut super::wait()).expect("the lock"));
            tower.bells().arm_record(0, 0);
        }),
        Death::Armed => assert_eq!(tower.arm(1), Arming::Armed),
        Death::Rung => {
            assert_eq!(tower.arm(1), Arming::Armed);
            tower.send_and_ring(6, [true; BELLS], ALL_STEPS);
            tower.wait(1);
            return true;
        }
        Death::Taken => {
            tower.send_and_ring(6, [true; BELLS], ALL_STEPS);
            // The other one may be faster.
            let _ = tower.world.with(1, |session| session.receive_in_place(&mut session.wait_for_lock()).map(drop));
            return true;
        }
    }
    false
}

/// A doorbell is dropped, and its place taken by another one, while a sender rings.
fn dropped_and_taken() {
    explore("a doorbell dropped, and its place taken", CONSUMERS, || {
        let tower = Tower::new(None);
        assert_eq!(tower.arm(1), Arming::Armed);
        let heir = spawn(&tower, |tower| {
            tower.bells().release(0, participant(1));
            assert_eq!(tower.claim(3), Some(0));
            loop {
                if let Some(number) = tower.try_receive(3) {
                    return number;
                }
                tower.bell(0).swap(0, Acquire);
                if tower.world.with(3, |session| session.arm(0, 0, &mut session.wait_for_lock())).expect("the lock")
                    == Arming::Armed
                {
                    tower.wait(1);
                }
            }
        });
        tower.send_and_ring(7, [true; BELLS], ALL_STEPS);
        assert_eq!(join([heir]), [7]);
    });
}

#[test]
fn a_doorbell_rings_each_of_two_consumers() {
    two_consumers("two consumers", None, [true; BELLS], ALL_STEPS);
}

#[test]
fn a_doorbell_stays_armed_if_a_sender_cannot_ring() {
    for reaches in [[false, false], [false, true]] {
        two_consumers(&format!("two consumers, reached: {reaches:?}"), None, reaches, ALL_STEPS);
    }
}

#[test]
fn a_doorbell_rings_after_a_sender_was_killed() {
    for steps in 0..=4 {
        two_consumers(&format!("two consumers, a sender of {steps} steps"), None, [true; BELLS], steps);
    }
}

#[test]
fn a_doorbell_rings_after_a_consumer_was_killed() {
    [Death::RecordArmed, Death::Armed, Death::Rung, Death::Taken].into_iter().for_each(death);
}

#[test]
fn a_doorbell_in_a_place_given_back_rings() {
    dropped_and_taken();
}

/// Plants a slip in the process that is to find it.
fn plant(slip: Slip, reaches: [bool; BELLS]) {
    if is_planted() {
        two_consumers("a slip", Some(slip), reaches, ALL_STEPS);
    }
}

#[test]
fn unreached_bell_is_disarmed() {
    plant(Slip::Unreached, [false, true]);
}

#[test]
fn arming_disarms_all() {
    plant(Slip::DisarmsAll, [true; BELLS]);
}

#[test]
fn doorbells_share_a_bell() {
    plant(Slip::OneBell, [true; BELLS]);
}

#[test]
fn sum_is_overwritten() {
    plant(Slip::SumOverwritten, [true; BELLS]);
}

#[test]
fn slips_with_doorbells_are_found() {
    for slip in ["unreached_bell_is_disarmed", "arming_disarms_all", "doorbells_share_a_bell", "sum_is_overwritten"] {
        assert_found(&format!("shared_queue::protocol::loom_tests::bells::{slip}"), "deadlock");
    }
}
