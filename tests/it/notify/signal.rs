//! Notification by a signal, seen by a handler and by a signalfd.

use std::mem::{MaybeUninit, zeroed};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicUsize, Ordering::SeqCst};

use rawipc::mqueue::{Delivery, Notify, PORTABLE_REALTIME_SIGNALS, SI_MESGQ};
use rawipc::{MessageQueue, name};

use crate::harness::waiting::wait_until;
use crate::harness::{name_of, small, small_queue};
use crate::notify::support::{Registrant, SIGNAL, own, send, slot, take};

// Signals belong to the whole process, so each of these tests has one for itself.
crate::tests!(
    ;
    alone: a_handler_learns_the_code_the_value_and_the_sender,
    a_signalfd_tells_the_same,
    a_signal_comes_once_for_a_registration,
    realtime_signals_of_several_queues_queue_up,
    a_registered_signal_ends_a_process_that_has_no_handler
);

static SEEN: AtomicU32 = AtomicU32::new(0);
static CODE: AtomicI64 = AtomicI64::new(0);
static VALUE: AtomicUsize = AtomicUsize::new(0);
static PID: AtomicI64 = AtomicI64::new(0);
static UID: AtomicI64 = AtomicI64::new(0);

extern "C" fn handle(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes a whole `siginfo_t`.
    let info = unsafe { &*info };
    CODE.store(info.si_code.into(), SeqCst);
    // SAFETY: a signal of a message queue has a value.
    VALUE.store(unsafe { info.si_value() }.sival_ptr.addr(), SeqCst);
    // SAFETY: it has its sender's process.
    PID.store(unsafe { info.si_pid() }.into(), SeqCst);
    // SAFETY: it has its sender's user.
    UID.store(unsafe { info.si_uid() }.into(), SeqCst);
    SEEN.fetch_add(1, SeqCst);
}

fn install(signal: i32) {
    // SAFETY: all zero is an action with an empty mask and no flags.
    let mut action: libc::sigaction = unsafe { zeroed() };
    action.sa_sigaction = handle as extern "C" fn(_, _, _) as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
    // SAFETY: the handler only stores into atomics.
    assert_eq!(unsafe { libc::sigaction(signal, &action, null_mut()) }, 0);
}

/// Blocks a signal; the set that has it.
fn block(signal: i32) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: initializes the set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: the set is initialized.
    let mut set = unsafe { set.assume_init() };
    // SAFETY: the signal is one.
    unsafe { libc::sigaddset(&mut set, signal) };
    // SAFETY: only blocks a signal.
    assert_eq!(unsafe { libc::sigprocmask(libc::SIG_BLOCK, &set, null_mut()) }, 0);
    set
}

/// A user for the sender who is another one if that can be had, and a queue that it may use.
fn queue_and_sender() -> (MessageQueue, Registrant, u32) {
    let queue = small().exact_mode(0o666).create_unique(name!("/rawipc-test-")).unwrap();
    let is_root = rustix::process::geteuid().is_root();
    let user = if is_root { 65_534 } else { rustix::process::getuid().as_raw() };
    let sender = Registrant::start_as(name_of(&queue), |command| if is_root { command.uid(user) } else { command });
    (queue, sender, user)
}

fn a_handler_learns_the_code_the_value_and_the_sender() {
    install(SIGNAL);
    let (queue, mut sender, user) = queue_and_sender();
    for value in [usize::MAX, 0, 0x1234_5678] {
        queue.notify(Notify::Signal { number: SIGNAL, value }).unwrap();
        assert_eq!(slot(&queue), own(Delivery::Signal(SIGNAL)));
        let before = SEEN.load(SeqCst);
        assert_eq!(sender.ask("send"), "()");
        wait_until("the handler has run", || SEEN.load(SeqCst) > before);
        assert_eq!(CODE.load(SeqCst), SI_MESGQ.into());
        assert_eq!(VALUE.load(SeqCst), value);
        assert_eq!((PID.load(SeqCst), UID.load(SeqCst)), (sender.pid().into(), user.into()));
        assert_eq!(take(&queue), b"from the peer");
    }
    // This process can be the sender too.
    queue.notify(Notify::Signal { number: libc::SIGUSR1, value: 1 }).unwrap();
    install(libc::SIGUSR1);
    send(&queue, b"to myself");
    wait_until("the handler has run", || SEEN.load(SeqCst) == 4);
    assert_eq!((PID.load(SeqCst), VALUE.load(SeqCst)), (std::process::id().into(), 1));
    sender.end();
}

