//! The models of the lock.

use std::sync::Arc;
use std::vec::Vec;

use rustix::io::Errno;

use super::{Protocol, World, participant, spawn};
use crate::futex::exploration::{Guarded, Search, THREE_THREADS, TWO_THREADS, explore, join};
use crate::futex::primitive::Ordering::Release;
use crate::sync::lock::{Acquired, Lock};

/// Each thread takes the lock, changes what it guards, and gives it back. The last of them is the main thread.
pub(super) fn exclusion<P: Protocol>(search: Search, threads: usize) {
    explore(&std::format!("exclusion of {threads}"), search, move || {
        let (world, number) = (World::<P>::new(), Guarded::new());
        let turn = |me: usize| {
            let number = number.clone();
            move |world: &World<P>| {
                assert_eq!(world.take(me), Ok(Acquired::Clean));
                number.increment();
                world.lock.unlock();
            }
        };
        let others: Vec<_> = (1..threads).map(|me| spawn(&world, turn(me))).collect();
        turn(0)(&world);
        join(others);
        assert_eq!(number.get() as usize, threads);
        assert!(!world.lock.lock().is_locked());
    });
}

/// Somebody dies with the lock while others want it: one of them is told, and only one has it at a time.
pub(super) fn death<P: Protocol>(search: Search, survivors: usize) {
    explore(&std::format!("an owner's death before {survivors}"), search, move || {
        let (world, number) = (World::<P>::new(), Guarded::new());
        assert_eq!(world.take(9), Ok(Acquired::Clean));
        let turn = |me: usize| {
            let number = number.clone();
            move |world: &World<P>| {
                let taken = world.take(me).expect("everybody gets it");
                assert_eq!(number.get() >= 5, true, "what the dead one did is seen");
                number.increment();
                if taken == Acquired::OwnerDied {
                    world.lock.lock().mark_consistent();
                }
                world.lock.unlock();
                u32::from(taken == Acquired::OwnerDied)
            }
        };
        let others: Vec<_> = (0..survivors).map(|me| spawn(&world, turn(me))).collect();
        number.set(5);
        world.die(9);
        let told: u32 = join(others).into_iter().sum();
        assert_eq!((told, number.get() as usize), (1, 5 + survivors));
        assert!(!world.lock.lock().is_locked());
    });
}

/// Somebody dies between giving the lock back and waking; a slice later others have it.
fn death_before_waking(search: Search) {
    explore("death before waking", search, || {
        let (world, number) = (World::<Lock>::new(), Guarded::new());
        assert_eq!(world.take(9), Ok(Acquired::Clean));
        let others = [0, 1].map(|me| {
            let number = number.clone();
            spawn(&world, move |world| {
                assert_eq!(world.take(me), Ok(Acquired::Clean));
                number.increment();
                world.lock.unlock();
            })
        });
        world.lock.word.swap(0, Release);
        world.die(9);
        join(others);
        assert_eq!(number.get(), 2);
    });
}

/// Whoever gives the lock up for good tells all who wait.
fn giving_up(search: Search) {
    explore("giving up", search, || {
        let world = World::<Lock>::new();
        assert_eq!(world.take(9), Ok(Acquired::Clean));
        let others = [0, 1].map(|me| spawn(&world, move |world| world.take(me)));
        world.lock.unlock_not_recoverable();
        assert_eq!(join(others), [Err(Errno::NOTRECOVERABLE); 2]);
        assert_eq!(world.lock.try_lock(participant(3), &&world.graves), Err(Errno::NOTRECOVERABLE));
    });
}

/// A lock that was given up is taken back by those who can make anew what it guards: by one at a time.
pub(super) fn taking_back<P: Protocol>(search: Search) {
    explore("taking back", search, || {
        let (world, number) = (World::<P>::new(), Guarded::new());
        assert_eq!(world.take(9), Ok(Acquired::Clean));
        world.lock.lock().unlock_not_recoverable();
        let turn = |me: usize| {
            let number = number.clone();
            move |world: &World<P>| {
                let result = world.take(me);
                let is_back = result == Err(Errno::NOTRECOVERABLE) && world.lock.recover_abandoned(participant(me));
                if is_back || result == Ok(Acquired::Clean) {
                    number.increment();
                    world.lock.lock().mark_consistent();
                    world.lock.unlock();
                }
                is_back
            }
        };
        let other = spawn(&world, turn(0));
        let took_back = [turn(1)(&world), other.join().expect("no thread panics")];
        assert_eq!(took_back.into_iter().filter(|is_back| *is_back).count(), 1);
        assert!(!world.lock.lock().is_locked());
    });
}

/// Two who do not wait find a dead owner at once: one has the lock then.
fn tries_beside_the_dead(search: Search) {
    explore("tries beside the dead", search, || {
        let world = World::<Lock>::new();
        assert_eq!(world.take(9), Ok(Acquired::Clean));
        world.graves.bury(9);
        let attempt = |me: usize| move |world: &World<Lock>| world.lock.try_lock(participant(me), &&world.graves);
        let other = spawn(&world, attempt(0));
        let results = [attempt(1)(&world), other.join().expect("no thread panics")];
        assert!(results.contains(&Ok(Acquired::OwnerDied)) && results.contains(&Err(Errno::AGAIN)), "{results:?}");
        drop(Arc::clone(&world));
    });
}

#[test]
fn the_lock_is_handed_over() {
    exclusion::<Lock>(TWO_THREADS, 2);
    exclusion::<Lock>(THREE_THREADS, 3);
}

#[test]
fn a_death_is_told_once() {
    death::<Lock>(TWO_THREADS, 1);
    death::<Lock>(THREE_THREADS, 2);
}

#[test]
fn a_wake_up_that_died_is_made_up_for() {
    death_before_waking(THREE_THREADS);
}

#[test]
fn a_lock_given_up_is_lost_for_all() {
    giving_up(THREE_THREADS);
}

#[test]
fn tries_find_the_dead() {
    tries_beside_the_dead(TWO_THREADS);
}

#[test]
fn a_lock_given_up_is_taken_back_by_one() {
    taking_back::<Lock>(TWO_THREADS);
}
