//! The models of the queue.

use std::format;
use std::vec::Vec;

use rustix::io::Result;

use super::{LONG, World, spawn, wait};
use crate::futex::exploration::{Search, explore, join};
use crate::futex::primitive::Ordering::Release;
use crate::priority::Priority;
use crate::shared_queue::protocol::slot_state::State;

/// Many steps are under the lock, where stopping matters to nobody.
pub(super) const TWO_THREADS: Search = Search { last: Some(4), stale: Some(3) };
const THREE_THREADS: Search = Search { last: Some(3), stale: Some(2) };

/// One sends more than the queue holds, another receives all of it in order.
pub(super) fn stream(search: Search, length: usize, count: u32) {
    explore(&format!("{count} messages of {length} bytes through a queue of 1"), search, move || {
        let world = World::new(1);
        let sender = spawn(&world, move |world| {
            (1..=count).for_each(|number| assert_eq!(world.send(0, length, number), Ok(())));
        });
        for number in 1..=count {
            assert_eq!(world.receive(1), Ok(number));
        }
        join([sender]);
        assert_at_rest(&world);
    });
}

/// Two wait for one message each.
fn two_receivers(search: Search, length: usize) {
    explore(&format!("two receivers of {length} bytes"), search, move || {
        let world = World::new(2);
        let receivers = [1, 2].map(|me| spawn(&world, move |world| world.receive(me)));
        for number in [1, 2] {
            assert_eq!(world.send(0, length, number), Ok(()));
        }
        let mut numbers: Vec<u32> = join(receivers).into_iter().map(|number| number.expect("a message")).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 2]);
        assert_at_rest(&world);
    });
}

/// Two wait for room, of which there comes as much as they need.
fn two_senders(search: Search) {
    explore("two senders", search, || {
        let world = World::new(1);
        assert_eq!(world.send(0, 1, 1), Ok(()));
        let senders = [2, 3].map(|me| spawn(&world, move |world| world.send(me, 1, me as u32)));
        let mut numbers: Vec<u32> = (0..3).map(|_| world.receive(1).expect("a message")).collect();
        join(senders).into_iter().for_each(|sent| assert_eq!(sent, Ok(())));
        assert_eq!(numbers.remove(0), 1);
        numbers.sort_unstable();
        assert_eq!(numbers, [2, 3]);
        assert_at_rest(&world);
    });
}

/// Where a sender or a receiver is killed.
#[derive(Clone, Copy, Debug)]
enum Death {
    /// With the lock, before it has done anything.
    QueueGuard,
    /// With the lock and a slot from the stack.
    Popped,
    /// With a slot in flight.
    Reserved,
    /// With the lock, right after its message was accepted.
    Accepted,
    /// Between giving the lock back and waking.
    Unwoken,
    /// With the message of another in flight.
    Taken,
}

/// Somebody is killed in a call while another one waits for a message: that one gets what was accepted.
fn death(search: Search, death: Death) {
    explore(&format!("death: {death:?}"), search, move || {
        let world = World::new(2);
        let receiver = spawn(&world, |world| world.receive(1));
        die_in(&world, death);
        // Whatever the dead one has left, there is room for two.
        if !matches!(death, Death::Accepted | Death::Unwoken | Death::Taken) {
            assert_eq!(world.send(2, 1, 7), Ok(()));
        }
        assert_eq!(join([receiver]), [Ok(7)]);
        for number in [8, 9] {
            assert_eq!(world.send(2, 1, number), Ok(()));
        }
        assert_eq!([world.receive(2), world.receive(2)], [Ok(8), Ok(9)]);
        assert_at_rest(&world);
    });
}

fn die_in(world: &World, death: Death) {
    world.with(9, |session| match death {
        Death::Reserved => {
            let slot = session.reserve(&mut wait()).expect("room");
            world.rooms[slot.index].set(6);
        }
        Death::Taken => {
            // The other one may be faster, and then there is nobody to die.
            assert_eq!(world.send(2, LONG, 7), Ok(()));
            let _ = session.receive_in_place(&mut session.wait_for_lock());
        }
        _ => {
            let mut guard = session.lock(&mut wait()).expect("the lock");
            if !matches!(death, Death::QueueGuard) {
                let slot = guard.free().and_then(|free| guard.pop_free(free)).expect("a slot");
                world.rooms[slot.index].set(7);
                match death {
                    Death::Accepted => {
                        slot.header.length.store(1, Release);
                        slot.header.state.store(State::Published.word(), Release);
                    }
                    Death::Unwoken => {
                        guard.publish(slot, 1, Priority::MIN).expect("a message");
                        world.control.lock.unlock();
                    }
                    _ => {}
                }
            }
            core::mem::forget(guard);
        }
    });
    world.die(9);
}

/// How somebody takes back what the dead have in flight.
pub(super) type Heir = fn(&World) -> Result<()>;

/// A receiver has read its message to the end, cannot get the lock, and dies after it has given the slot up without
/// it: the message is delivered, whenever others look.
pub(super) fn death_after_giving_up(search: Search, heir: Heir) {
    explore("death after giving up", search, move || {
        let world = World::new(1);
        assert_eq!(world.send(2, LONG, 7), Ok(()));
        let heir = spawn(&world, heir);
        world.with(9, |session| {
            let found = session.receive_in_place(&mut wait()).expect("a message");
            assert_eq!(world.rooms[found.slot.index].get(), 7);
            session.abandon(found.slot);
        });
        world.die(9);
        assert_eq!(join([heir]), [Ok(())]);
        assert_eq!(world.with(1, |session| session.reclaim()).map(drop), Ok(()));
        assert_at_rest(&world);
        assert_eq!((world.send(2, LONG, 8), world.receive(1)), (Ok(()), Ok(8)));
    });
}

