//! Bugs that the models must find, each in a process of its own that is expected to fail.

use rustix::io::{Errno, Result};

use super::models::{TWO_THREADS, death_after_giving_up};
use super::{Guarded, LONG, Scene, Session, World, spawn, wait};
use crate::futex::Scope;
use crate::futex::exploration::{assert_found, explore, is_planted, join};
use crate::futex::primitive::Ordering::{Acquire, Relaxed};
use crate::futex::primitive::sleep;
use crate::priority::Priority;
use crate::shared_queue::protocol::slot_state::State;
use crate::sync::Liveness;

#[test]
fn a_sleep_begun_too_late_is_found() {
    assert_found("shared_queue::protocol::loom_tests::mutants::sleep_begun_too_late", "deadlock");
}

#[test]
fn a_message_published_before_it_is_written_is_found() {
    assert_found("shared_queue::protocol::loom_tests::mutants::published_before_written", "Causality violation");
}

#[test]
fn a_block_freed_before_it_is_read_is_found() {
    assert_found("shared_queue::protocol::loom_tests::mutants::freed_before_read", "Causality violation");
}

#[test]
fn a_state_read_before_a_death_is_found() {
    assert_found("shared_queue::protocol::loom_tests::mutants::state_read_before_death", "panicked");
}

/// A receiver that records itself as a sleeper after it has given the lock back: a message may come between.
#[test]
fn sleep_begun_too_late() {
    if !is_planted() {
        return;
    }
    explore("a sleep begun too late", TWO_THREADS, || {
        let world = World::new(1);
        let receiver = spawn(&world, receive_late);
        assert_eq!(world.send(0, 1, 7), Ok(()));
        assert_eq!(join([receiver]), [Ok(7)]);
    });
}

fn receive_late(world: &World) -> Result<u32> {
    let is_empty =
        world.with(1, |session| session.lock(&mut wait()).and_then(|guard| Ok(guard.view.messages()?)))? == 0;
    if is_empty {
        let side = &world.control.receivers;
        let expected = side.begin_sleep();
        match sleep(&side.event, expected, Scope::Shared, None) {
            Ok(()) | Err(Errno::AGAIN) => {}
            Err(errno) => return Err(errno),
        }
    }
    world.receive(1)
}

/// A sender that makes its reservation a message first and writes it then.
#[test]
fn published_before_written() {
    if !is_planted() {
        return;
    }
    explore("a message published before it is written", TWO_THREADS, || {
        let world = World::new(1);
        let sender = spawn(&world, |world| {
            world.with(0, |session| {
                let slot = session.reserve(&mut wait())?;
                session.publish(slot, LONG, Priority::MIN, &mut wait())?;
                world.rooms[slot.index].set(7);
                Ok::<(), Errno>(())
            })
        });
        let number = world.receive(1);
        join([sender]).into_iter().for_each(|sent| assert_eq!(sent, Ok(())));
        assert!(number.is_ok());
    });
}

/// A receiver that frees a slot first and reads it then.
#[test]
fn freed_before_read() {
    if !is_planted() {
        return;
    }
    explore("a slot freed before it is read", TWO_THREADS, || {
        let world = World::new(1);
        assert_eq!(world.send(0, LONG, 7), Ok(()));
        let sender = spawn(&world, |world| world.send(0, LONG, 8));
        let room: u32 = world.with(1, |session| {
            let found = session.receive_in_place(&mut wait()).expect("a message");
            session.release(found.slot);
            let room: &Guarded = &world.rooms[found.slot.index];
            room.get()
        });
        assert_eq!((room, join([sender])[0]), (7, Ok(())));
        assert_eq!(State::of_word(world.slots[0].header.state.load(Relaxed)), State::Published);
    });
}

/// Who takes back what a dead receiver has in flight believes the state that it saw before it learned of the death.
#[test]
fn state_read_before_death() {
    if is_planted() {
        death_after_giving_up(TWO_THREADS, |world| world.with(1, reclaim_as_first_seen));
    }
}

fn reclaim_as_first_seen(session: Session<'_, Scene<'_>>) -> Result<()> {
    let mut guard = session.lock(&mut wait())?;
    let slot = session.view().slot(0)?;
    if let State::InFlight(owner) = State::of_word(slot.header.state.load(Acquire))
        && session.memory.is_dead(owner)?
    {
        guard.put_back(slot)?;
    }
    Ok(())
}
