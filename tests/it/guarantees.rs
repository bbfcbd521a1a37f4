//! What `docs/guarantees.md` promises of all primitives alike: exec, handlers of signals, processes that are killed.

use std::fs;
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rawipc::semaphore::abi::Abi;
use rawipc::{
    MessageQueue, NamedSemaphore, NotificationSocket, Priority, RobustMutex, Semaphore, Shared, SharedMemory,
};
use rustix::process::{Pid, Signal, kill_process};

use crate::harness::waiting::PATIENCE;
use crate::harness::{Peer, Role, queues, role, small, small_queue};
use crate::semaphore::support::created;

crate::tests!(
    a_killed_holder_takes_its_token_along,
    what_a_killed_process_has_made_and_written_stays
    ;
    alone: a_program_started_by_exec_gets_nothing,
    a_handler_may_post_and_send
);

pub const ROLES: &[Role] =
    &[("guarantees_inherited", inherited), ("guarantees_take", take), ("guarantees_create", create)];

/// Alone, since what the child of another test inherits for a moment would be seen here.
fn a_program_started_by_exec_gets_nothing() {
    let queue = small_queue();
    let mut socket = NotificationSocket::new(&queue).unwrap();
    socket.arm().unwrap();
    let semaphore = created(Abi::NATIVE, 0);
    let memory = crate::shm::support::memory(100);
    let mapping = memory.map().unwrap();
    let anonymous = SharedMemory::anonymous(100).create().unwrap();
    let second = anonymous.map().unwrap();
    let name = crate::shm::support::FreeName::new();
    let value = Shared::<AtomicU32>::options().unlink_on_drop(true).open(&name, |_| ()).unwrap();
    let mutexes = crate::shm::support::memory(4096);
    let mutex = RobustMutex::in_memory(&mutexes, 0).unwrap();
    let guard = mutex.lock().unwrap();
    let shared = crate::shared_queue::support::small_queue();
    shared.send(b"stays", Priority::MIN).unwrap();
    let report = Peer::start_reporting(&mut role("guarantees_inherited", &[])).report();
    assert_eq!(String::from_utf8(report).unwrap(), "");
    // All of it was there the whole time.
    assert_eq!((mapping.len(), second.len(), value.load(Relaxed), semaphore.value()), (100, 100, 0, 0));
    assert!(socket.is_armed());
    drop(guard);
    assert!(!mutex.lock().unwrap().owner_died());
    assert_eq!(shared.receive(&mut [0; 64]).unwrap().payload(), b"stays");
}

/// Prints what this program has of other objects.
fn inherited(_: &[String]) {
    let is_ours = |text: &str| ["rawipc-test", "memfd:rawipc", "/dev/shm"].iter().any(|part| text.contains(part));
    for descriptor in fs::read_dir("/proc/self/fd").unwrap().map(Result::unwrap) {
        let target = fs::read_link(descriptor.path()).unwrap_or_default().to_string_lossy().into_owned();
        let is_standard = ["0", "1", "2"].contains(&descriptor.file_name().to_str().unwrap());
        if is_ours(&target) || target.starts_with("socket:") && !is_standard {
            print!("{target:?} ");
        }
    }
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().filter(|line| is_ours(line)).for_each(|line| print!("{line} "));
}

static POSTED: Semaphore = Semaphore::new(0);
static SENT: OnceLock<MessageQueue> = OnceLock::new();
static HANDLED: AtomicU32 = AtomicU32::new(0);

extern "C" fn post_and_send(_: i32) {
    POSTED.post().expect("far from the maximum");
    if SENT.get().is_some_and(|queue| queue.try_send(b"from the handler", Priority::MIN).is_ok()) {
        HANDLED.fetch_add(1, Relaxed);
    }
}

