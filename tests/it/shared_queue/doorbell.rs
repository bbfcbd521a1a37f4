//! Doorbells: a shared queue in an event loop.

use std::fs;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use rawipc::shared_queue::Doorbell;
use rawipc::{Errno, ErrorKind, MessageBuffer, MessageQueue, Name, Priority, SharedQueue};
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, AsRawFd, OwnedFd};

use crate::harness::Ending;
use crate::harness::kernel::{die_with_parent, fail_calls, in_child, private_ipc};
use crate::harness::waiting::PATIENCE;
use crate::shared_queue::support::{BELLS, bell_of, file_of, is_rung, name_of, small_queue};

crate::tests!(
    a_doorbell_rings_once_for_each_arming,
    an_unarmed_doorbell_stays_silent,
    two_doorbells_of_one_queue_both_ring,
    doorbell_rings_beside_a_consumer_that_finds_messages,
    a_doorbell_rings_whatever_becomes_of_others,
    an_event_loop_registers_a_doorbell_once,
    a_message_that_is_put_back_rings,
    a_doorbell_may_own_its_queue_or_share_it,
    doorbell_hostile_number_rings_no_other_queue,
    doorbell_arm_is_bounded_beside_a_stopped_peer,
    ;
    alone:
    doorbell_inherited_by_a_child_refuses_and_keeps_ring,
    a_consumer_killed_while_it_drops_its_doorbell_costs_others_nothing,
    a_bell_that_a_child_has_open_does_not_ring_for_ever,
    arming_finds_what_a_dead_consumer_had_in_hand,
);

fn a_doorbell_rings_once_for_each_arming() {
    let queue = small_queue();
    let mut doorbell = queue.doorbell().unwrap();
    for _ in 0..3 {
        assert!(doorbell.arm().unwrap().is_armed());
        assert!(!is_rung(&doorbell));
        queue.send(b"one", Priority::MIN).unwrap();
        assert!(is_rung(&doorbell));
        queue.send(b"two", Priority::MIN).unwrap();
        assert!(!doorbell.arm().unwrap().is_armed(), "there is a message already");
        assert!(!is_rung(&doorbell));
        for _ in 0..2 {
            queue.try_receive(&mut [0; 64]).unwrap();
        }
    }
    // From another process, or another thread that waits.
    let sender = queue.try_clone().unwrap();
    assert!(doorbell.arm().unwrap().is_armed());
    thread::scope(|scope| {
        let receiver = scope.spawn(|| poll(&mut [PollFd::new(&doorbell, PollFlags::IN)], None));
        sender.reserve().unwrap().publish(3, Priority::MIN).unwrap();
        assert_eq!(receiver.join().unwrap(), Ok(1));
    });
}

fn an_unarmed_doorbell_stays_silent() {
    let queue = small_queue();
    let doorbell = queue.doorbell().unwrap();
    queue.send(b"one", Priority::MIN).unwrap();
    assert!(!is_rung(&doorbell));
    drop(doorbell);
    let mut doorbell = queue.doorbell().unwrap();
    assert!(!doorbell.arm().unwrap().is_armed());
    // The one who had armed it is gone.
    queue.try_receive(&mut [0; 64]).unwrap();
    assert!(doorbell.arm().unwrap().is_armed());
    drop(doorbell);
    queue.send(b"two", Priority::MIN).unwrap();
}

fn two_doorbells_of_one_queue_both_ring() {
    let queue = small_queue();
    let other: SharedQueue = queue.try_clone().unwrap();
    let (mut first, mut second) = (queue.doorbell().unwrap(), other.doorbell().unwrap());
    assert!(first.arm().unwrap().is_armed() && second.arm().unwrap().is_armed());
    queue.send(b"one", Priority::MIN).unwrap();
    assert!(is_rung(&first) && is_rung(&second));
    let mut buffer = MessageBuffer::<64>::new();
    other.receive(&mut buffer).unwrap();
    assert!(second.arm().unwrap().is_armed());
    // Dropping one leaves the other as it is.
    drop(first);
    assert!(second.arm().unwrap().is_armed() && !is_rung(&second));
    queue.send(b"two", Priority::MIN).unwrap();
    assert!(is_rung(&second));
}

