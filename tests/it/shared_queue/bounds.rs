//! How long calls of a shared queue wait for a peer that is in the middle of a call.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use rawipc::fd::AsFd;
use rawipc::shared_queue::InFlight;
use rawipc::{Error, ErrorKind, Mapping, Priority, SharedMemory, SharedQueue, WaitTuning};
use rustix::thread::futex;

use crate::harness::waiting::{PATIENCE, Waiter, wait_until};
use crate::harness::{Ending, Lacking};
use crate::shared_queue::support::{is_rung, small_queue};
use crate::sync::wait_signals::sleeps_during;

crate::tests!(
    shared_queue_try_never_sleeps_with_zero_grace,
    shared_queue_try_waits_for_the_grace,
    shared_queue_timed_calls_end_after_the_grace,
    shared_queue_failed_publish_keeps_the_reservation,
    shared_queue_failed_put_back_keeps_the_message,
    shared_queue_drops_end_beside_a_stopped_peer,
    shared_queue_zero_grace_takes_over_a_dead_lock,
    shared_queue_room_wakes_a_sender_beside_an_impatient,
    shared_queue_dropped_beside_a_stopped_wakes_a_sender,
    shared_queue_failed_receive_wakes_the_next_receiver,
    shared_queue_failed_arm_keeps_the_ring,
    ;
    alone:
    shared_queue_opened_by_a_pinned_thread_spins,
);

const ZERO: Duration = Duration::ZERO;

/// A queue, another participant, and the word of the lock.
struct Scene {
    queue: SharedQueue,
    _other: SharedQueue,
    memory: Mapping,
}

/// The second participant, in its slot's first generation.
const OTHER: u32 = 1 << 8 | 2;
/// No participant.
const DEAD: u32 = 1 << 8 | 9;

impl Scene {
    fn new() -> Self {
        let queue = small_queue();
        let descriptor = queue.as_fd().try_clone_to_owned().unwrap();
        let memory = SharedMemory::try_from(descriptor).unwrap().map().unwrap();
        Self { _other: queue.try_clone().unwrap(), queue, memory }
    }

    fn lock(&self) -> &AtomicU32 {
        self.memory.get(64).unwrap()
    }

    /// Wakes the receiver that sleeps longest, as a sender does.
    fn wake_receiver(&self) {
        let [event, sleepers]: [&AtomicU32; 2] = [104, 108].map(|offset| self.memory.get(offset).unwrap());
        sleepers.fetch_or(1 << 31, Relaxed);
        event.fetch_add(1, Relaxed);
        assert_eq!(futex::wake(event, futex::Flags::empty(), 1), Ok(1));
    }

    /// Does something while the other participant seems to be stopped in the middle of a call.
    fn beside_stopped<T>(&self, work: impl FnOnce() -> T) -> T {
        assert_eq!(self.lock().swap(OTHER, Relaxed), 0);
        let result = work();
        assert_eq!(self.lock().swap(0, Relaxed) & !(1 << 31), OTHER, "the lock was taken from the living");
        result
    }
}

#[track_caller]
fn assert_peer_inside(error: Error, kind: ErrorKind) {
    assert_eq!(error.kind(), kind);
    assert!(error.to_string().contains("a peer is in the middle of a call"), "{error}");
}

/// Each form that does not wait for messages.
fn tries(queue: &SharedQueue) -> [Result<(), Error>; 6] {
    [
        queue.try_send(b"x", Priority::MIN),
        queue.try_receive(&mut [0; 64]).map(drop),
        queue.try_reserve().map(drop),
        queue.try_receive_in_place().map(InFlight::complete),
        queue.try_send_many(&["x"], Priority::MIN).map(drop),
        queue.try_send_all(b"x", Priority::MIN).map(drop).map_err(|incomplete| incomplete.error),
    ]
}