/// They take no lock, so it does not matter where in them the handler has interrupted the same operations.
fn a_handler_may_post_and_send() {
    const SIGNALS: u32 = 500;
    let queue = small_queue();
    // What is static is never dropped, so the name goes with the other handle.
    SENT.set(queue.try_clone().unwrap()).expect("it is set once");
    // SAFETY: the handler does what may be done in one: no lock, no allocation.
    unsafe { libc::signal(libc::SIGALRM, post_and_send as extern "C" fn(i32) as libc::sighandler_t) };
    let timer = libc::itimerval { it_interval: microseconds(200), it_value: microseconds(200) };
    // SAFETY: the kernel only reads the timer.
    assert_eq!(unsafe { libc::syscall(libc::SYS_setitimer, libc::ITIMER_REAL, &raw const timer, 0) }, 0);
    let (mut taken, mut received, mut own) = (0, 0, 0);
    let receive = || queue.try_receive(&mut [0; 64]).map(drop);
    while HANDLED.load(Relaxed) < SIGNALS {
        POSTED.post().unwrap();
        own += 1;
        taken += u32::from(POSTED.wait_timeout(PATIENCE).is_ok()) + u32::from(POSTED.try_wait().is_ok());
        received += u32::from(receive().is_ok());
    }
    let never = libc::itimerval { it_interval: microseconds(0), it_value: microseconds(0) };
    // SAFETY: the kernel only reads the timer.
    assert_eq!(unsafe { libc::syscall(libc::SYS_setitimer, libc::ITIMER_REAL, &raw const never, 0) }, 0);
    while POSTED.try_wait().is_ok() {
        taken += 1;
    }
    while receive().is_ok() {
        received += 1;
    }
    assert_eq!(received, HANDLED.load(Relaxed), "every message was received once");
    assert!(taken >= own + received, "every token was taken once");
    assert_eq!(POSTED.value(), 0);
}

fn microseconds(microseconds: i64) -> libc::timeval {
    libc::timeval { tv_sec: 0, tv_usec: microseconds as _ }
}

fn a_killed_holder_takes_its_token_along() {
    let semaphore = created(Abi::NATIVE, 2);
    let mut holder =
        Peer::start_reporting(&mut role("guarantees_take", &[crate::semaphore::support::text_of(&semaphore)]));
    assert_eq!(std::io::Read::read(holder.stdout.as_mut().unwrap(), &mut [0]).unwrap(), 1);
    assert_eq!(semaphore.value(), 1);
    holder.kill_now();
    assert_eq!(semaphore.value(), 1, "nobody gives it back");
}

/// Takes a token, says so, and keeps it.
fn take(arguments: &[String]) {
    let name = rawipc::Name::new(arguments[0].as_str()).unwrap();
    let semaphore = NamedSemaphore::options().open(name).unwrap();
    let _permit = semaphore.acquire().unwrap();
    say_and_stay();
}

fn say_and_stay() {
    std::io::stdout().write_all(b"!").unwrap();
    std::io::stdout().flush().unwrap();
    kill_process(Pid::from_raw(std::process::id() as i32).unwrap(), Signal::STOP).unwrap();
}

fn what_a_killed_process_has_made_and_written_stays() {
    let queue = queues::FreeName::new();
    let (semaphore, memory) = (crate::semaphore::support::FreeName::new(), crate::shm::support::FreeName::new());
    let names = [queues::text(&queue), semaphore.as_str(), memory.as_str()];
    let mut creator = Peer::start_reporting(&mut role("guarantees_create", &names));
    assert_eq!(std::io::Read::read(creator.stdout.as_mut().unwrap(), &mut [0]).unwrap(), 1);
    creator.kill_now();
    let found = MessageQueue::options().read(true).open(&queue).unwrap();
    assert_eq!(found.try_receive(&mut [0; 64]).unwrap().payload(), b"hers");
    assert_eq!(NamedSemaphore::options().open(&semaphore).unwrap().value(), 3);
    let mapping = SharedMemory::options().write(true).open(&memory).unwrap().map().unwrap();
    assert_eq!(mapping.get::<AtomicU32>(0).unwrap().load(Relaxed), 7);
}

/// Makes one object of each sort, to be removed with its handle; writes into each, says so, and stays.
fn create(arguments: &[String]) {
    let [queue, semaphore, memory] =
        [0, 1, 2].map(|index: usize| rawipc::Name::new(arguments[index].as_str()).unwrap());
    let queue = small().create_new(true).open(queue).unwrap();
    queue.send(b"hers", Priority::MIN).unwrap();
    let semaphore = NamedSemaphore::options().create_new(true).unlink_on_drop(true).open(semaphore).unwrap();
    semaphore.post_many(3).unwrap();
    let memory = crate::shm::support::sized(100).create_new(true).open(memory).unwrap();
    let mapping = memory.map().unwrap();
    mapping.get::<AtomicU32>(0).unwrap().store(7, Relaxed);
    say_and_stay();
}
