//! Timers that fire during a wait, with the default tuning: each signal is sent once.

use std::thread;
use std::time::Duration;

use rawipc::{ErrorKind, Name, NamedSemaphore, RobustMutex, Semaphore, SharedMemory, SharedQueue};

use crate::harness::waiting::wait_until;
use crate::harness::{Peer, Role, role};
use crate::semaphore::support::{created, text_of};
use crate::shared_queue::support::{name_of, small_queue};
use crate::shm::support::text;
use crate::sync::support::Arena;

crate::tests!(
    semaphore_alarm_at_one_second_interrupts,
    robust_mutex_alarm_at_round_time_interrupts,
    shared_queue_alarm_at_round_time_interrupts,
    waits_wake_up_rarely_while_idle,
    robust_mutex_without_rechecks_finds_an_earlier_death,
);

pub const ROLES: &[Role] = &[("timed_waiter", wait_and_report)];

/// How a waiter ends that the signal has not interrupted.
const LOST: i32 = 7;

/// Longer than the timer of a waiter that can be lost.
const LIMIT: Duration = Duration::from_millis(1500);

/// The role: sets a timer to some microseconds from now and waits for something that does not come.
fn wait_and_report(arguments: &[String]) {
    let [kind, microseconds, name] = arguments else { panic!("three arguments") };
    let name = Name::new(name.as_str()).expect("a name");
    let semaphore = Semaphore::new(0);
    let wait: Box<dyn Fn() -> rawipc::Result<()>> = match kind.as_str() {
        "semaphore" => Box::new(move || semaphore.wait()),
        "named" => {
            let semaphore = NamedSemaphore::options().open(name).expect("it was made");
            Box::new(move || semaphore.wait())
        }
        "mutex" => {
            let memory = SharedMemory::options().write(true).open(name).expect("the memory is there");
            let mutex = RobustMutex::in_memory(&memory, 0).expect("a mutex");
            Box::new(move || mutex.lock_timeout(LIMIT).map(drop))
        }
        _ => {
            let queue = SharedQueue::options().read(true).open(name).expect("the queue is there");
            Box::new(move || queue.receive_timeout(&mut [0; 64], LIMIT).map(drop))
        }
    };
    set_timer(microseconds.parse().expect("a number"));
    match wait().expect_err("it does not come").kind() {
        ErrorKind::Interrupted => {}
        ErrorKind::TimedOut => std::process::exit(LOST),
        kind => panic!("{kind:?}"),
    }
}

/// Has one signal come, whose handler does nothing and has no SA_RESTART.
fn set_timer(microseconds: i64) {
    extern "C" fn ignore(_: i32) {}
    // SAFETY: all zeros are a `sigaction` without flags, with an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = ignore as extern "C" fn(i32) as usize;
    // SAFETY: the handler does nothing.
    assert_eq!(unsafe { libc::sigaction(libc::SIGALRM, &action, std::ptr::null_mut()) }, 0);
    let once = libc::timeval { tv_sec: microseconds / 1_000_000, tv_usec: microseconds % 1_000_000 };
    let timer = libc::itimerval { it_interval: libc::timeval { tv_sec: 0, tv_usec: 0 }, it_value: once };
    // SAFETY: the timer is a whole `itimerval`, and the old one is not asked for.
    assert_eq!(unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut()) }, 0);
}

/// How many of some waiters the signal has not interrupted.
#[track_caller]
fn lost_of(waiters: usize, kind: &str, microseconds: u32, name: &str) -> usize {
    let arguments = [kind, &microseconds.to_string(), name];
    let mut peers: Vec<Peer> = (0..waiters).map(|_| Peer::start(&mut role("timed_waiter", &arguments))).collect();
    let mut lost = 0;
    for peer in &mut peers {
        let mut status = None;
        wait_until("a signal ends the wait", || {
            status = peer.try_wait().expect("the child is ours");
            status.is_some()
        });
        match status.and_then(|status| status.code()) {
            Some(0) => {}
            Some(LOST) => lost += 1,
            code => panic!("a waiter ended with {code:?}"),
        }
    }
    lost
}