fn shared_queue_try_never_sleeps_with_zero_grace() {
    let mut scene = Scene::new();
    scene.queue.set_lock_grace(ZERO);
    scene.beside_stopped(|| {
        let mut results = None;
        assert_eq!(sleeps_during(|| results = Some(tries(&scene.queue))), 0);
        let [send, receive, reserve, borrow, many, fill] = results.unwrap();
        for error in [send, receive, reserve, borrow] {
            assert_peer_inside(error.unwrap_err(), ErrorKind::WouldBlock);
        }
        assert!(many.is_ok() && fill.is_ok(), "batches of nothing are no errors");
    });
    assert!(tries(&scene.queue)[0].is_ok());
}

fn shared_queue_try_waits_for_the_grace() {
    let mut scene = Scene::new();
    assert_eq!(scene.queue.lock_grace(), Duration::from_millis(50));
    let grace = Duration::from_millis(20);
    scene.queue.set_lock_grace(grace);
    assert_eq!(scene.queue.try_clone().unwrap().lock_grace(), grace);
    scene.beside_stopped(|| {
        let start = Instant::now();
        let error = scene.queue.try_receive(&mut [0; 64]).unwrap_err();
        assert_peer_inside(error, ErrorKind::WouldBlock);
        assert!(start.elapsed() >= grace && start.elapsed() < PATIENCE);
    });
}

