//! Notification by a thread: its forms, how it ends, what it leaves.

use std::fs;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use rawipc::error::{Limit, Operation};
use rawipc::mqueue::{Delivery, Ended, NotificationThread, Notify};
use rawipc::{Errno, ErrorKind, MessageQueue, NotificationSocket};

use crate::harness::kernel::{fail_calls, in_child};
use crate::harness::queues::assert_error;
use crate::harness::waiting::{PATIENCE, wait_until, wait_until_blocked};
use crate::harness::{Ending, exists, name_of, small_queue};
use crate::notify::support::{Registrant, of, own, send, slot, take};

crate::tests!(
    the_callback_runs_in_another_thread_with_the_queue,
    one_shot_is_called_once,
    rearming_inside_makes_it_repeat,
    stopping_an_idle_one_frees_the_slot,
    stopping_waits_for_the_call_under_way,
    a_removed_registration_ends_it,
    a_panic_in_the_callback_is_reported_by_joining,
    rearming_that_is_refused_ends_it,
    an_owned_queue_ends_with_its_thread,
    a_dropped_handle_lets_it_go_on;
    alone: a_handler_of_a_signal_does_not_end_it,
    a_forked_child_has_none_and_the_parents_goes_on,
    a_taken_slot_is_busy_and_leaves_nothing_running,
    a_failure_in_the_thread_is_told_by_joining,
    a_forbidden_socket_is_told,
    a_thread_that_cannot_start_leaves_nothing_registered,
    a_thread_without_a_descriptor_for_stopping_leaves_nothing_registered
);

type Socket = NotificationSocket<Arc<MessageQueue>>;

fn queue() -> Arc<MessageQueue> {
    Arc::new(small_queue())
}

/// Starts a thread whose callback reports the messages that it receives after doing `first`.
fn reporting(
    queue: &Arc<MessageQueue>,
    mut first: impl FnMut(&mut Socket) + Send + 'static,
) -> (NotificationThread, Receiver<Vec<u8>>) {
    let (reports, reported): (Sender<Vec<u8>>, _) = mpsc::channel();
    let thread = MessageQueue::notify_thread(Arc::clone(queue), move |socket| {
        first(socket);
        while let Ok(message) = socket.queue().try_receive(&mut [0; 64]) {
            // The test may have seen enough.
            let _ = reports.send(message.payload().to_vec());
        }
    });
    (thread.unwrap(), reported)
}

fn the_callback_runs_in_another_thread_with_the_queue() {
    let queue = queue();
    let (reports, reported) = mpsc::channel();
    let expected = (Arc::as_ptr(&queue).addr(), thread::current().id());
    let notified = MessageQueue::notify_thread(Arc::clone(&queue), move |socket: &mut Socket| {
        let this = thread::current();
        reports.send((std::ptr::from_ref(socket.queue()).addr(), this.id(), this.name().map(str::to_owned))).unwrap();
    });
    assert_eq!(slot(&queue), own(Delivery::Socket), "the registration is made before it returns");
    send(&queue, b"message");
    let (queue_seen, thread_seen, name) = reported.recv_timeout(PATIENCE).unwrap();
    assert_eq!(queue_seen, expected.0);
    assert_ne!(thread_seen, expected.1);
    assert_eq!(name.as_deref(), Some("rawipc-notify"));
    assert_eq!(notified.unwrap().join().unwrap(), Ok(Ended::NotRearmed));
}

fn one_shot_is_called_once() {
    let queue = queue();
    let (thread, reported) = reporting(&queue, |_| {});
    send(&queue, b"first");
    assert_eq!(reported.recv_timeout(PATIENCE).unwrap(), b"first");
    assert_eq!(thread.join().unwrap(), Ok(Ended::NotRearmed));
    send(&queue, b"second");
    assert!(reported.recv().is_err(), "the callback is gone");
    assert_eq!((take(&queue), slot(&queue)), (b"second".to_vec(), None));
    assert_eq!(Arc::strong_count(&queue), 1);
}

fn rearming_inside_makes_it_repeat() {
    let queue = queue();
    let mut calls = 0;
    let (thread, reported) = reporting(&queue, move |socket| {
        calls += 1;
        // In either of the two ways.
        if calls % 2 == 0 { socket.arm() } else { socket.replace() }.unwrap();
    });
    for number in 0..1_000_u32 {
        send(&queue, &number.to_ne_bytes());
        assert_eq!(reported.recv_timeout(PATIENCE).unwrap(), number.to_ne_bytes());
    }
    assert!(!thread.is_finished());
    assert_eq!(thread.stop().unwrap(), Ok(Ended::Stopped));
    assert_eq!(slot(&queue), None);
}

