//! Plain memory that threads change under the mutex, and hand to each other through the queue. Without the right order
//! of the atomics it would be a race, which ThreadSanitizer sees.

use std::cell::UnsafeCell;
use std::thread;

use rawipc::{Deadline, Priority, WaitTuning};

use crate::harness::waiting::PATIENCE;
use crate::shared_queue::support::{small, small_queue};
use crate::sync::support::Arena;

crate::tests!(
    what_the_mutex_guards_is_changed_in_every_way_to_lock,
    what_the_mutex_guards_is_changed_by_those_who_look_and_do_not_sleep,
    what_is_in_hand_is_one_threads_in_every_way_to_take_it,
    what_was_written_before_sending_is_read_after_receiving,
);

const TURNS: usize = 4000;

/// Values that nothing orders by themselves.
struct Plain<const N: usize>(UnsafeCell<[usize; N]>);

// SAFETY: the tests access a value only where the mutex or the queue says that no other thread does.
unsafe impl<const N: usize> Sync for Plain<N> {}

impl<const N: usize> Plain<N> {
    fn new() -> Self {
        Self(UnsafeCell::new([0; N]))
    }

    fn get(&self, index: usize) -> usize {
        // SAFETY: as for `Sync`.
        unsafe { *self.place(index) }
    }

    fn set(&self, index: usize, value: usize) {
        // SAFETY: as for `Sync`.
        unsafe { *self.place(index) = value };
    }

    fn place(&self, index: usize) -> *mut usize {
        assert!(index < N);
        self.0.get().cast::<usize>().wrapping_add(index)
    }

    fn add_one(&self) {
        self.set(0, self.get(0) + 1);
    }
}

fn what_the_mutex_guards_is_changed_in_every_way_to_lock() {
    let (arena, count) = (&Arena::new(), &Plain::<1>::new());
    let mutex = &arena.mutex;
    thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for turn in 0..TURNS {
                    let guard = match (thread + turn) % 4 {
                        0 => mutex.lock(),
                        1 => mutex.lock_timeout(PATIENCE),
                        2 => mutex.lock_deadline(Deadline::realtime_after(PATIENCE)),
                        _ => mutex.try_lock().or_else(|_| mutex.lock()),
                    };
                    let guard = guard.unwrap();
                    count.add_one();
                    drop(guard);
                }
            });
        }
    });
    assert_eq!(count.get(0), 4 * TURNS);
}

fn what_the_mutex_guards_is_changed_by_those_who_look_and_do_not_sleep() {
    let (mut arena, count) = (Arena::new(), &Plain::<1>::new());
    // Longer than anybody has the lock.
    arena.mutex.set_tuning(WaitTuning { spin: 1 << 20, ..arena.mutex.tuning() });
    let mutex = &arena.mutex;
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(move || {
                for _ in 0..TURNS {
                    let guard = mutex.lock().unwrap();
                    count.add_one();
                    drop(guard);
                }
            });
        }
    });
    assert_eq!(count.get(0), 2 * TURNS);
}

/// A queue of one message: who has reserved it or borrowed it is alone.
fn what_is_in_hand_is_one_threads_in_every_way_to_take_it() {
    let (queue, count) = (&small().max_messages(1).create_anonymous().unwrap(), &Plain::<1>::new());
    let produce = move || {
        for turn in 0..TURNS {
            let reserve = || match turn % 4 {
                0 => queue.reserve(),
                1 => queue.reserve_timeout(PATIENCE),
                2 => queue.reserve_deadline(Deadline::after(PATIENCE)),
                _ => queue.try_reserve().or_else(|_| queue.reserve()),
            };
            let dropped = reserve().unwrap();
            count.add_one();
            drop(dropped);
            let reservation = reserve().unwrap();
            count.add_one();
            reservation.publish(0, Priority::MIN).unwrap();
        }
    };
    let consume = move || {
        for turn in 0..TURNS {
            let borrow = || match turn % 4 {
                0 => queue.receive_in_place(),
                1 => queue.receive_in_place_timeout(PATIENCE),
                2 => queue.receive_in_place_deadline(Deadline::after(PATIENCE)),
                _ => queue.try_receive_in_place().or_else(|_| queue.receive_in_place()),
            };
            let put_back = borrow().unwrap();
            count.add_one();
            put_back.put_back().unwrap();
            let borrowed = borrow().unwrap();
            count.add_one();
            borrowed.complete();
        }
    };
    thread::scope(|scope| {
        (0..2).for_each(|_| drop((scope.spawn(produce), scope.spawn(consume))));
    });
    assert_eq!(count.get(0), 8 * TURNS);
}

/// Several at a time, copied and in place.
fn what_was_written_before_sending_is_read_after_receiving() {
    let (queue, values) = (&small_queue(), &Plain::<{ 2 * TURNS }>::new());
    let produce = move |first: usize| {
        for number in first..first + TURNS {
            values.set(number, number + 1);
            let (message, priority) = (number.to_ne_bytes(), Priority::from((number % 3) as u8));
            match number % 4 {
                0 => queue.send(&message, priority).unwrap(),
                1 => while queue.try_send(&message, priority).is_err() {},
                2 => while queue.try_send_many(&[message], priority).unwrap() == 0 {},
                _ => {
                    let mut reservation = queue.reserve().unwrap();
                    reservation.write_at(0, &message).unwrap();
                    reservation.publish(message.len(), priority).unwrap();
                }
            }
        }
    };
    let consume = move || {
        for turn in 0..TURNS {
            let mut message = [0; size_of::<usize>()];
            if turn % 2 == 0 {
                let in_flight = queue.receive_in_place().unwrap();
                in_flight.read_at(0, &mut message).unwrap();
                in_flight.complete();
            } else {
                let mut buffer = [0; 64];
                message.copy_from_slice(queue.receive(&mut buffer).unwrap().payload());
            }
            let number = usize::from_ne_bytes(message);
            assert_eq!(values.get(number), number + 1);
        }
    };
    thread::scope(|scope| {
        for first in [0, TURNS] {
            scope.spawn(move || produce(first));
            scope.spawn(consume);
        }
    });
    assert!(queue.is_empty().unwrap());
}
