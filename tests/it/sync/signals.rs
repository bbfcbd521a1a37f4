//! Signals that arrive while somebody waits for a robust lock or at a shared queue.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rawipc::fd::AsFd;
use rawipc::{ErrorKind, Priority, SharedMemory, SharedQueue, WaitTuning, name};

use crate::harness::waiting::PATIENCE;
use crate::mqueue::signals::{WAYS, interrupted, interrupted_in_vain};
use crate::shared_queue::support::small;
use crate::sync::support::Arena;

crate::tests!(
    a_handler_interrupts_every_way_to_lock,
    a_handler_interrupts_every_way_to_receive_and_nothing_is_taken,
    a_handler_interrupts_every_way_to_send_and_nothing_is_sent,
    a_handler_does_not_interrupt_publishing_and_putting_back,
);

fn a_handler_interrupts_every_way_to_lock() {
    let arena = Arena::new();
    let mut other = arena.another();
    other.set_tuning(exact(other.tuning()));
    let guard = arena.mutex.lock().unwrap();
    for way in WAYS {
        let error = interrupted(|| match way() {
            (Some(timeout), _) => other.lock_timeout(timeout).map(drop),
            (_, Some(deadline)) => other.lock_deadline(deadline).map(drop),
            _ => other.lock().map(drop),
        });
        assert_eq!(error.kind(), ErrorKind::Interrupted);
    }
    drop(guard);
    assert!(!arena.step(other.lock().unwrap()));
}

/// The same, but without sleeps that end by themselves: then no signal can be lost. `wait_signals` has the default.
fn exact(tuning: WaitTuning) -> WaitTuning {
    WaitTuning { recheck_interval: None, ..tuning }
}

/// With room for one message.
fn queue() -> SharedQueue {
    let mut queue = small().max_messages(1).create_unique(name!("/rawipc-test-")).unwrap();
    queue.set_tuning(exact(queue.tuning()));
    queue
}

fn a_handler_interrupts_every_way_to_receive_and_nothing_is_taken() {
    let queue = queue();
    for way in WAYS {
        let error = interrupted(|| {
            let buffer = &mut [0; 64];
            match way() {
                (Some(timeout), _) => queue.receive_timeout(buffer, timeout).map(drop),
                (_, Some(deadline)) => queue.receive_deadline(buffer, deadline).map(drop),
                _ => queue.receive(buffer).map(drop),
            }
        });
        assert_eq!(error.kind(), ErrorKind::Interrupted);
        queue.try_send(b"not taken", Priority::MIN).unwrap();
        assert_eq!(queue.try_receive(&mut [0; 64]).unwrap().payload(), b"not taken");
    }
}

fn a_handler_interrupts_every_way_to_send_and_nothing_is_sent() {
    let queue = queue();
    queue.send(b"full", Priority::MIN).unwrap();
    for way in WAYS {
        let error = interrupted(|| match way() {
            (Some(timeout), _) => queue.send_timeout(b"x", Priority::MAX, timeout),
            (_, Some(deadline)) => queue.send_deadline(b"x", Priority::MAX, deadline),
            _ => queue.send(b"x", Priority::MAX),
        });
        assert_eq!(error.kind(), ErrorKind::Interrupted);
    }
    assert_eq!(queue.receive(&mut [0; 64]).unwrap().payload(), b"full");
    assert!(queue.is_empty().unwrap());
}

fn a_handler_does_not_interrupt_publishing_and_putting_back() {
    let mut queue = queue();
    queue.set_lock_grace(PATIENCE);
    let descriptor = queue.as_fd().try_clone_to_owned().unwrap();
    let mapping = SharedMemory::try_from(descriptor).unwrap().map().unwrap();
    let lock: &AtomicU32 = mapping.get(64).unwrap();
    // The second participant, in its slot's first generation: it lives, and does not unlock.
    let _other = queue.try_clone().unwrap();
    let other = 1 << 8 | 2;

    let mut reservation = queue.reserve().unwrap();
    reservation.write_at(0, b"whole").unwrap();
    lock.store(other, Relaxed);
    interrupted_in_vain(|| reservation.publish(5, Priority::MIN), || lock.store(0, Relaxed)).unwrap();

    let borrowed = queue.try_receive_in_place().unwrap();
    lock.store(other, Relaxed);
    interrupted_in_vain(|| borrowed.put_back(), || lock.store(0, Relaxed)).unwrap();
    assert_eq!(queue.try_receive(&mut [0; 64]).unwrap().payload(), b"whole");
}
