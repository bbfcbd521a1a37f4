//! A thread whose system calls can be made to fail, one at a time.
//!
//! The kernel asks a second thread of the same process about each call of the first (`SECCOMP_RET_USER_NOTIF`). That
//! one lets it go on, or answers it with an errno. No register is touched, so it is the same on every architecture,
//! and the library needs no hook.

use std::mem::zeroed;
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use rawipc::Errno;
use rustix::fd::AsRawFd;
use rustix::thread::gettid;

use super::Lacking;
use super::waiting::wait_until;

/// A system call that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    pub number: libc::c_long,
    pub arguments: [u64; 6],
}

/// What a call is answered with: an errno, or nothing to let the kernel do it. It is told how many calls came before.
pub type Answer = Box<dyn FnMut(usize, &Call) -> Option<Errno> + Send>;

type Work = Box<dyn FnOnce() + Send>;

/// A piece of work that is being watched.
struct Watch {
    answer: Answer,
    calls: Vec<Call>,
}

/// The thread, and what is known of its calls.
pub struct Subject {
    work: Sender<Work>,
    done: Receiver<()>,
    watch: Arc<Mutex<Option<Watch>>>,
}

impl Subject {
    /// Starts both threads.
    pub fn start() -> Result<Self, Lacking> {
        let (work, jobs) = channel::<Work>();
        let (tell, done) = channel();
        let watch = Arc::new(Mutex::new(None));
        let numbers = Arc::new([AtomicI32::new(0), AtomicI32::new(0)]);
        let told = Arc::clone(&numbers);
        thread::spawn(move || {
            told[0].store(gettid().as_raw_nonzero().get(), SeqCst);
            // The filter is this thread's alone, for as long as it lives. No call can wake the starter before somebody
            // answers, so it looks at the number.
            told[1].store(ask_about_calls(), SeqCst);
            for job in jobs {
                job();
                tell.send(()).expect("the starter waits");
            }
        });
        wait_until("there is a filter", || numbers[1].load(SeqCst) != 0);
        let [thread, listener] = [0, 1].map(|index| numbers[index].load(SeqCst));
        if listener < 0 {
            return Err(Lacking("seccomp's user notification".into()));
        }
        // SAFETY: the kernel has just made this descriptor.
        let listener = unsafe { OwnedFd::from_raw_fd(listener) };
        let watched = Arc::clone(&watch);
        thread::spawn(move || answer_calls(&listener, thread, &watched));
        Ok(Self { work, done, watch })
    }

    /// Does `act` in the thread; returns what it returns and the calls that it made.
    pub fn run<T: Send + 'static>(&self, answer: Answer, act: impl FnOnce() -> T + Send + 'static) -> (T, Vec<Call>) {
        let (result, taken) = channel();
        let watch = Arc::clone(&self.watch);
        let job = move || {
            *watch.lock().expect("no thread panics with it") = Some(Watch { answer, calls: Vec::new() });
            let acted = act();
            let watched = watch.lock().expect("no thread panics with it").take();
            result.send((acted, watched.expect("it was just there").calls)).expect("the starter waits");
        };
        self.work.send(Box::new(job)).expect("the thread runs");
        self.done.recv().expect("the thread has not panicked");
        taken.recv().expect("the work is done")
    }
}

/// Makes the kernel ask about the calls of this thread; the descriptor that it asks by, or -1.
fn ask_about_calls() -> i32 {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let mut program = [statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_USER_NOTIF)];
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: takes numbers only.
    unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    let (operation, flags) = (libc::SECCOMP_SET_MODE_FILTER, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER);
    // SAFETY: the filter points to a program that lives until the end of the call.
    unsafe { libc::syscall(libc::SYS_seccomp, operation, flags, &raw const filter) as i32 }
}

/// `_IOWR('!', 0, struct seccomp_notif)` and `_IOWR('!', 1, struct seccomp_notif_resp)`.
const RECEIVE: u32 = 0xc050_2100;
const SEND: u32 = 0xc018_2101;

fn answer_calls(listener: &OwnedFd, thread: i32, watch: &Mutex<Option<Watch>>) {
    loop {
        // SAFETY: numbers only, for which zeros are values.
        let mut asked: libc::seccomp_notif = unsafe { zeroed() };
        // SAFETY: the kernel fills in the question, which is as long as it thinks.
        if unsafe { libc::ioctl(listener.as_raw_fd(), RECEIVE as _, &raw mut asked) } < 0 {
            // The thread was interrupted, or is gone.
            continue;
        }
        let call = Call { number: asked.data.nr.into(), arguments: asked.data.args };
        let errno = if asked.pid == thread as u32 { errno_for(watch, call) } else { None };
        let answer = libc::seccomp_notif_resp {
            id: asked.id,
            val: 0,
            error: errno.map_or(0, |errno| -errno.raw_os_error()),
            flags: if errno.is_some() { 0 } else { libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32 },
        };
        // SAFETY: the kernel only reads the answer.
        unsafe { libc::ioctl(listener.as_raw_fd(), SEND as _, &raw const answer) };
    }
}

fn errno_for(watch: &Mutex<Option<Watch>>, call: Call) -> Option<Errno> {
    // The thread holds the lock only before and after what is watched; those calls are none of it.
    let mut watch = watch.try_lock().ok()?;
    let watch = watch.as_mut()?;
    let errno = (watch.answer)(watch.calls.len(), &call);
    watch.calls.push(call);
    if errno.is_some() && call.number == libc::SYS_close {
        // Linux closes the descriptor whatever it answers.
        // SAFETY: the descriptor is what the thread gives up.
        unsafe { libc::close(call.arguments[0] as i32) };
    }
    errno
}