fn stopping_an_idle_one_frees_the_slot() {
    let queue = queue();
    let mut other_process = Registrant::start(name_of(&queue));
    let (thread, reported) = reporting(&queue, |_| {});
    assert_eq!(other_process.ask("none"), "Busy");
    assert_eq!(thread.stop().unwrap(), Ok(Ended::Stopped));
    assert!(reported.recv().is_err(), "it was never called");
    assert_eq!(other_process.ask("none"), "()");
    other_process.end();
}

/// A process-wide handler without SA_RESTART runs in the thread while that waits.
fn a_handler_of_a_signal_does_not_end_it() {
    static HANDLED: AtomicU32 = AtomicU32::new(0);
    extern "C" fn count(_: i32) {
        HANDLED.fetch_add(1, Relaxed);
    }
    let queue = queue();
    let (thread, reported) = reporting(&queue, |_| {});
    // SAFETY: all zeros are an action, with no flags and an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = count as extern "C" fn(i32) as libc::sighandler_t;
    // SAFETY: the handler does what may be done in one.
    assert_eq!(unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) }, 0);
    let name = |task: &fs::DirEntry| fs::read_to_string(task.path().join("comm")).unwrap_or_default();
    let mut found = None;
    wait_until("the thread has its name", || {
        let mut tasks = fs::read_dir("/proc/self/task").unwrap().map(Result::unwrap);
        found = tasks.find(|task| name(task) == "rawipc-notify\n");
        found.is_some()
    });
    let tid: i32 = found.unwrap().file_name().to_str().unwrap().parse().unwrap();
    let pid = std::process::id() as i32;
    for round in 0..10 {
        wait_until_blocked(pid, tid);
        // SAFETY: takes numbers only.
        assert_eq!(unsafe { libc::syscall(libc::SYS_tgkill, pid, tid, libc::SIGUSR1) }, 0);
        wait_until("the handler has run", || HANDLED.load(Relaxed) > round);
    }
    send(&queue, b"message");
    assert_eq!(reported.recv_timeout(PATIENCE).unwrap(), b"message");
    assert_eq!(thread.join().unwrap(), Ok(Ended::NotRearmed));
}

fn a_forked_child_has_none_and_the_parents_goes_on() {
    let queue = queue();
    let (thread, reported) = reporting(&queue, |_| {});
    // The child does nothing that could need a lock of another thread.
    in_child(|| {
        let threads = fs::read_dir("/proc/self/task").unwrap().count();
        assert_eq!(threads, 1);
    });
    send(&queue, b"message");
    assert_eq!(reported.recv_timeout(PATIENCE).unwrap(), b"message");
    assert_eq!(thread.join().unwrap(), Ok(Ended::NotRearmed));
}

fn stopping_waits_for_the_call_under_way() {
    let queue = queue();
    let (in_call, called) = mpsc::channel();
    let (leave, may_leave) = mpsc::channel::<()>();
    let thread = MessageQueue::notify_thread(Arc::clone(&queue), move |socket: &mut Socket| {
        socket.arm().unwrap();
        in_call.send(()).unwrap();
        may_leave.recv_timeout(PATIENCE).unwrap();
        take(socket.queue());
    });
    send(&queue, b"message");
    called.recv_timeout(PATIENCE).unwrap();
    let stopping = thread::spawn(move || thread.unwrap().stop());
    assert!(!stopping.is_finished() && queue.len() == Ok(1));
    leave.send(()).unwrap();
    assert_eq!(stopping.join().unwrap().unwrap(), Ok(Ended::Stopped));
    assert!(queue.is_empty().unwrap(), "the call was not cut off");
    assert_eq!(slot(&queue), None);
}

fn a_removed_registration_ends_it() {
    let queue = queue();
    let removals: [&dyn Fn(); 3] =
        [&|| queue.cancel_notification().unwrap(), &|| drop(queue.try_clone().unwrap()), &|| {
            queue.replace_notification(Notify::None).unwrap()
        }];
    for remove in removals {
        let (thread, reported) = reporting(&queue, |_| {});
        remove();
        assert_eq!(thread.join().unwrap(), Ok(Ended::Removed));
        assert!(reported.recv().is_err());
        queue.cancel_notification().unwrap();
    }
}

fn a_panic_in_the_callback_is_reported_by_joining() {
    let queue = queue();
    for rearm in [false, true] {
        let (thread, _) = reporting(&queue, move |socket| {
            if rearm {
                socket.arm().unwrap();
            }
            // A panic that prints nothing.
            resume_unwind(Box::new("the callback's own words"));
        });
        send(&queue, b"message");
        let panic = thread.join().unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"the callback's own words"));
        assert_eq!(slot(&queue), None);
        assert_eq!((take(&queue), Arc::strong_count(&queue)), (b"message".to_vec(), 1));
    }
}