/// While others come and go.
fn a_doorbell_rings_whatever_becomes_of_others() {
    let queue = small_queue();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            let handle = queue.try_clone().unwrap();
            let done = &done;
            scope.spawn(move || {
                while !done.load(Relaxed) {
                    drop(handle.doorbell().unwrap());
                }
            });
        }
        let mut missed = 0;
        for _ in 0..200 {
            // Sometimes it is the first one, or the last.
            let mut doorbell = queue.doorbell().unwrap();
            for _ in 0..5 {
                assert!(doorbell.arm().unwrap().is_armed());
                queue.send(b"ring", Priority::MIN).unwrap();
                missed += u32::from(!is_rung(&doorbell));
                queue.try_receive_in_place().unwrap().complete();
            }
        }
        done.store(true, Relaxed);
        assert_eq!(missed, 0);
    });
}

/// Neither without its last calls, which are as good as none when it is killed before them, nor without a lock.
///
/// The bells that stay are for the next doorbells of the namespace, so it is one that ends with this process.
fn a_consumer_killed_while_it_drops_its_doorbell_costs_others_nothing() -> Ending {
    private_ipc()?;
    let queue = small_queue();
    for call in [libc::SYS_mq_open, libc::SYS_mq_unlink, libc::SYS_fcntl] {
        let mut doorbell = queue.doorbell().unwrap();
        assert!(doorbell.arm().unwrap().is_armed());
        in_child(|| {
            let other = queue.doorbell().unwrap();
            fail_calls(&[call], Errno::NOSYS).expect("a child may have fewer calls");
            drop(other);
        });
        queue.send(b"ring", Priority::MIN).unwrap();
        assert!(is_rung(&doorbell));
        queue.try_receive_in_place().unwrap().complete();
    }
    Ok(())
}

fn doorbell_inherited_by_a_child_refuses_and_keeps_ring() {
    let queue = small_queue();
    let mut doorbell = Some(queue.doorbell().unwrap());
    in_child(|| drop(doorbell.take()));
    let mut doorbell = doorbell.unwrap();
    assert!(!is_rung(&doorbell), "who drops it rings");
    assert!(doorbell.arm().unwrap().is_armed());
    queue.send(b"one", Priority::MIN).unwrap();
    in_child(|| {
        let error = doorbell.arm().unwrap_err();
        assert_eq!((error.kind(), error.errno()), (ErrorKind::PermissionDenied, Errno::PERM));
        // One of its own it may have.
        assert!(!queue.doorbell().unwrap().arm().unwrap().is_armed());
    });
    assert!(is_rung(&doorbell), "the child has taken its parent's ring");
    assert!(!doorbell.arm().unwrap().is_armed() && !is_rung(&doorbell));
}

/// An event loop that has something registered, for good.
struct Loop(OwnedFd);

impl Loop {
    fn new(doorbell: &Doorbell<&SharedQueue>, flags: EventFlags) -> Self {
        let events = epoll::create(CreateFlags::CLOEXEC).unwrap();
        epoll::add(&events, doorbell, EventData::new_u64(0), EventFlags::IN | flags).unwrap();
        Self(events)
    }

    /// How many events there are within so much time.
    fn wait(&self, time: Duration) -> usize {
        let time = Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() };
        epoll::wait(&self.0, &mut Vec::with_capacity(4).spare_capacity_mut()[..], Some(&time)).unwrap().0.len()
    }
}

fn an_event_loop_registers_a_doorbell_once() {
    for flags in [EventFlags::empty(), EventFlags::ET] {
        let queue = small_queue();
        let other = queue.try_clone().unwrap();
        let mut doorbell = queue.doorbell().unwrap();
        let events = Loop::new(&doorbell, flags);
        // Before that, the queue does not say which bell it is.
        assert!(doorbell.arm().unwrap().is_armed());
        for _ in 0..3 {
            // Another consumer comes and goes; a stranger takes the bell's name away.
            drop(other.doorbell().unwrap());
            MessageQueue::unlink(Name::new(&bell_of(&queue)[..]).unwrap()).unwrap();
            assert!(doorbell.arm().unwrap().is_armed());
            assert_eq!(events.wait(Duration::ZERO), 0);
            other.send(b"hello", Priority::MIN).unwrap();
            assert_eq!(events.wait(PATIENCE), 1, "there is a message");
            queue.try_receive(&mut [0; 64]).unwrap();
            assert!(doorbell.arm().unwrap().is_armed());
        }
    }
}

