//! Waiting for what can be observed, never just for time to pass; and threads that wait.

use std::fs;
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use rawipc::MessageQueue;
use rustix::thread::gettid;

/// Far more than anything observable takes, also on a machine that is busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a condition holds; panics if it does not come to hold.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        pause();
    }
}

/// A moment between two looks at a condition; whoever looks has a bound of its own.
pub fn pause() {
    thread::sleep(Duration::from_micros(100));
}

/// Tries with a longer and longer time, until it says that this was enough: on a busy machine a short one may be over
/// before anything has happened in it.
#[track_caller]
pub fn with_enough_time(first: Duration, mut attempt: impl FnMut(Duration) -> bool) {
    let mut time = first;
    while !attempt(time) {
        time *= 2;
        assert!(time < PATIENCE, "no time is enough");
    }
}

/// Waits until a queue holds so many messages.
#[track_caller]
pub fn wait_for_length(queue: &MessageQueue, length: usize) {
    wait_until("the queue has its length", || queue.len().unwrap() == length);
}

/// Waits until a thread of a process sleeps in a call of a message queue, in `poll`, or on a futex.
#[track_caller]
pub fn wait_until_blocked(pid: i32, tid: i32) {
    wait_until("a call blocks", || is_blocked(pid, tid));
}

/// Numbers that are the same on all architectures: ppoll, mq_timedsend, mq_timedreceive and futex with 64-bit times.
const TIME64: [libc::c_long; 4] = [414, 418, 419, 422];

/// Whether it does so now.
pub fn is_blocked(pid: i32, tid: i32) -> bool {
    let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/task/{tid}/{file}")).unwrap_or_default();
    // `PID (NAME) STATE …`; the names of tests have no parentheses at their ends.
    let sleeps = read("stat").rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'));
    if !sleeps || !kernel_tells_calls() {
        return sleeps;
    }
    let call = read("syscall").split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(-1);
    let natives = [libc::SYS_mq_timedsend, libc::SYS_mq_timedreceive, libc::SYS_ppoll, libc::SYS_futex];
    natives.contains(&call) || TIME64.contains(&call)
}

/// Whether `/proc` knows what we call by the numbers we use: not so in an emulator, nor where the file is not readable.
fn kernel_tells_calls() -> bool {
    let own = fs::read_to_string("/proc/thread-self/syscall").unwrap_or_default();
    own.split(' ').next() == Some(libc::SYS_read.to_string().as_str())
}

/// A thread that waits in a call.
pub struct Waiter<'scope, T> {
    thread: ScopedJoinHandle<'scope, T>,
    pub tid: i32,
}

impl<'scope, T: Send + 'scope> Waiter<'scope, T> {
    /// Starts `work` in a thread and returns when that thread sleeps in a queue's call.
    #[track_caller]
    pub fn start<'env>(scope: &'scope Scope<'scope, 'env>, work: impl FnOnce() -> T + Send + 'scope) -> Self {
        let waiter = Self::start_free(scope, work);
        wait_until("a thread waits", || waiter.is_finished() || waiter.is_blocked());
        assert!(!waiter.is_finished(), "the call has not waited");
        waiter
    }

    /// Starts `work` in a thread, whatever it does first.
    pub fn start_free<'env>(scope: &'scope Scope<'scope, 'env>, work: impl FnOnce() -> T + Send + 'scope) -> Self {
        let number: &AtomicI32 = Box::leak(Box::new(AtomicI32::new(0)));
        let thread = scope.spawn(move || {
            number.store(gettid().as_raw_nonzero().get(), SeqCst);
            work()
        });
        wait_until("the thread runs", || number.load(SeqCst) != 0);
        Self { thread, tid: number.load(SeqCst) }
    }

    pub fn is_blocked(&self) -> bool {
        is_blocked(std::process::id() as i32, self.tid)
    }

    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for its end.
    pub fn join(self) -> T {
        wait_until("a thread ends", || self.thread.is_finished());
        self.thread.join().expect("the thread has not panicked")
    }
}
