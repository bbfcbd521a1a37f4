//! Signals that arrive during a wait.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use rawipc::error::Operation;
use rawipc::{Deadline, Errno, Error, ErrorKind, MessageQueue, Priority, name, retry_on_interrupt};

use crate::harness::queues::assert_error;
use crate::harness::waiting::{PATIENCE, Waiter, wait_until, with_enough_time};
use crate::harness::{small, small_queue};

crate::tests!(
    a_handler_interrupts_every_way_to_receive,
    a_handler_interrupts_every_way_to_send,
    a_handler_with_sa_restart_does_not_interrupt_receive,
    retrying_goes_on_until_a_message_comes,
    retrying_with_a_deadline_does_not_drift,
    retrying_returns_other_errors,
);

static HANDLED: AtomicU32 = AtomicU32::new(0);

/// Handled without SA_RESTART.
const INTERRUPTING: i32 = libc::SIGUSR1;
/// Handled with SA_RESTART.
const RESTARTING: i32 = libc::SIGUSR2;

extern "C" fn count(_: i32) {
    HANDLED.fetch_add(1, SeqCst);
}

fn install_handlers() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        for (signal, flags) in [(INTERRUPTING, 0), (RESTARTING, libc::SA_RESTART)] {
            // SAFETY: all zeros are a `sigaction` without flags, with an empty mask.
            let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
            action.sa_sigaction = count as extern "C" fn(i32) as usize;
            action.sa_flags = flags;
            // SAFETY: the handler only adds to a number.
            let result = unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) };
            assert_eq!(result, 0);
        }
    });
}

/// Sends a signal to one thread of this process.
fn signal(tid: i32, signal: i32) {
    // SAFETY: takes numbers only; both signals have handlers.
    let result = unsafe { libc::syscall(libc::SYS_tgkill, std::process::id() as i32, tid, signal) };
    assert_eq!(result, 0);
}

/// Lets a call wait, interrupts it, and returns its error.
pub fn interrupted(call: impl FnOnce() -> Result<(), Error> + Send) -> Error {
    install_handlers();
    thread::scope(|scope| {
        let waiter = Waiter::start(scope, call);
        signal(waiter.tid, INTERRUPTING);
        waiter.join().unwrap_err()
    })
}

/// Lets a call wait, interrupts it a few times, and lets it have what it waits for.
pub fn interrupted_in_vain<T: Send>(call: impl FnOnce() -> T + Send, end: impl FnOnce()) -> T {
    install_handlers();
    thread::scope(|scope| {
        let waiter = Waiter::start(scope, call);
        for _ in 0..10 {
            signal(waiter.tid, INTERRUPTING);
            wait_until("it waits again", || waiter.is_blocked() || waiter.is_finished());
        }
        end();
        waiter.join()
    })
}

/// A time limit of a call: a timeout, a deadline, or none.
pub type Limits = (Option<Duration>, Option<Deadline>);

/// No limit, a timeout, a deadline on each clock.
pub const WAYS: [fn() -> Limits; 4] = [
    || (None, None),
    || (Some(PATIENCE), None),
    || (None, Some(Deadline::after(PATIENCE))),
    || (None, Some(Deadline::realtime_after(PATIENCE))),
];

fn a_handler_interrupts_every_way_to_receive() {
    let queue = small_queue();
    for way in WAYS {
        let error = interrupted(|| {
            let buffer = &mut [0; 64];
            match way() {
                (Some(timeout), _) => queue.receive_timeout(buffer, timeout).map(drop),
                (_, Some(deadline)) => queue.receive_deadline(buffer, deadline).map(drop),
                _ => queue.receive(buffer).map(drop),
            }
        });
        let part = "interrupted by a signal handler (EINTR)";
        assert_error(error, ErrorKind::Interrupted, Errno::INTR, Operation::Receive, part);
        queue.send(b"not taken", Priority::MIN).unwrap();
        assert_eq!(queue.receive(&mut [0; 64]).unwrap().payload(), b"not taken");
    }
}

