//! Waiting for a notification: the four ways, both clocks, signals, and an epoll loop.

use std::mem::zeroed;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::process::id;
use std::ptr::null_mut;
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use rawipc::error::Operation;
use rawipc::mqueue::Notified;
use rawipc::time::Time;
use rawipc::{Deadline, Errno, ErrorKind, MessageQueue, NotificationSocket, Result, retry_on_interrupt};
use rustix::event::{Timespec, epoll};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime};

use crate::harness::queues::assert_error;
use crate::harness::small_queue;
use crate::harness::waiting::{PATIENCE, Waiter, wait_until};
use crate::notify::support::{SIGNAL, send, sleeps_in, take};

crate::tests!(
    an_expired_time_limit_looks_once,
    a_short_time_limit_ends_the_wait,
    each_way_of_waiting_ends_with_the_message,
    waiting_for_ever_ends_with_a_removal;
    alone: a_handler_interrupts_each_way_of_waiting,
    an_epoll_loop_has_it_beside_a_queue_a_timer_and_signals
);

type Socket<'queue> = NotificationSocket<&'queue MessageQueue>;
type Wait = fn(&mut Socket<'_>) -> Result<Notified>;

/// All that may sleep in a wait.
const CALLS: [libc::c_long; 3] = [libc::SYS_recvfrom, libc::SYS_ppoll, 414];

const WAITS: [Wait; 4] = [
    |socket| socket.wait(),
    |socket| socket.wait_timeout(PATIENCE),
    |socket| socket.wait_deadline(Deadline::after(PATIENCE)),
    |socket| socket.wait_deadline(Deadline::realtime_after(PATIENCE)),
];

fn an_expired_time_limit_looks_once() {
    let queue = small_queue();
    let mut socket = NotificationSocket::new(&queue).unwrap();
    socket.arm().unwrap();
    let past = [Deadline::Monotonic(Time::ZERO), Deadline::Realtime(Time::new(-5, 0).unwrap())];
    for deadline in past {
        let error = socket.wait_deadline(deadline).unwrap_err();
        assert_error(error, ErrorKind::TimedOut, Errno::TIMEDOUT, Operation::AwaitNotification, "timed out");
    }
    assert_eq!(socket.wait_timeout(Duration::ZERO).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(socket.try_wait().unwrap_err().kind(), ErrorKind::WouldBlock);
    for deadline in past {
        send(&queue, b"message");
        assert_eq!(socket.wait_deadline(deadline), Ok(Notified::Arrived));
        take(&queue);
        socket.arm().unwrap();
    }
}

fn a_short_time_limit_ends_the_wait() {
    const SHORT: Duration = Duration::from_millis(20);
    let queue = small_queue();
    let mut socket = NotificationSocket::new(&queue).unwrap();
    socket.arm().unwrap();
    let waits: [Wait; 3] = [
        |socket| socket.wait_timeout(SHORT),
        |socket| socket.wait_deadline(Deadline::after(SHORT)),
        |socket| socket.wait_deadline(Deadline::realtime_after(SHORT)),
    ];
    for wait in waits {
        let start = Instant::now();
        assert_eq!(wait(&mut socket).unwrap_err().kind(), ErrorKind::TimedOut);
        // Not before its time; the wall clock may be set by a millisecond meanwhile.
        assert!(start.elapsed() >= SHORT - Duration::from_millis(1), "{:?}", start.elapsed());
        assert!(socket.is_armed(), "timed out, not the registration");
    }
    send(&queue, b"message");
    assert_eq!(socket.wait_timeout(SHORT), Ok(Notified::Arrived));
}

/// Starts a wait in a thread and returns when it sleeps.
fn start_wait<'scope>(
    scope: &'scope Scope<'scope, '_>,
    socket: &'scope mut Socket<'_>,
    wait: Wait,
) -> Waiter<'scope, Result<Notified>> {
    let waiter = Waiter::start_free(scope, move || wait(socket));
    wait_until("the wait sleeps", || sleeps_in(id(), waiter.tid, &CALLS));
    assert!(!waiter.is_finished());
    waiter
}

fn each_way_of_waiting_ends_with_the_message() {
    let queue = small_queue();
    for wait in WAITS {
        let mut socket = NotificationSocket::new(&queue).unwrap();
        socket.arm().unwrap();
        thread::scope(|scope| {
            let waiter = start_wait(scope, &mut socket, wait);
            send(&queue, b"message");
            assert_eq!(waiter.join(), Ok(Notified::Arrived));
        });
        take(&queue);
    }
}

fn waiting_for_ever_ends_with_a_removal() {
    let queue = small_queue();
    for wait in WAITS {
        let mut socket = NotificationSocket::new(&queue).unwrap();
        socket.arm().unwrap();
        thread::scope(|scope| {
            let waiter = start_wait(scope, &mut socket, wait);
            drop(queue.try_clone().unwrap());
            assert_eq!(waiter.join(), Ok(Notified::Removed));
        });
    }
}

extern "C" fn ignore(_: libc::c_int) {}