/// A receiver has read its message to the end, cannot get the lock, gives the slot up without it and lives on. The
/// slot is free to others, who write into it.
fn giving_up(search: Search, heir: Heir) {
    explore("giving up", search, move || {
        let world = World::new(1);
        assert_eq!(world.send(2, LONG, 7), Ok(()));
        let receiver = spawn(&world, |world| {
            world.with(1, |session| {
                let found = session.receive_in_place(&mut wait()).expect("a message");
                assert_eq!(world.rooms[found.slot.index].get(), 7);
                session.abandon(found.slot);
            });
        });
        assert_eq!(heir(&world), Ok(()));
        if world.with(3, |session| session.lock(&mut wait()).and_then(|guard| Ok(guard.free()?))) == Ok(1) {
            assert_eq!(world.send(3, LONG, 8), Ok(()));
            join([receiver]);
            assert_eq!(world.receive(3), Ok(8));
        }
    });
}

/// All slots are free, and nobody has the lock.
fn assert_at_rest(world: &World) {
    let view = world.view();
    let free = world.with(5, |session| session.lock(&mut wait()).and_then(|guard| Ok(guard.free()?)));
    assert_eq!((view.messages(), free), (Ok(0), Ok(view.capacity())));
    assert!(!world.control.lock.is_locked());
}

/// A peer has written that the lock is given up for good: two who need it rebuild the queue, one after the other, and
/// no call fails.
fn lock_given_up(search: Search) {
    explore("a lock given up", search, || {
        let world = World::new(2);
        world.control.lock.unlock_not_recoverable();
        let sender = spawn(&world, |world| world.send(1, 1, 1));
        assert_eq!(world.send(2, 1, 2), Ok(()));
        assert_eq!(join([sender]), [Ok(())]);
        let mut numbers = [world.receive(1), world.receive(1)].map(|number| number.expect("a message"));
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 2]);
        assert_at_rest(&world);
    });
}

/// A consumer gives its slot up without the lock, while a sender waits for room and sleeps until it is woken.
fn slot_given_up(search: Search) {
    explore("a slot given up beside a sender", search, || {
        let world = World::new(1);
        assert_eq!(world.send(2, LONG, 7), Ok(()));
        let found = world.with(9, |session| {
            let found = session.receive_in_place(&mut wait()).expect("a message");
            (found.slot.index, found.length)
        });
        let sender = spawn(&world, |world| world.send(1, 1, 8));
        world.with(9, |session| session.abandon(session.view().slot(found.0).expect("it is there")));
        assert_eq!((join([sender]), found.1), (std::vec![Ok(())], LONG));
        assert_eq!(world.receive(1), Ok(8));
        assert_at_rest(&world);
    });
}

/// A consumer leaves its message without the lock, while a receiver waits and sleeps until it is woken.
fn message_left(search: Search) {
    explore("a message left beside a receiver", search, || {
        let world = World::new(1);
        assert_eq!(world.send(2, LONG, 7), Ok(()));
        let index = world.with(9, |session| session.receive_in_place(&mut wait()).expect("a message").slot.index);
        let receiver = spawn(&world, |world| world.receive(1));
        world.with(9, |session| session.leave_message(session.view().slot(index).expect("it is there")));
        assert_eq!(join([receiver]), [Ok(7)]);
        assert_at_rest(&world);
    });
}

#[test]
fn shared_queue_slot_given_up_wakes_a_sender() {
    slot_given_up(TWO_THREADS);
}

#[test]
fn shared_queue_message_left_wakes_a_receiver() {
    message_left(TWO_THREADS);
}

#[test]
fn shared_queue_lock_given_up_fails_no_call() {
    lock_given_up(TWO_THREADS);
}

#[test]
fn a_stream_arrives_in_order() {
    stream(TWO_THREADS, 1, 2);
    stream(TWO_THREADS, LONG, 2);
}

#[test]
fn each_of_two_receivers_is_woken() {
    two_receivers(THREE_THREADS, 1);
}

#[test]
fn each_of_two_senders_is_woken() {
    two_senders(THREE_THREADS);
}

#[test]
fn deaths_are_survived() {
    let deaths = [Death::QueueGuard, Death::Popped, Death::Reserved, Death::Accepted, Death::Unwoken, Death::Taken];
    deaths.into_iter().for_each(|moment| death(TWO_THREADS, moment));
}

#[test]
fn shared_queue_slot_given_up_is_free_once_read() {
    giving_up(TWO_THREADS, |world| world.with(3, |session| session.reclaim()).map(drop));
    giving_up(TWO_THREADS, |world| world.with(3, |session| session.repair()));
}

#[test]
fn what_was_given_up_before_a_death_is_delivered() {
    death_after_giving_up(TWO_THREADS, |world| world.with(1, |session| session.reclaim()).map(drop));
    death_after_giving_up(TWO_THREADS, |world| world.with(1, |session| session.repair()));
}
