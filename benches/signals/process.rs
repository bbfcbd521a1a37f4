//! Processes that wait, each with a timer whose handler is to interrupt it.

use std::collections::VecDeque;
use std::ffi::c_int;
use std::io::{Error, ErrorKind, Result};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use rawipc::time::{Clock, Time};
use rawipc::{Mapping, SharedMemory};

use crate::subject::{Kind, Subject};

/// How many processes there are at a time. They sleep; each works for some microseconds for each sleep.
const AT_ONCE: usize = 100;

/// Between two starts, so that their timers do not fire together.
const PACE: Duration = Duration::from_millis(1);

/// A wait that goes on for so long after the handler has run is not interrupted.
const LOST: Duration = Duration::from_secs(3);

/// After so long a wait that the handler is not to end has gone on.
const GOES_ON: Duration = Duration::from_millis(100);

/// What a handler is installed for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Handler {
    /// It interrupts the wait.
    Interrupts,
    /// With SA_RESTART: the wait goes on, until what is waited for is there.
    Restarts,
}

/// What became of the processes of one kind.
#[derive(Default)]
pub struct Tally {
    /// When the handlers ran that the wait did not end for, or with SA_RESTART did end for: since the start.
    pub lost: Vec<Duration>,
    /// How many handlers ran too early, before their wait slept for the first time. They interrupt nothing in C either,
    /// and do not count.
    pub early: usize,
}

/// When a process's handler ran, by the monotonic clock, and whether it had slept before.
#[derive(Clone, Copy)]
struct Note(u64);

impl Note {
    fn time(self) -> Option<Duration> {
        (self.0 > 0).then(|| Duration::from_nanos(self.0 >> 1))
    }

    fn has_slept(self) -> bool {
        self.0 & 1 > 0
    }
}

/// A process that waits.
struct Running {
    child: Child,
    offset: Duration,
    started: Duration,
    subject: Subject,
    /// Since when there has been what it waits for.
    ended: Option<Duration>,
}

enum Outcome {
    Waits,
    Right,
    Lost,
    Early,
}

/// Takes an IPC namespace of its own, where that is allowed: others may have as many queues as there can be.
pub fn leave_namespace() {
    // SAFETY: it changes only which queues this process can open from now on.
    unsafe { libc::unshare(libc::CLONE_NEWIPC) };
}

/// How a process ends.
const INTERRUPTED: i32 = 10;
const ENDED: i32 = 11;

/// Lets a process wait for each of these times from its start to its timer.
pub fn run(kind: &Kind, handler: Handler, offsets: Vec<Duration>) -> Result<Tally> {
    let notes = notes()?;
    let mut places = [const { None }; AT_ONCE];
    let (mut left, mut tally) = (VecDeque::from(offsets), Tally::default());
    while !left.is_empty() || places.iter().any(Option::is_some) {
        if let Some(free) = places.iter().position(Option::is_none) {
            let offset = left.pop_front();
            places[free] = offset.map(|offset| Running::start(kind, handler, offset, &notes[free])).transpose()?;
        }
        thread::park_timeout(PACE);
        for (place, note) in places.iter_mut().zip(notes) {
            let Some(running) = place else { continue };
            match running.look(handler, Note(note.load(Relaxed)))? {
                Outcome::Waits => continue,
                Outcome::Right => {}
                Outcome::Lost => tally.lost.push(running.offset),
                Outcome::Early => {
                    tally.early += 1;
                    left.push_back(running.offset);
                }
            }
            *place = None;
        }
    }
    Ok(tally)
}

/// Memory that processes write to and their parent reads.
fn notes() -> Result<&'static [AtomicU64]> {
    static MEMORY: OnceLock<Mapping> = OnceLock::new();
    let memory = SharedMemory::anonymous((AT_ONCE * size_of::<u64>()) as u64).create()?.map()?;
    Ok(MEMORY.get_or_init(|| memory).slice(0, AT_ONCE)?)
}

impl Running {
    fn start(kind: &Kind, handler: Handler, offset: Duration, note: &'static AtomicU64) -> Result<Self> {
        note.store(0, Relaxed);
        let (subject, started) = ((kind.subject)()?, now());
        let child = Child::fork(|| wait_in_child(&subject, handler, offset, note))?;
        Ok(Self { child, offset, started, subject, ended: None })
    }