/// With sleeps of a second, a signal after exactly a second was lost by every wait.
fn semaphore_alarm_at_one_second_interrupts() {
    let named = created(rawipc::semaphore::abi::Abi::NATIVE, 0);
    for kind in ["semaphore", "named"] {
        assert_eq!(lost_of(8, kind, 1_000_000, text_of(&named)), 0, "{kind}");
    }
}

/// Sleeps end at random times that keep away from round ones. Where the machine is so busy that a waiter begins late, a
/// signal can still be lost; with sleeps of 50 ms a quarter of them and more were. The first sleep ends long before,
/// and the second one long after, so that being late by some milliseconds changes nothing.
const MOST_LOST: usize = 3;

/// In microseconds.
const ROUND: u32 = 100_000;

fn robust_mutex_alarm_at_round_time_interrupts() {
    let arena = Arena::new();
    let guard = arena.mutex.lock().unwrap();
    let lost = lost_of(24, "mutex", ROUND, arena.name());
    assert!(lost <= MOST_LOST, "{lost} of 24 signals were lost");
    drop(guard);
}

fn shared_queue_alarm_at_round_time_interrupts() {
    let queue = small_queue();
    let lost = lost_of(24, "queue", ROUND, text(name_of(&queue)));
    assert!(lost <= MOST_LOST, "{lost} of 24 signals were lost");
}

/// How often this thread has gone to sleep meanwhile.
pub fn sleeps_during(work: impl FnOnce()) -> i64 {
    let count = || {
        // SAFETY: all zeros are a `rusage`.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: the kernel fills the structure.
        assert_eq!(unsafe { libc::getrusage(libc::RUSAGE_THREAD, &mut usage) }, 0);
        usage.ru_nvcsw
    };
    let before = count();
    work();
    count() - before
}

/// Counts sleeps: each that is not the last one is a wake-up that an idle machine pays for.
fn waits_wake_up_rarely_while_idle() {
    let (arena, mut queue, semaphore) = (Arena::new(), small_queue(), created(rawipc::semaphore::abi::Abi::NATIVE, 0));
    let mut mutex = arena.another();
    let guard = arena.mutex.lock().unwrap();
    let soon = Duration::from_millis(200);
    // A thread may sleep for something else now and then, such as memory.
    fn fewest(work: impl FnMut() -> i64) -> i64 {
        std::iter::repeat_with(work).take(3).min().unwrap()
    }
    assert_eq!(fewest(|| sleeps_during(|| _ = semaphore.wait_timeout(soon).unwrap_err())), 1);
    // The first sleeps are 32, 128 and 512 ms, then each is a second or more.
    let long = Duration::from_secs(4);
    thread::scope(|scope| {
        let receiver = scope.spawn(|| sleeps_during(|| _ = queue.receive_timeout(&mut [0; 64], long).unwrap_err()));
        let sleeps = sleeps_during(|| _ = mutex.lock_timeout(long).unwrap_err());
        assert!(sleeps <= 7, "the mutex: {sleeps}");
        // A yield and the queue's own lock may be sleeps too.
        let sleeps = receiver.join().unwrap();
        assert!(sleeps <= 9, "the queue: {sleeps}");
    });
    mutex.set_tuning(rawipc::WaitTuning { recheck_interval: None, ..mutex.tuning() });
    queue.set_tuning(rawipc::WaitTuning { recheck_interval: None, spin: 0 });
    assert_eq!(fewest(|| sleeps_during(|| _ = mutex.lock_timeout(soon).unwrap_err())), 1);
    let sleeps = fewest(|| sleeps_during(|| _ = queue.receive_timeout(&mut [0; 64], soon).unwrap_err()));
    assert!(sleeps <= 2, "the queue without a recheck interval: {sleeps}");
    drop(guard);
}

/// A wait that sleeps until it is woken looks for a dead holder before.
fn robust_mutex_without_rechecks_finds_an_earlier_death() {
    let arena = Arena::new();
    let mut mutex = arena.another();
    mutex.set_tuning(rawipc::WaitTuning { recheck_interval: None, ..mutex.tuning() });
    // A participant that there never was has it.
    let word: &std::sync::atomic::AtomicU32 = arena.mapping.get(4).unwrap();
    word.store(1 << 8 | 99, std::sync::atomic::Ordering::Relaxed);
    let guard = mutex.lock().unwrap();
    assert!(guard.owner_died());
    drop(guard.mark_consistent());
}