/// A nonblocking signalfd for a signal, which is blocked.
fn signalfd(signal: i32) -> OwnedFd {
    let set = block(signal);
    // SAFETY: the set is initialized.
    let descriptor = unsafe { libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
    assert!(descriptor >= 0);
    // SAFETY: the kernel has just made it.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}

/// The next signal of a signalfd, if there is one.
fn read_signal(descriptor: impl AsFd) -> Option<libc::signalfd_siginfo> {
    let mut info: MaybeUninit<libc::signalfd_siginfo> = MaybeUninit::uninit();
    let size = size_of_val(&info);
    // SAFETY: there is room for one.
    let length = unsafe { libc::read(descriptor.as_fd().as_raw_fd(), info.as_mut_ptr().cast(), size) };
    // SAFETY: the kernel writes whole ones.
    (length == size as isize).then(|| unsafe { info.assume_init() })
}

fn a_signalfd_tells_the_same() {
    let signals = signalfd(SIGNAL);
    let (queue, mut sender, user) = queue_and_sender();
    let value = 0x0123_4567_usize;
    queue.notify(Notify::Signal { number: SIGNAL, value }).unwrap();
    assert!(read_signal(&signals).is_none());
    assert_eq!(sender.ask("send"), "()");
    let info = read_signal(&signals).expect("the signal is pending when the sender's call has returned");
    assert_eq!((info.ssi_signo, info.ssi_code), (SIGNAL as u32, SI_MESGQ));
    assert_eq!((info.ssi_ptr, info.ssi_int), (value as u64, value as i32));
    assert_eq!((info.ssi_pid, info.ssi_uid), (sender.pid(), user));
    assert!(read_signal(&signals).is_none());
    sender.end();
}

fn a_signal_comes_once_for_a_registration() {
    let signals = signalfd(SIGNAL);
    let queue = small_queue();
    queue.notify(Notify::Signal { number: SIGNAL, value: 5 }).unwrap();
    send(&queue, b"first");
    send(&queue, b"second");
    take(&queue);
    take(&queue);
    send(&queue, b"third");
    assert_eq!(read_signal(&signals).expect("one came").ssi_ptr, 5);
    assert!(read_signal(&signals).is_none());
    // One that was cancelled does not come at all.
    take(&queue);
    queue.notify(Notify::Signal { number: SIGNAL, value: 6 }).unwrap();
    queue.cancel_notification().unwrap();
    send(&queue, b"fourth");
    assert!(read_signal(&signals).is_none());
}

fn realtime_signals_of_several_queues_queue_up() {
    let last = *PORTABLE_REALTIME_SIGNALS.end();
    let signals = signalfd(last);
    let queues = [small_queue(), small_queue(), small_queue()];
    for (value, queue) in queues.iter().enumerate() {
        queue.notify(Notify::Signal { number: last, value }).unwrap();
    }
    for queue in queues.iter().rev() {
        send(queue, b"message");
    }
    for value in [2, 1, 0] {
        assert_eq!(read_signal(&signals).expect("none is lost").ssi_ptr, value);
    }
    assert!(read_signal(&signals).is_none());
}

/// The signal goes to the process that registered, whoever sends.
fn a_registered_signal_ends_a_process_that_has_no_handler() {
    let queue = small_queue();
    let mut other_process = Registrant::start(name_of(&queue));
    assert_eq!(other_process.ask("signal"), "()");
    send(&queue, b"fatal");
    assert_eq!(other_process.ended_by(), Some(SIGNAL));
}
