//! The system calls of the robust mutex and of shared queues: none, unless somebody has to sleep or to be woken.

use std::collections::BTreeMap;
use std::time::Duration;

use rawipc::{Deadline, MessageBuffer, Priority, RobustMutex, SharedMemory, name};

use crate::harness::allocator::without_allocation;
use crate::harness::tracer::{Call, be_traced, calls_of, piece};
use crate::harness::{Ending, Role, role};
use crate::shared_queue::support::{small, small_queue};

crate::tests!(
    messages_and_locks_make_no_call,
    an_end_of_a_wait_is_one_sleep,
    opening_and_creating_make_few_calls,
    shared_queue_try_beside_many_in_flight_asks_once,
    ;
    alone:
    nothing_allocates,
);

pub const ROLES: &[Role] = &[("shared_queue_trace", trace)];

fn numbers(pieces: &BTreeMap<u64, Vec<Call>>, piece: u64) -> Vec<libc::c_long> {
    pieces.get(&piece).expect("the piece was played").iter().map(|call| call.number).collect()
}

fn trace(_: &[String]) {
    let queue = small().max_message_size(4096).create_unique(name!("/rawipc-test-")).unwrap();
    let memory = SharedMemory::anonymous(4096).create().unwrap();
    let mutex = RobustMutex::in_memory(&memory, 0).unwrap();
    let mut buffer = MessageBuffer::<4096>::new();
    // The clock is looked for when it is read first.
    assert!(!Deadline::after(Duration::from_secs(1)).has_passed());
    be_traced();
    piece(1, || {
        for length in [0, 64, 1024, 1025, 4096] {
            queue.send(&[7; 4096][..length], Priority::MIN).unwrap();
            queue.try_send(&[7; 4096][..length], Priority::MAX).unwrap();
            assert_eq!(queue.receive(&mut buffer).unwrap().payload().len(), length);
            assert_eq!(queue.receive_timeout(&mut buffer, Duration::from_secs(1)).unwrap().payload().len(), length);
        }
        assert!(queue.try_receive(&mut buffer).is_err());
        queue.reserve().unwrap().publish(3, Priority::MIN).unwrap();
        queue.receive_in_place().unwrap().complete();
    });
    piece(2, || {
        drop(mutex.lock().unwrap());
        drop(mutex.try_lock().unwrap());
        drop(mutex.lock_timeout(Duration::ZERO).unwrap());
    });
    // Longer than a yield on a busy machine, and shorter than the first sleep.
    let error = piece(3, || queue.receive_timeout(&mut buffer, Duration::from_millis(25)).unwrap_err());
    assert_eq!(error.kind(), rawipc::ErrorKind::TimedOut);
    let unlinked = piece(4, || small().create_new(true).create_unique(name!("/rawipc-test-")).unwrap());
    piece(5, || drop(small().open(unlinked.name().unwrap()).unwrap()));
    piece(6, || drop(RobustMutex::in_memory(&memory, 0).unwrap()));
    let many = small().max_messages(4096).max_message_size(32).create_unique(name!("/rawipc-test-")).unwrap();
    for _ in 0..3000 {
        many.try_send(b"", Priority::MIN).unwrap();
        core::mem::forget(many.try_receive_in_place().unwrap());
    }
    piece(7, || assert!(many.try_receive(&mut buffer).is_err()));
}

/// The kernel was asked once for each message in flight, with the lock held.
fn shared_queue_try_beside_many_in_flight_asks_once() -> Ending {
    let pieces = calls_of(&mut role("shared_queue_trace", &[]))?;
    assert_eq!(numbers(&pieces, 7), [libc::SYS_fcntl]);
    Ok(())
}

fn messages_and_locks_make_no_call() -> Ending {
    let pieces = calls_of(&mut role("shared_queue_trace", &[]))?;
    assert_eq!((numbers(&pieces, 1), numbers(&pieces, 2)), (vec![], vec![]));
    Ok(())
}

fn an_end_of_a_wait_is_one_sleep() -> Ending {
    let pieces = calls_of(&mut role("shared_queue_trace", &[]))?;
    // Others may run before. A sleep that the kernel ends early is begun anew.
    let sleeps = numbers(&pieces, 3);
    let sleeps: Vec<_> = sleeps.into_iter().filter(|number| *number != libc::SYS_sched_yield).collect();
    assert!([libc::SYS_futex, 422].contains(&sleeps[0]) && sleeps.len() <= 2, "{sleeps:?}");
    Ok(())
}

fn opening_and_creating_make_few_calls() -> Ending {
    let pieces = calls_of(&mut role("shared_queue_trace", &[]))?;
    let (create, open, mutex) = (numbers(&pieces, 4), numbers(&pieces, 5), numbers(&pieces, 6));
    // Two random names, a file made whole and linked, two mappings for taking part, a lock, what the processors are;
    // the C runtime's own checks when a descriptor is closed count here too.
    assert!(create.len() <= 22 && open.len() <= 24 && mutex.len() <= 20, "{create:?}\n{open:?}\n{mutex:?}");
    Ok(())
}

fn nothing_allocates() {
    let queue = without_allocation(|| {
        let queue = small_queue();
        let mut buffer = MessageBuffer::<64>::new();
        queue.send(b"hello", Priority::MIN).unwrap();
        assert_eq!(queue.receive(&mut buffer).unwrap().payload(), b"hello");
        assert!(queue.receive_timeout(&mut buffer, Duration::from_millis(1)).is_err());
        queue.reserve().unwrap().publish(1, Priority::MIN).unwrap();
        queue.receive_in_place().unwrap().put_back().unwrap();
        queue
    });
    without_allocation(|| {
        let mut doorbell = queue.doorbell().unwrap();
        assert!(!doorbell.arm().unwrap().is_armed());
    });
    let memory = SharedMemory::anonymous(4096).create().unwrap();
    without_allocation(|| drop(RobustMutex::in_memory(&memory, 0).unwrap().lock().unwrap()));
}
