//! How long it takes from a send into an empty queue until the receiver knows: by each kind of notification, rawipc's
//! beside the C library's. Sender and receiver are processes on two processors; the receiver sleeps until then.

use std::ffi::c_void;
use std::hint::spin_loop;
use std::ptr;
use std::sync::{Arc, mpsc};

use rawipc::mqueue::Notify;
use rawipc::time::{Clock, Time};
use rawipc::{MessageQueue, NotificationSocket, Priority, Semaphore, SharedMemory, WaitTuning, name};

use crate::Run;
use crate::machine::{Processors, in_child};
use crate::measure::{at, sorted};
use crate::record::Table;

/// One that no C library takes.
const SIGNAL: i32 = 35;

/// A kind: waits for so many messages, of which each is sent when it says go; the latency of each.
type Kind = fn(&Arc<MessageQueue>, &dyn Fn(), u32) -> Vec<f64>;

const KINDS: [(&str, Kind); 6] = [
    ("none: asleep in receive", receive),
    ("rawipc: signal", signal),
    ("rawipc: socket", socket),
    ("rawipc: thread", thread),
    ("glibc: signal", glibc_signal),
    ("glibc: thread", glibc_thread),
];

pub fn all(run: &mut Run) {
    let title = "From a send into the empty queue until the sleeping receiver knows, two processors: ns";
    let mut table = Table::new("notification", title, &["p50", "p99", "p99.9"]);
    if Processors::of_this_process().count() < 2 {
        KINDS.iter().for_each(|(name, _)| table.lacking(name, "there is one processor"));
        return run.keep(table);
    }
    block_signal();
    let mut times = vec![Vec::new(); KINDS.len()];
    for _ in 0..run.rounds(10) {
        for ((_, kind), times) in KINDS.iter().zip(&mut times) {
            times.extend(latencies(*kind, 200));
        }
    }
    for ((name, _), times) in KINDS.iter().zip(times) {
        let times = sorted(times);
        table.row(name, vec![at(&times, 0.5), at(&times, 0.99), at(&times, 0.999)]);
    }
    run.keep(table);
}

fn latencies(kind: Kind, count: u32) -> Vec<f64> {
    let options = MessageQueue::options().read(true).write(true).max_messages(2).max_message_size(16);
    let queue = Arc::new(options.create_unique(name!("/rawipc-bench-")).expect("it can be created"));
    // At once: a thread that waits for notifications keeps the queue for as long as the process lives.
    MessageQueue::unlink(queue.name().expect("it was opened by it")).expect("it is there");
    let memory = SharedMemory::anonymous(4096).create().and_then(|memory| memory.map()).expect("there is memory");
    let (go, processors): (&Semaphore, _) = (memory.get(0).expect("it fits"), Processors::of_this_process());
    let child = in_child(|| {
        processors.pin(1);
        for _ in 0..count {
            // Awake when it is told, and slow enough to find the receiver asleep.
            go.wait_tuned(None, WaitTuning { spin: u32::MAX, ..WaitTuning::DEFAULT }).expect("nothing interrupts");
            let told = now();
            while now() - told < 40_000 {
                spin_loop();
            }
            queue.send(&now().to_ne_bytes(), Priority::MIN).expect("there is room");
        }
    });
    processors.pin(0);
    let times = kind(&queue, &|| go.post().expect("it is far from the maximum"), count);
    processors.release();
    child.succeed();
    times
}

fn now() -> u64 {
    let now = Time::now(Clock::Monotonic);
    now.seconds() as u64 * 1_000_000_000 + u64::from(now.nanoseconds())
}

/// Takes the message that was told of; how long before it was sent.
fn take(queue: &MessageQueue, known: u64) -> f64 {
    let mut buffer = [0; 16];
    let message = queue.try_receive(&mut buffer).expect("the notification says so");
    (known - u64::from_ne_bytes(message.payload().try_into().expect("a time"))) as f64
}

fn receive(queue: &Arc<MessageQueue>, go: &dyn Fn(), count: u32) -> Vec<f64> {
    let latency = |_| {
        go();
        let mut buffer = [0; 16];
        let message = queue.receive(&mut buffer).expect("it waits");
        (now() - u64::from_ne_bytes(message.payload().try_into().expect("a time"))) as f64
    };
    (0..count).map(latency).collect()
}