fn install(flags: libc::c_int) {
    // SAFETY: all zero is an action with an empty mask and no flags.
    let mut action: libc::sigaction = unsafe { zeroed() };
    action.sa_sigaction = ignore as extern "C" fn(_) as usize;
    action.sa_flags = flags;
    // SAFETY: the handler does nothing.
    assert_eq!(unsafe { libc::sigaction(SIGNAL, &action, null_mut()) }, 0);
}

fn signal_thread(tid: i32) {
    let numbers = (libc::c_long::from(id() as i32), libc::c_long::from(tid), libc::c_long::from(SIGNAL));
    // SAFETY: takes numbers only.
    assert_eq!(unsafe { libc::syscall(libc::SYS_tgkill, numbers.0, numbers.1, numbers.2) }, 0);
}

fn a_handler_interrupts_each_way_of_waiting() {
    install(0);
    let queue = small_queue();
    for wait in WAITS {
        let mut socket = NotificationSocket::new(&queue).unwrap();
        socket.arm().unwrap();
        thread::scope(|scope| {
            let waiter = start_wait(scope, &mut socket, wait);
            signal_thread(waiter.tid);
            let error = waiter.join().unwrap_err();
            let operation = Operation::AwaitNotification;
            assert_error(error, ErrorKind::Interrupted, Errno::INTR, operation, "interrupted by a signal handler");
        });
        // Nothing was lost by it, and `retry_on_interrupt` goes on.
        thread::scope(|scope| {
            let waiter = start_wait(scope, &mut socket, |socket| retry_on_interrupt!(socket.wait()));
            signal_thread(waiter.tid);
            send(&queue, b"message");
            assert_eq!(waiter.join(), Ok(Notified::Arrived));
        });
        take(&queue);
    }
    // With SA_RESTART the wait without a limit goes on by itself.
    install(libc::SA_RESTART);
    let mut socket = NotificationSocket::new(&queue).unwrap();
    socket.arm().unwrap();
    thread::scope(|scope| {
        let waiter = start_wait(scope, &mut socket, |socket| socket.wait());
        signal_thread(waiter.tid);
        send(&queue, b"message");
        assert_eq!(waiter.join(), Ok(Notified::Arrived));
    });
}

/// A signalfd for `SIGNAL`, which is blocked.
fn signals() -> OwnedFd {
    // SAFETY: all zero is the empty set.
    let mut set: libc::sigset_t = unsafe { zeroed() };
    // SAFETY: the signal is one.
    unsafe { libc::sigaddset(&mut set, SIGNAL) };
    // SAFETY: only blocks a signal.
    assert_eq!(unsafe { libc::sigprocmask(libc::SIG_BLOCK, &set, null_mut()) }, 0);
    // SAFETY: the set is initialized.
    let descriptor = unsafe { libc::signalfd(-1, &set, libc::SFD_CLOEXEC) };
    assert!(descriptor >= 0);
    // SAFETY: the kernel has just made it.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}

fn ready(loop_: impl AsFd) -> Vec<u64> {
    let mut events = [epoll::Event { flags: epoll::EventFlags::empty(), data: epoll::EventData::new_u64(0) }; 8];
    let limit = Timespec { tv_sec: PATIENCE.as_secs() as _, tv_nsec: 0 };
    let count = epoll::wait(loop_, &mut events, Some(&limit)).unwrap();
    assert!(count > 0, "nothing came");
    let mut ready: Vec<u64> = events[..count].iter().map(|event| event.data.u64()).collect();
    ready.sort_unstable();
    ready
}

fn an_epoll_loop_has_it_beside_a_queue_a_timer_and_signals() {
    let (plain, notified) = (small_queue(), small_queue());
    let mut socket = NotificationSocket::new(&notified).unwrap();
    let (timer, signals) = (timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC).unwrap(), signals());
    let loop_ = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    for (number, descriptor) in (0..).zip([plain.as_fd(), socket.as_fd(), timer.as_fd(), signals.as_fd()]) {
        epoll::add(&loop_, descriptor, epoll::EventData::new_u64(number), epoll::EventFlags::IN).unwrap();
    }
    socket.arm().unwrap();
    send(&plain, b"plain");
    assert_eq!(ready(&loop_), [0]);
    send(&notified, b"first");
    assert_eq!(ready(&loop_), [0, 1]);
    assert_eq!((take(&plain), socket.try_wait()), (b"plain".to_vec(), Ok(Notified::Arrived)));
    // The second queue has a message, but only its next arrival in the empty queue is news.
    let soon = Timespec { tv_sec: 0, tv_nsec: 1 };
    let never = Timespec { tv_sec: 0, tv_nsec: 0 };
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: never, it_value: soon }).unwrap();
    assert_eq!(ready(&loop_), [2]);
    rustix::io::read(&timer, &mut [0; 8]).unwrap();
    socket.arm().unwrap();
    take(&notified);
    signal_thread(id() as i32);
    assert_eq!(ready(&loop_), [3]);
    rustix::io::read(&signals, &mut [0; 128]).unwrap();
    send(&notified, b"second");
    assert_eq!(ready(&loop_), [1]);
    assert_eq!(socket.try_wait(), Ok(Notified::Arrived));
}
