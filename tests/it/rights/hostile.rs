//! What a user with a right to an object can do to those who use it: to disturb, within bounds.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rawipc::mqueue::{Notified, Notify};
use rawipc::semaphore::abi::Abi;
use rawipc::{ErrorKind, MessageQueue, NotificationSocket, Priority, Shared, SharedMemory};
use rustix::fs::{FlockOperation, flock, ftruncate};

use super::{Names, memory, queue, semaphore};
use crate::harness::kernel::{BOB, in_child, in_child_of, require_users};
use crate::harness::random::Random;
use crate::harness::waiting::PATIENCE;
use crate::harness::{Ending, Peer, Role, role};

crate::tests!(
    ;
    alone: a_registration_is_not_anothers_to_cancel,
    a_taken_slot_is_an_error_at_once,
    a_flooded_queue_bounds_every_wait,
    a_semaphore_overwritten_meanwhile_bounds_every_wait,
    a_semaphore_cut_short_ends_the_process,
    a_lock_that_is_never_given_back_delays_by_the_patience
);

pub const ROLES: &[Role] = &[("rights_overwrite", overwrite)];

fn a_registration_is_not_anothers_to_cancel() -> Ending {
    let names = Names::new();
    require_users()?;
    let queue = queue().exact_mode(0o666).create_new(true).open(&names.queue).unwrap();
    let mut socket = NotificationSocket::new(&queue).unwrap();
    socket.arm().unwrap();
    in_child_of(BOB, || {
        let his = super::queue().open(&names.queue).unwrap();
        his.cancel_notification().unwrap();
        assert_eq!(his.replace_notification(Notify::None).unwrap_err().kind(), ErrorKind::Busy);
        drop(his);
        super::queue().open(&names.queue).unwrap().send(b"", Priority::MIN).unwrap();
    })?;
    assert_eq!(socket.wait_timeout(PATIENCE).unwrap(), Notified::Arrived);
    Ok(())
}

fn a_taken_slot_is_an_error_at_once() -> Ending {
    let names = Names::new();
    require_users()?;
    let queue = queue().exact_mode(0o666).create_new(true).open(&names.queue).unwrap();
    in_child_of(BOB, || {
        let his = super::queue().open(&names.queue).unwrap();
        his.notify(Notify::None).unwrap();
        in_child(|| {
            // A child of his is another process, as any is.
            let queue = super::queue().open(&names.queue).unwrap();
            assert_eq!(queue.notify(Notify::None).unwrap_err().kind(), ErrorKind::Busy);
        });
    })?;
    // The kernel freed the slot when he ended.
    queue.notify(Notify::None).unwrap();
    Ok(())
}

fn a_flooded_queue_bounds_every_wait() -> Ending {
    let names = Names::new();
    require_users()?;
    let queue = queue().exact_mode(0o622).create_new(true).open(&names.queue).unwrap();
    in_child_of(BOB, || {
        let his = MessageQueue::options().write(true).open(&names.queue).unwrap();
        while his.try_send(&[0; 16], Priority::MAX).is_ok() {}
    })?;
    assert_eq!(queue.try_send(b"x", Priority::MIN).unwrap_err().kind(), ErrorKind::WouldBlock);
    let error = queue.send_timeout(b"x", Priority::MIN, Duration::from_millis(5)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    // What he sent cannot be longer than the queue allows.
    assert_eq!(queue.receive(&mut [0; 16]).unwrap().payload().len(), 16);
    Ok(())
}

fn a_semaphore_overwritten_meanwhile_bounds_every_wait() -> Ending {
    for abi in [Abi::Gnu64, Abi::Gnu32, Abi::Musl] {
        let names = Names::new();
        let semaphore = semaphore().abi(abi).create_new(true).open(&names.semaphore).unwrap();
        let file = names.semaphore.file(abi);
        let enemy = Peer::start(&mut role("rights_overwrite", &[file.to_str().unwrap()]));
        let end = Instant::now() + Duration::from_millis(200);
        let mut seen = [0; 3];
        while Instant::now() < end {
            let start = Instant::now();
            match semaphore.wait_timeout(Duration::from_millis(1)).map_err(|error| error.kind()) {
                Ok(()) => seen[0] += 1,
                Err(ErrorKind::TimedOut) => seen[1] += 1,
                other => panic!("{abi}: {other:?}"),
            }
            match semaphore.post().map_err(|error| error.kind()) {
                Ok(()) => {}
                Err(ErrorKind::Overflow) => seen[2] += 1,
                other => panic!("{abi}: {other:?}"),
            }
            let _ = (semaphore.try_wait(), semaphore.post_many(3), semaphore.value(), semaphore.waiters());
            assert!(start.elapsed() < PATIENCE, "{abi}: a wait of a millisecond took {:?}", start.elapsed());
        }
        enemy.kill_now();
        assert!(seen[0] > 0, "{abi}: {seen:?}");
    }
    Ok(())
}

/// Writes anything into a file, for ever.
fn overwrite(arguments: &[String]) {
    let file = OpenOptions::new().write(true).open(&arguments[0]).unwrap();
    let mut random = Random::new();
    loop {
        file.write_all_at(&random.bytes(16), 0).unwrap();
    }
}

/// The one thing that writing to a semaphore's file can do to its users; so a mode for friends only.
fn a_semaphore_cut_short_ends_the_process() -> Ending {
    extern "C" fn end(_: i32) {
        // SAFETY: ends the process, as may be done in a handler.
        unsafe { libc::_exit(0) };
    }
    let names = Names::new();
    let semaphore = semaphore().create_new(true).open(&names.semaphore).unwrap();
    in_child(|| {
        let file = OpenOptions::new().write(true).open(names.semaphore.file(Abi::NATIVE)).unwrap();
        ftruncate(&file, 0).unwrap();
        // SAFETY: the handler does nothing that may not be done in one.
        unsafe { libc::signal(libc::SIGBUS, end as extern "C" fn(i32) as libc::sighandler_t) };
        let _ = semaphore.post();
        panic!("the memory is still there");
    });
    Ok(())
}

/// The right to read is enough for a lock.
fn a_lock_that_is_never_given_back_delays_by_the_patience() -> Ending {
    let names = Names::new();
    require_users()?;
    let unfinished = memory().size(0).exact_mode(0o644).create_new(true).open(&names.value).unwrap();
    let lock = || flock(&unfinished, FlockOperation::NonBlockingLockExclusive);
    in_child_of(BOB, || {
        let his = SharedMemory::options().read(true).open(&names.value).unwrap();
        flock(&his, FlockOperation::NonBlockingLockExclusive).unwrap();
        assert!(lock().is_err(), "he has it");
    })?;
    lock().unwrap();
    let options = Shared::<AtomicU32>::options().patience(Duration::from_millis(5));
    let error = options.open(&names.value, |_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    flock(&unfinished, FlockOperation::Unlock).unwrap();
    assert_eq!(options.open(&names.value, |value| value.store(3, Relaxed)).unwrap().load(Relaxed), 3);
    Ok(())
}