fn rearming_that_is_refused_ends_it() {
    let queue = queue();
    let mut other_process = Registrant::start(name_of(&queue));
    let (tell, told) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let thread = MessageQueue::notify_thread(Arc::clone(&queue), move |socket: &mut Socket| {
        tell.send(None).unwrap();
        may_go_on.recv_timeout(PATIENCE).unwrap();
        tell.send(Some(socket.arm().unwrap_err().kind())).unwrap();
    });
    send(&queue, b"message");
    assert_eq!(told.recv_timeout(PATIENCE), Ok(None));
    assert_eq!(other_process.ask("none"), "()");
    go_on.send(()).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE), Ok(Some(ErrorKind::Busy)));
    assert_eq!(thread.unwrap().join().unwrap(), Ok(Ended::NotRearmed));
    assert_eq!(slot(&queue), of(other_process.pid(), Delivery::None));
    other_process.end();
}

fn an_owned_queue_ends_with_its_thread() {
    let queue = small_queue();
    let name = name_of(&queue).as_bytes().to_vec();
    let name = rawipc::Name::new(&name[..]).unwrap();
    let other = MessageQueue::options().write(true).open(name).unwrap();
    let thread = MessageQueue::notify_thread(queue, |_| {}).unwrap();
    assert!(exists(name));
    // `exists` has opened and closed it in this process, and that removes the registration.
    assert_eq!(thread.join().unwrap(), Ok(Ended::Removed));
    assert!(!exists(name));
    drop(other);
}

fn a_dropped_handle_lets_it_go_on() {
    let queue = queue();
    let (thread, reported) = reporting(&queue, |_| {});
    drop(thread);
    assert_eq!(slot(&queue), own(Delivery::Socket));
    send(&queue, b"message");
    assert_eq!(reported.recv_timeout(PATIENCE).unwrap(), b"message");
    wait_until("the thread has ended", || Arc::strong_count(&queue) == 1);
}

fn count(what: &str) -> usize {
    fs::read_dir(format!("/proc/self/{what}")).unwrap().count()
}

fn a_taken_slot_is_busy_and_leaves_nothing_running() {
    let queue = queue();
    queue.notify(Notify::None).unwrap();
    let before = (count("task"), count("fd"));
    let error = MessageQueue::notify_thread(Arc::clone(&queue), |_| unreachable!()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert_eq!((count("task"), count("fd")), before);
    assert_eq!((slot(&queue), Arc::strong_count(&queue)), (own(Delivery::None), 1));
    // One that has run and ended leaves nothing either.
    queue.cancel_notification().unwrap();
    let (thread, _) = reporting(&queue, |_| {});
    assert_eq!(count("task"), before.0 + 1);
    assert_eq!(thread.stop().unwrap(), Ok(Ended::Stopped));
    wait_until("the kernel has let go of the thread", || (count("task"), count("fd")) == before);
}

fn a_forbidden_socket_is_told() -> Ending {
    fail_calls(&[libc::SYS_socket], Errno::PERM)?;
    let error = MessageQueue::notify_thread(queue(), |_| unreachable!()).unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::PermissionDenied, Operation::NotificationSocket));
    Ok(())
}

fn a_thread_that_cannot_start_leaves_nothing_registered() -> Ending {
    let queue = queue();
    let before = count("fd");
    // The C library falls back from the one to the other.
    fail_calls(&[libc::SYS_clone3, libc::SYS_clone], Errno::AGAIN)?;
    let error = MessageQueue::notify_thread(Arc::clone(&queue), |_| unreachable!()).unwrap_err();
    let part = "starting the notification's thread";
    assert_error(error, ErrorKind::WouldBlock, Errno::AGAIN, Operation::NotificationThread, part);
    assert_eq!((slot(&queue), Arc::strong_count(&queue), count("fd")), (None, 1, before));
    Ok(())
}

fn a_thread_without_a_descriptor_for_stopping_leaves_nothing_registered() -> Ending {
    let queue = queue();
    let before = count("fd");
    fail_calls(&[libc::SYS_eventfd2], Errno::MFILE)?;
    let error = MessageQueue::notify_thread(Arc::clone(&queue), |_| unreachable!()).unwrap_err();
    let kind = ErrorKind::LimitExceeded(Limit::Descriptors);
    assert_error(error, kind, Errno::MFILE, Operation::NotificationThread, "too many open descriptors");
    assert_eq!((slot(&queue), Arc::strong_count(&queue), count("fd")), (None, 1, before));
    Ok(())
}

fn a_failure_in_the_thread_is_told_by_joining() -> Ending {
    let queue = queue();
    // The thread inherits the filter.
    fail_calls(&[libc::SYS_recvfrom], Errno::NOMEM)?;
    let (thread, _) = reporting(&queue, |_| {});
    send(&queue, b"message");
    let error = thread.join().unwrap().unwrap_err();
    assert_error(error, ErrorKind::OutOfMemory, Errno::NOMEM, Operation::AwaitNotification, "out of memory");
    Ok(())
}