fn signal_set() -> libc::sigset_t {
    // SAFETY: a set is plain numbers.
    let mut set = unsafe { std::mem::zeroed() };
    // SAFETY: a whole set.
    unsafe { libc::sigemptyset(&raw mut set) };
    // SAFETY: a whole set, and a number that is a signal.
    unsafe { libc::sigaddset(&raw mut set, SIGNAL) };
    set
}

fn block_signal() {
    // SAFETY: a whole set; the old one is not asked for.
    assert_eq!(unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &signal_set(), ptr::null_mut()) }, 0);
}

fn by_signal(queue: &MessageQueue, go: &dyn Fn(), count: u32, register: impl Fn()) -> Vec<f64> {
    let set = signal_set();
    let latency = |_| {
        register();
        go();
        // SAFETY: a whole set; the signal's information is not asked for.
        assert_eq!(unsafe { libc::sigwaitinfo(&raw const set, ptr::null_mut()) }, SIGNAL);
        take(queue, now())
    };
    (0..count).map(latency).collect()
}

fn signal(queue: &Arc<MessageQueue>, go: &dyn Fn(), count: u32) -> Vec<f64> {
    let notify = Notify::Signal { number: SIGNAL, value: 0 };
    by_signal(queue, go, count, || queue.notify(notify).expect("nobody else is registered"))
}

fn socket(queue: &Arc<MessageQueue>, go: &dyn Fn(), count: u32) -> Vec<f64> {
    let mut socket = NotificationSocket::new(&**queue).expect("it can be made");
    let latency = |_| {
        socket.arm().expect("nobody else is registered");
        go();
        socket.wait().expect("it waits");
        take(queue, now())
    };
    (0..count).map(latency).collect()
}

fn thread(queue: &Arc<MessageQueue>, go: &dyn Fn(), count: u32) -> Vec<f64> {
    let (results, found) = mpsc::channel();
    let thread = MessageQueue::notify_thread(Arc::clone(queue), move |socket| {
        let known = now();
        socket.arm().expect("nobody else is registered");
        results.send(take(socket.queue(), known)).expect("it is waited for");
    });
    let latency = |_| {
        go();
        found.recv().expect("the thread goes on")
    };
    let times = (0..count).map(latency).collect();
    thread.expect("it can be started").stop().expect("it does not panic").expect("it does not fail");
    times
}

/// `struct sigevent` of glibc, with what the crate `libc` leaves out.
#[repr(C)]
struct SignalEvent {
    value: *mut c_void,
    number: i32,
    notify: i32,
    function: Option<extern "C" fn(*mut c_void)>,
    attributes: *mut c_void,
    rest: [usize; 4],
}

fn register(queue: &MessageQueue, notify: i32, value: *mut c_void) {
    let event =
        SignalEvent { value, number: SIGNAL, notify, function: Some(told), attributes: ptr::null_mut(), rest: [0; 4] };
    let number = std::os::fd::AsRawFd::as_raw_fd(queue);
    // SAFETY: a whole `sigevent`; what `told` gets lives until the last message was told of.
    assert_eq!(unsafe { libc::mq_notify(number, (&raw const event).cast()) }, 0);
}

fn glibc_signal(queue: &Arc<MessageQueue>, go: &dyn Fn(), count: u32) -> Vec<f64> {
    by_signal(queue, go, count, || register(queue, libc::SIGEV_SIGNAL, ptr::null_mut()))
}

/// What the C library's thread is given.
struct Listener {
    queue: Arc<MessageQueue>,
    results: mpsc::Sender<f64>,
}

extern "C" fn told(listener: *mut c_void) {
    let known = now();
    // SAFETY: it is the listener that was registered, which is not dropped before this is over.
    let listener = unsafe { &*listener.cast::<Listener>() };
    let latency = take(&listener.queue, known);
    listener.results.send(latency).expect("it is waited for");
}

fn glibc_thread(queue: &Arc<MessageQueue>, go: &dyn Fn(), count: u32) -> Vec<f64> {
    let (results, found) = mpsc::channel();
    let mut listener = Box::new(Listener { queue: Arc::clone(queue), results });
    let latency = |_| {
        register(queue, libc::SIGEV_THREAD, (&raw mut *listener).cast());
        go();
        found.recv().expect("the thread goes on")
    };
    let times = (0..count).map(latency).collect();
    // The last thread may still be on its way out of `told`.
    Box::leak(listener);
    times
}