/// A queue with room for one message, which is taken.
fn full_queue() -> MessageQueue {
    let queue = small().max_messages(1).create_unique(name!("/rawipc-test-")).unwrap();
    queue.send(b"full", Priority::MIN).unwrap();
    queue
}

fn a_handler_interrupts_every_way_to_send() {
    let queue = full_queue();
    for way in WAYS {
        let error = interrupted(|| match way() {
            (Some(timeout), _) => queue.send_timeout(b"x", Priority::MAX, timeout),
            (_, Some(deadline)) => queue.send_deadline(b"x", Priority::MAX, deadline),
            _ => queue.send(b"x", Priority::MAX),
        });
        let part = "interrupted by a signal handler (EINTR)";
        assert_error(error, ErrorKind::Interrupted, Errno::INTR, Operation::Send, part);
    }
    assert_eq!(queue.receive(&mut [0; 64]).unwrap().payload(), b"full");
    assert!(queue.is_empty().unwrap());
}

fn a_handler_with_sa_restart_does_not_interrupt_receive() {
    install_handlers();
    let queue = small_queue();
    thread::scope(|scope| {
        let waiter = Waiter::start(scope, || queue.receive(&mut [0; 64]).map(|message| message.payload().to_vec()));
        let before = HANDLED.load(SeqCst);
        signal(waiter.tid, RESTARTING);
        wait_until("the handler has run and the call waits again", || {
            HANDLED.load(SeqCst) > before && waiter.is_blocked()
        });
        queue.send(b"after the signal", Priority::MIN).unwrap();
        assert_eq!(waiter.join().unwrap(), b"after the signal");
    });
}

fn retrying_goes_on_until_a_message_comes() {
    install_handlers();
    let (queue, calls) = (small_queue(), AtomicU32::new(0));
    thread::scope(|scope| {
        let waiter = Waiter::start(scope, || {
            retry_on_interrupt!({
                calls.fetch_add(1, SeqCst);
                queue.receive(&mut [0; 64]).map(|message| message.payload().len())
            })
        });
        for round in 1..=3 {
            signal(waiter.tid, INTERRUPTING);
            wait_until("the call is made again", || calls.load(SeqCst) > round && waiter.is_blocked());
        }
        queue.send(b"four", Priority::MIN).unwrap();
        assert_eq!(waiter.join(), Ok(4));
    });
    assert_eq!(calls.load(SeqCst), 4);
}

/// A wait that began anew after each signal would not end while signals go on.
fn retrying_with_a_deadline_does_not_drift() {
    install_handlers();
    for deadline in [Deadline::after, Deadline::realtime_after] {
        with_enough_time(Duration::from_millis(150), |wait| {
            let start = Instant::now();
            let interruptions = interruptions_until(deadline(wait));
            assert!(start.elapsed() >= wait, "the wait ended early");
            interruptions > 1
        });
    }
}

/// Interrupts a wait again and again until its deadline ends it; how often.
fn interruptions_until(deadline: Deadline) -> u32 {
    let (queue, mut signals) = (small_queue(), 0);
    thread::scope(|scope| {
        let waiter = Waiter::start_free(scope, || {
            retry_on_interrupt!(queue.receive_deadline(&mut [0; 64], deadline).map(drop)).unwrap_err()
        });
        wait_until("the deadline ends the wait", || {
            if waiter.is_blocked() {
                // It may end in this moment; then the signal finds no thread, and nothing is lost.
                // SAFETY: takes numbers only; the signal has a handler.
                unsafe { libc::syscall(libc::SYS_tgkill, std::process::id() as i32, waiter.tid, INTERRUPTING) };
                signals += 1;
            }
            waiter.is_finished()
        });
        assert_eq!(waiter.join().kind(), ErrorKind::TimedOut);
        assert!(deadline.has_passed());
    });
    signals
}

fn retrying_returns_other_errors() {
    let queue = small_queue();
    let error = retry_on_interrupt!(queue.try_receive(&mut [0; 64]).map(drop)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}