fn a_message_that_is_put_back_rings() {
    let queue = small_queue();
    let other = queue.try_clone().unwrap();
    let mut doorbell = other.doorbell().unwrap();
    queue.send(b"hello", Priority::MIN).unwrap();
    let borrowed = queue.receive_in_place().unwrap();
    assert!(doorbell.arm().unwrap().is_armed(), "another consumer has it");
    borrowed.put_back().unwrap();
    assert!(is_rung(&doorbell) && !doorbell.arm().unwrap().is_armed());
    // Nobody has armed it.
    queue.receive_in_place().unwrap().put_back().unwrap();
    assert!(!is_rung(&doorbell));
}

fn a_doorbell_may_own_its_queue_or_share_it() {
    let queue = Arc::new(small_queue());
    let mut own = Doorbell::new(queue.try_clone().unwrap()).unwrap();
    let mut shared = Doorbell::new(queue.clone()).unwrap();
    assert!(own.arm().unwrap().is_armed() && shared.arm().unwrap().is_armed());
    queue.send(b"one", Priority::MIN).unwrap();
    assert!(is_rung(&own) && is_rung(&shared));
    assert_eq!(own.queue().try_receive(&mut [0; 64]).unwrap().payload(), b"one");
    assert_eq!(own.as_raw_fd(), own.as_fd().as_raw_fd());
    let mut moved = thread::spawn(move || own).join().unwrap();
    assert!(moved.arm().unwrap().is_armed());
}

fn doorbell_rings_beside_a_consumer_that_finds_messages() {
    let queue = small_queue();
    let other = queue.try_clone().unwrap();
    let (mut first, mut second) = (queue.doorbell().unwrap(), other.doorbell().unwrap());
    for sleeps_first in [true, false] {
        let (busy, idle) = if sleeps_first { (&mut first, &mut second) } else { (&mut second, &mut first) };
        assert!(idle.arm().unwrap().is_armed());
        queue.send(b"one", Priority::MIN).unwrap();
        // It comes by, finds the message, and works on it for an hour.
        assert!(!busy.arm().unwrap().is_armed());
        queue.try_receive(&mut [0; 64]).unwrap();
        queue.send(b"two", Priority::MIN).unwrap();
        assert!(is_rung(idle), "one consumer has taken the other one's ring");
        // The same, but the sender of the first message has not rung yet.
        queue.try_receive(&mut [0; 64]).unwrap();
        queue.send(b"in hand", Priority::MIN).unwrap();
        let borrowed = queue.receive_in_place().unwrap();
        assert!(idle.arm().unwrap().is_armed());
        write(&queue, ARMED, &0_u32.to_ne_bytes());
        borrowed.put_back().unwrap();
        write(&queue, ARMED, &(1_u32 << 31).to_ne_bytes());
        assert!(!busy.arm().unwrap().is_armed() && !is_rung(idle));
        queue.try_receive(&mut [0; 64]).unwrap();
        queue.send(b"two", Priority::MIN).unwrap();
        assert!(is_rung(idle), "one consumer has disarmed the other one's doorbell");
        queue.try_receive(&mut [0; 64]).unwrap();
    }
}

/// Where a queue says that a doorbell may be armed.
const ARMED: usize = 120;

/// Writes into a queue's memory, as a peer can.
fn write(queue: &SharedQueue, offset: usize, bytes: &[u8]) {
    let file = fs::OpenOptions::new().write(true).open(file_of(name_of(queue))).unwrap();
    file.write_all_at(bytes, offset as u64).unwrap();
}

fn doorbell_hostile_number_rings_no_other_queue() {
    let (queue, other) = (small_queue(), small_queue());
    let (mut bell, mut others) = (queue.doorbell().unwrap(), other.doorbell().unwrap());
    assert!(bell.arm().unwrap().is_armed() && others.arm().unwrap().is_armed());
    // As a peer could write it: the number of the first one's bell, and numbers that no bell has.
    let number = fs::read(file_of(name_of(&queue))).unwrap()[BELLS + 4..BELLS + 8].to_vec();
    for number in [number.try_into().unwrap(), 99_999_u32.to_ne_bytes(), u32::MAX.to_ne_bytes()] {
        write(&other, BELLS + 4, &number);
        other.send(b"one", Priority::MIN).unwrap();
        assert_eq!((is_rung(&bell), is_rung(&others)), (false, false));
        assert!(!others.arm().unwrap().is_armed());
        other.try_receive(&mut [0; 64]).unwrap();
        // Its owner writes its number again.
        assert!(others.arm().unwrap().is_armed());
        other.send(b"two", Priority::MIN).unwrap();
        assert_eq!((is_rung(&bell), is_rung(&others)), (false, true));
        other.try_receive(&mut [0; 64]).unwrap();
        assert!(others.arm().unwrap().is_armed());
    }
    queue.send(b"two", Priority::MIN).unwrap();
    assert!(is_rung(&bell));
}