    /// Looks how it stands, and ends it if that is decided.
    fn look(&mut self, handler: Handler, note: Note) -> Result<Outcome> {
        let now = now();
        let fired = note.time();
        // Before its timer there is nothing to see, unless it fails.
        if fired.is_some() || now > self.started + self.offset + LOST {
            match (self.child.exit_code()?, handler) {
                (None, _) => {}
                (Some(INTERRUPTED), Handler::Interrupts) => return Ok(Outcome::Right),
                (Some(ENDED), Handler::Restarts) if self.ended.is_some() => return Ok(Outcome::Right),
                (Some(INTERRUPTED), Handler::Restarts) => return Ok(Outcome::Lost),
                (Some(code), _) => return Err(Error::other(format!("a process ends with {code}"))),
            }
        }
        let Some(fired) = fired else { return Ok(Outcome::Waits) };
        match (handler, self.ended) {
            (Handler::Interrupts, _) if now > fired + LOST => {
                self.child.kill()?;
                Ok(if note.has_slept() { Outcome::Lost } else { Outcome::Early })
            }
            (Handler::Restarts, None) if now > fired + GOES_ON => {
                self.subject.end_wait()?;
                self.ended = Some(now);
                Ok(Outcome::Waits)
            }
            (Handler::Restarts, Some(ended)) if now > ended + LOST => {
                self.child.kill()?;
                Ok(Outcome::Lost)
            }
            _ => Ok(Outcome::Waits),
        }
    }
}

/// What the handler of this process writes to.
static NOTE: OnceLock<&AtomicU64> = OnceLock::new();

/// How often this process had slept when it set its timer.
static SLEEPS: AtomicI64 = AtomicI64::new(0);

fn wait_in_child(subject: &Subject, handler: Handler, offset: Duration, note: &'static AtomicU64) -> i32 {
    NOTE.get_or_init(|| note);
    subject.prepare();
    handle(handler);
    SLEEPS.store(sleeps(), Relaxed);
    set_timer(offset);
    match subject.wait() {
        Ok(()) => ENDED,
        Err(error) if error.kind() == ErrorKind::Interrupted => INTERRUPTED,
        Err(error) => panic!("a wait fails: {error}"),
    }
}

/// The handler: notes when it ran, and whether the process had slept since it set its timer.
extern "C" fn take_note(_: c_int) {
    let has_slept = sleeps() > SLEEPS.load(Relaxed);
    if let Some(note) = NOTE.get() {
        note.store((now().as_nanos() as u64) << 1 | u64::from(has_slept), Relaxed);
    }
}

fn handle(handler: Handler) {
    // SAFETY: it is made of numbers and null pointers.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = take_note as extern "C" fn(c_int) as usize;
    action.sa_flags = if handler == Handler::Restarts { libc::SA_RESTART } else { 0 };
    // SAFETY: the handler makes system calls and stores a number; both may be done at any time.
    assert_eq!(unsafe { libc::sigaction(libc::SIGALRM, &raw const action, ptr::null_mut()) }, 0);
}

fn set_timer(offset: Duration) {
    let value = libc::timeval { tv_sec: offset.as_secs() as _, tv_usec: offset.subsec_micros() as _ };
    let timer = libc::itimerval { it_interval: libc::timeval { tv_sec: 0, tv_usec: 0 }, it_value: value };
    // SAFETY: it is a whole timer.
    assert_eq!(unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, ptr::null_mut()) }, 0);
}

/// How often this process has slept: given up a processor for something to wait for.
fn sleeps() -> i64 {
    // SAFETY: it is made of numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: there is room for what it writes.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    usage.ru_nvcsw as _
}

fn now() -> Duration {
    let time = Time::now(Clock::Monotonic);
    Duration::new(time.seconds() as u64, time.nanoseconds())
}

/// Processes that keep each processor busy until they are dropped.
pub struct Load(Vec<Child>);

impl Load {
    pub fn start() -> Result<Self> {
        let busy = || loop {
            std::hint::spin_loop();
        };
        (0..thread::available_parallelism()?.get()).map(|_| Child::fork(busy)).collect::<Result<_>>().map(Self)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.iter().for_each(|child| child.kill().expect("it is a child"));
    }
}

/// A forked process, which never outlives its parent.
struct Child(libc::pid_t);

impl Child {
    /// Forks a process that ends with the code that `work` returns.
    fn fork(work: impl FnOnce() -> i32) -> Result<Self> {
        // SAFETY: this program has one thread.
        match unsafe { libc::fork() } {
            -1 => Err(Error::last_os_error()),
            0 => {
                // SAFETY: it only says by which signal the process is to end.
                unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
                let code = work();
                // SAFETY: the process ends without running what the parent registered.
                unsafe { libc::_exit(code) }
            }
            pid => Ok(Self(pid)),
        }
    }

    /// The code that it has ended with, if it has.
    fn exit_code(&self) -> Result<Option<i32>> {
        self.await_end(libc::WNOHANG).map(|end| {
            end.map(|status| if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -libc::WTERMSIG(status) })
        })
    }

    /// Ends it by force.
    fn kill(&self) -> Result<()> {
        // SAFETY: it is a child that has not been waited for.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
        self.await_end(0).map(drop)
    }

    fn await_end(&self, options: c_int) -> Result<Option<c_int>> {
        let mut status = 0;
        // SAFETY: there is room for what it writes.
        match unsafe { libc::waitpid(self.0, &raw mut status, options) } {
            -1 => Err(Error::last_os_error()),
            0 => Ok(None),
            _ => Ok(Some(status)),
        }
    }
}