fn shared_queue_timed_calls_end_after_the_grace() {
    let mut scene = Scene::new();
    let (timeout, grace) = (Duration::from_millis(10), Duration::from_millis(20));
    scene.queue.set_lock_grace(grace);
    scene.beside_stopped(|| {
        let start = Instant::now();
        let error = scene.queue.receive_timeout(&mut [0; 64], timeout).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(start.elapsed() >= timeout + grace && start.elapsed() < PATIENCE);
        let error = scene.queue.send_deadline(b"", Priority::MIN, rawipc::Deadline::after(ZERO)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    });
}

fn shared_queue_failed_publish_keeps_the_reservation() {
    let scene = Scene::new();
    let mut reservation = scene.queue.reserve().unwrap();
    reservation.write_at(0, b"written").unwrap();
    let refused = scene.beside_stopped(|| reservation.publish_timeout(7, Priority::MIN, ZERO).unwrap_err());
    assert_peer_inside(refused.error, ErrorKind::TimedOut);
    let refused = refused.value.publish(65, Priority::MIN).unwrap_err();
    assert_eq!(refused.error.kind(), ErrorKind::MessageTooLong);
    refused.value.publish(7, Priority::MIN).unwrap();
    assert_eq!(scene.queue.try_receive(&mut [0; 64]).unwrap().payload(), b"written");
}

fn shared_queue_failed_put_back_keeps_the_message() {
    let scene = Scene::new();
    scene.queue.send(b"job", Priority::MIN).unwrap();
    let borrowed = scene.queue.receive_in_place().unwrap();
    let refused = scene.beside_stopped(|| borrowed.put_back_timeout(ZERO).unwrap_err());
    assert_peer_inside(refused.error, ErrorKind::TimedOut);
    refused.value.put_back().unwrap();
    assert_eq!(scene.queue.try_receive(&mut [0; 64]).unwrap().payload(), b"job");
}

fn shared_queue_drops_end_beside_a_stopped_peer() {
    let mut scene = Scene::new();
    scene.queue.set_lock_grace(ZERO);
    let (capacity, reservation) = (8, scene.queue.reserve().unwrap());
    scene.queue.send(b"", Priority::MIN).unwrap();
    let borrowed = scene.queue.receive_in_place().unwrap();
    scene.beside_stopped(|| assert_eq!(sleeps_during(|| drop((reservation, borrowed))), 0));
    // What could not be given back is found by a call that needs it.
    assert_eq!(scene.queue.try_receive(&mut [0; 64]).unwrap().payload(), b"");
    for _ in 0..capacity {
        scene.queue.try_send(b"", Priority::MIN).unwrap();
    }
    assert_eq!(scene.queue.try_send(b"", Priority::MIN).unwrap_err().kind(), ErrorKind::WouldBlock);
}

fn shared_queue_zero_grace_takes_over_a_dead_lock() {
    let mut scene = Scene::new();
    scene.queue.set_lock_grace(ZERO);
    scene.lock().store(DEAD, Relaxed);
    scene.queue.try_send(b"x", Priority::MIN).unwrap();
    assert_eq!(scene.queue.try_receive(&mut [0; 64]).unwrap().payload(), b"x");
}

/// A handle whose waits look again only when they are woken.
fn patient(queue: &SharedQueue) -> SharedQueue {
    let mut patient = queue.try_clone().unwrap();
    patient.set_tuning(WaitTuning { recheck_interval: None, spin: 0 });
    patient
}

/// A sender that waits for half of the queue, and gives up, left that for the others.
fn shared_queue_room_wakes_a_sender_beside_an_impatient() {
    let queue = small_queue();
    (0..8).for_each(|_| queue.send(b"", Priority::MIN).unwrap());
    let patient = patient(&queue);
    thread::scope(|scope| {
        let sender = Waiter::start(scope, || patient.send(b"", Priority::MIN));
        let impatient = queue.send_timeout(b"", Priority::MIN, Duration::from_micros(500));
        assert_eq!(impatient.unwrap_err().kind(), ErrorKind::TimedOut);
        queue.receive(&mut [0; 64]).unwrap();
        sender.join().unwrap();
    });
}

/// The room of a message that could not be freed in time was found by nothing but another look.
fn shared_queue_dropped_beside_a_stopped_wakes_a_sender() {
    let mut scene = Scene::new();
    scene.queue.set_lock_grace(ZERO);
    let reservations: Vec<_> = (0..8).map(|_| scene.queue.reserve().unwrap()).collect();
    let patient = patient(&scene.queue);
    thread::scope(|scope| {
        let sender = Waiter::start(scope, || patient.send(b"", Priority::MIN));
        scene.beside_stopped(|| drop(reservations));
        sender.join().unwrap();
    });
}

/// A receiver that is woken and cannot have the lock leaves the message to the next one, which must learn of it.
fn shared_queue_failed_receive_wakes_the_next_receiver() {
    let scene = Scene::new();
    let (mut first, second) = (patient(&scene.queue), patient(&scene.queue));
    first.set_lock_grace(ZERO);
    thread::scope(|scope| {
        let first = Waiter::start(scope, || first.receive_timeout(&mut [0; 64], Duration::from_secs(1)).map(drop));
        let second = Waiter::start(scope, || second.receive_timeout(&mut [0; 64], 2 * PATIENCE).map(drop));
        scene.beside_stopped(|| {
            scene.wake_receiver();
            assert_eq!(first.join().unwrap_err().kind(), ErrorKind::TimedOut);
            // It has marked the lock as waited for.
            wait_until("the next receiver is awake", || scene.lock().load(Relaxed) != OTHER);
        });
        scene.queue.send(b"", Priority::MIN).unwrap();
        second.join().unwrap();
    });
}

/// Arming takes the ring first, and a failure lost it.
fn shared_queue_failed_arm_keeps_the_ring() {
    let scene = Scene::new();
    let mut doorbell = scene.queue.doorbell().unwrap();
    assert!(doorbell.arm().unwrap().is_armed());
    scene.queue.send(b"", Priority::MIN).unwrap();
    assert!(is_rung(&doorbell));
    let error = scene.beside_stopped(|| doorbell.arm_timeout(ZERO).unwrap_err());
    assert_peer_inside(error, ErrorKind::TimedOut);
    assert!(is_rung(&doorbell));
}

/// A handle that was opened by a thread of one processor took that for the machine's, and never looked twice.
fn shared_queue_opened_by_a_pinned_thread_spins() -> Ending {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    let all = sched_getaffinity(None).unwrap();
    if all.count() < 2 {
        return Err(Lacking("a second processor".into()));
    }
    let time = |queue: &SharedQueue| {
        let start = Instant::now();
        assert!(!queue.spin_until_readable(1_000_000).unwrap());
        start.elapsed()
    };
    let unpinned = time(&small_queue());
    let mut one = CpuSet::new();
    one.set((0..CpuSet::MAX_CPU).find(|number| all.is_set(*number)).unwrap());
    sched_setaffinity(None, &one).unwrap();
    let pinned = small_queue();
    sched_setaffinity(None, &all).unwrap();
    assert!(time(&pinned) > unpinned / 10);
    Ok(())
}