fn doorbell_arm_is_bounded_beside_a_stopped_peer() {
    let queue = small_queue();
    let peer = queue.try_clone().unwrap();
    let mut doorbell = queue.doorbell().unwrap();
    // The word of the lock as the peer, the second participant, writes it.
    write(&queue, 64, &(1_u32 << 8 | 2).to_ne_bytes());
    let start = Instant::now();
    assert_eq!(doorbell.arm_timeout(Duration::ZERO).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(doorbell.arm().unwrap_err().kind(), ErrorKind::TimedOut);
    assert!((Duration::from_secs(1)..PATIENCE).contains(&start.elapsed()));
    write(&queue, 64, &[0; 4]);
    assert!(doorbell.arm().unwrap().is_armed());
    drop(peer);
}

fn a_bell_that_a_child_has_open_does_not_ring_for_ever() {
    let queue = small_queue();
    let mut doorbell = queue.doorbell().unwrap();
    let old = MessageQueue::options().write(true).open(Name::new(&bell_of(&queue)[..]).unwrap()).unwrap();
    // SAFETY: the process has one thread, so the child is as whole as its parent.
    let child = unsafe { libc::fork() };
    if child == 0 {
        die_with_parent();
        loop {
            // SAFETY: it only waits.
            unsafe { libc::pause() };
        }
    }
    MessageQueue::unlink(Name::new(&bell_of(&queue)[..]).unwrap()).unwrap();
    assert!(doorbell.arm().unwrap().is_armed() && !is_rung(&doorbell));
    // It rings the old bell, which this one has no more.
    old.try_send(b"", Priority::MIN).unwrap();
    assert!(!is_rung(&doorbell));
    queue.send(b"hello", Priority::MIN).unwrap();
    assert!(is_rung(&doorbell));
    // SAFETY: the child is ours and has not been waited for.
    let killed = unsafe { libc::kill(child, libc::SIGKILL) };
    // SAFETY: as above; the status is not asked for.
    let ended = unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    assert_eq!((killed, ended), (0, child));
}

fn arming_finds_what_a_dead_consumer_had_in_hand() {
    let queue = small_queue();
    let other = queue.try_clone().unwrap();
    let (mut doorbell, mut others) = (queue.doorbell().unwrap(), other.doorbell().unwrap());
    assert!(others.arm().unwrap().is_armed());
    queue.send(b"hello", Priority::MIN).unwrap();
    assert!(!others.arm().unwrap().is_armed());
    in_child(|| std::mem::forget(queue.receive_in_place().unwrap()));
    assert!(queue.is_empty().unwrap(), "nobody has noticed");
    // As if it had been armed while the dead one was alive.
    let arm = |count: u32| {
        [ARMED, BELLS + 16 + 8].iter().for_each(|at| write(&queue, *at, &(1 << 31 | count).to_ne_bytes()));
    };
    arm(9);
    assert!(!doorbell.arm().unwrap().is_armed());
    assert!(is_rung(&others) && !is_rung(&doorbell));
    // So it is by one who opens the queue.
    assert!(!others.arm().unwrap().is_armed());
    in_child(|| std::mem::forget(queue.receive_in_place().unwrap()));
    arm(10);
    drop(queue.try_clone().unwrap());
    assert!(is_rung(&others) && !is_rung(&doorbell));
    assert_eq!(queue.try_receive(&mut [0; 64]).unwrap().payload(), b"hello");
    // Nor is a place that a dead producer had reserved a message.
    in_child(|| std::mem::forget(queue.reserve().unwrap()));
    assert!(doorbell.arm().unwrap().is_armed());
    queue.send(b"hello", Priority::MIN).unwrap();
    assert!(is_rung(&doorbell));
}
