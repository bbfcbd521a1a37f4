//! Deadlines on both clocks, and signals during waits.

use std::sync::Once;
use std::thread;
use std::time::{Duration, Instant};

use rawipc::{
    Clock, Deadline, Errno, Error, ErrorKind, Layout, Name, NamedSemaphore, Operation, SemaphoreOf, Time, Tuning,
    retry_on_interrupt,
};

use crate::harness::queues::assert_error;
use crate::harness::waiting::{PATIENCE, wait_until};
use crate::harness::{Ending, Peer, Role, role};
use crate::in_every_layout;
use crate::semaphore_stress::interrupt_every;
use crate::semaphore_support::{ABIS, Sleeper, created, sleeps_on_futex, text_of};

crate::tests!(
    a_deadline_in_the_past_ends_at_once,
    no_wait_ends_early_or_late,
    a_far_future_is_waited_for,
    a_handler_interrupts_every_way_of_waiting,
    a_handler_with_sa_restart_lets_an_unlimited_sleep_go_on,
    a_stopped_and_continued_wait_goes_on,
    a_stopped_and_continued_wait_ends_in_time;
    alone: retrying_under_a_storm_of_signals_does_not_drift,
);

pub const ROLES: &[Role] = &[("semaphore_timed", wait_and_report)];

const CLOCKS: [Clock; 2] = [Clock::Monotonic, Clock::Realtime];

fn at(clock: Clock, time: Time) -> Deadline {
    match clock {
        Clock::Monotonic => Deadline::Monotonic(time),
        Clock::Realtime => Deadline::Realtime(time),
    }
}

fn after(clock: Clock, duration: Duration) -> Deadline {
    at(clock, Time::now(clock).saturating_add(duration))
}

fn never_again() -> Tuning {
    Tuning { recheck: Duration::ZERO, ..Tuning::DEFAULT }
}

const TUNINGS: [Tuning; 4] = [
    Tuning::DEFAULT,
    Tuning { spin: 0, recheck: Duration::from_secs(10 * PATIENCE.as_secs()) },
    Tuning { spin: 0, recheck: Duration::ZERO },
    Tuning { spin: 500, recheck: Duration::from_millis(3) },
];

#[track_caller]
fn assert_timed_out(result: Result<(), Error>) {
    let error = result.expect_err("there is no token");
    assert_error(error, ErrorKind::TimedOut, Errno::TIMEDOUT, Operation::Wait, "the time is over");
}

fn a_deadline_in_the_past_ends_at_once() {
    fn check<L: Layout>(semaphore: &SemaphoreOf<L>) {
        for clock in CLOCKS {
            let now = Time::now(clock);
            for time in [Time::ZERO, Time::new(-1, 999_999_999).unwrap(), Time::new(i64::MIN, 0).unwrap(), now] {
                assert_timed_out(semaphore.wait_deadline(at(clock, time)));
                for tuning in TUNINGS {
                    assert_timed_out(semaphore.wait_tuned(Some(at(clock, time)), tuning));
                }
            }
        }
        assert_eq!((semaphore.value(), semaphore.waiters()), (0, 0));
    }
    in_every_layout!(0, semaphore => check(semaphore));
}

fn no_wait_ends_early_or_late() {
    fn check<L: Layout>(semaphore: &SemaphoreOf<L>) {
        for duration in [Duration::from_nanos(1), Duration::from_micros(300), Duration::from_millis(11)] {
            let start = Instant::now();
            assert_timed_out(semaphore.wait_timeout(duration));
            let waited = start.elapsed();
            assert!(duration <= waited && waited < PATIENCE, "{waited:?} instead of {duration:?}");
            for (clock, tuning) in CLOCKS.into_iter().flat_map(|clock| TUNINGS.map(|tuning| (clock, tuning))) {
                let (start, deadline) = (Instant::now(), after(clock, duration));
                assert_timed_out(semaphore.wait_tuned(Some(deadline), tuning));
                assert!(deadline.has_passed(), "{deadline:?} is over early");
                assert!(start.elapsed() < PATIENCE, "{deadline:?} is over late");
            }
        }
        assert_eq!((semaphore.value(), semaphore.waiters()), (0, 0));
    }
    in_every_layout!(0, semaphore => check(semaphore));
}

fn a_far_future_is_waited_for() {
    fn check<L: Layout>(semaphore: &SemaphoreOf<L>)
    where
        SemaphoreOf<L>: Sync,
    {
        let last = Time::new(i64::MAX, 999_999_999).unwrap();
        let beyond_2038 = Time::new(1 << 33, 5).unwrap();
        for (clock, time) in CLOCKS.into_iter().flat_map(|clock| [last, beyond_2038].map(|time| (clock, time))) {
            for tuning in [never_again(), Tuning { spin: 0, recheck: Duration::from_millis(2) }] {
                thread::scope(|scope| {
                    let wait = || semaphore.wait_tuned(Some(at(clock, time)), tuning);
                    let sleeper = Sleeper::start(scope, || semaphore.waiters() == 1, wait);
                    assert!(!sleeper.is_finished());
                    semaphore.post().unwrap();
                    sleeper.join().unwrap();
                });
            }
        }
        thread::scope(|scope| {
            let wait = || semaphore.wait_timeout(Duration::MAX);
            let sleeper = Sleeper::start(scope, || semaphore.waiters() == 1, wait);
            semaphore.post().unwrap();
            sleeper.join().unwrap();
        });
    }
    in_every_layout!(0, semaphore => check(semaphore));
}

/// Handled without SA_RESTART, and with it. No other test of this program sends these.
fn signals() -> (i32, i32) {
    extern "C" fn ignore(_: i32) {}
    static INSTALLED: Once = Once::new();
    let (interrupting, restarting) = (libc::SIGRTMIN() + 5, libc::SIGRTMIN() + 6);
    INSTALLED.call_once(|| {
        for (signal, flags) in [(interrupting, 0), (restarting, libc::SA_RESTART)] {
            // SAFETY: all zeros are a `sigaction` without flags, with an empty mask.
            let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
            action.sa_sigaction = ignore as extern "C" fn(i32) as usize;
            action.sa_flags = flags;
            // SAFETY: the handler does nothing.
            assert_eq!(unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) }, 0);
        }
    });
    (interrupting, restarting)
}

fn a_handler_interrupts_every_way_of_waiting() {
    fn check<L: Layout>(semaphore: &SemaphoreOf<L>)
    where
        SemaphoreOf<L>: Sync,
    {
        let (interrupting, _) = signals();
        let long = Duration::from_secs(600);
        let ways: [&(dyn Fn() -> Result<(), Error> + Sync); 6] = [
            &|| semaphore.wait(),
            &|| semaphore.acquire().map(drop),
            &|| semaphore.wait_timeout(long),
            &|| semaphore.wait_deadline(Deadline::realtime_after(long)),
            &|| semaphore.wait_tuned(None, never_again()),
            &|| semaphore.wait_tuned(Some(Deadline::after(long)), never_again()),
        ];
        for wait in ways {
            thread::scope(|scope| {
                let sleeper = Sleeper::start(scope, || semaphore.waiters() == 1, wait);
                // One that comes between two sleeps of a wait is not seen by it.
                wait_until("it is interrupted", || {
                    sleeper.is_finished() || {
                        sleeper.signal(interrupting);
                        false
                    }
                });
                let error = sleeper.join().unwrap_err();
                let part = "interrupted by a signal handler (EINTR)";
                assert_error(error, ErrorKind::Interrupted, Errno::INTR, Operation::Wait, part);
            });
            // Nothing was taken, nobody is recorded, and all goes on.
            assert_eq!((semaphore.value(), semaphore.waiters()), (0, 0));
            semaphore.post().unwrap();
            semaphore.try_wait().unwrap();
        }
    }
    in_every_layout!(0, semaphore => check(semaphore));
}

fn a_handler_with_sa_restart_lets_an_unlimited_sleep_go_on() {
    fn check<L: Layout>(semaphore: &SemaphoreOf<L>)
    where
        SemaphoreOf<L>: Sync,
    {
        let (_, restarting) = signals();
        thread::scope(|scope| {
            let wait = || semaphore.wait_tuned(None, never_again());
            let sleeper = Sleeper::start(scope, || semaphore.waiters() == 1, wait);
            for _ in 0..20 {
                sleeper.signal(restarting);
                wait_until("it sleeps again", || sleeps_on_futex(std::process::id(), sleeper.tid));
            }
            assert!(!sleeper.is_finished());
            semaphore.post().unwrap();
            sleeper.join().unwrap();
            // With a limit it ends or goes on, but never with a token that is not there.
            let wait = || semaphore.wait_timeout(Duration::from_secs(600));
            let sleeper = Sleeper::start(scope, || semaphore.waiters() == 1, wait);
            sleeper.signal(restarting);
            semaphore.post().unwrap();
            match sleeper.join() {
                Ok(()) => {}
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Interrupted);
                    semaphore.try_wait().unwrap();
                }
            }
        });
        assert_eq!((semaphore.value(), semaphore.waiters()), (0, 0));
    }
    in_every_layout!(0, semaphore => check(semaphore));
}

/// Signals every millisecond, in a process of one thread.
fn retrying_under_a_storm_of_signals_does_not_drift() -> Ending {
    for (abi, clock) in ABIS.into_iter().flat_map(|abi| CLOCKS.map(|clock| (abi, clock))) {
        let semaphore = created(abi, 0);
        let (start, duration) = (Instant::now(), Duration::from_millis(100));
        let deadline = after(clock, duration);
        let mut interrupted = 0;
        interrupt_every(1_000);
        let result = retry_on_interrupt(|| {
            semaphore.wait_deadline(deadline).inspect_err(|error| {
                interrupted += u32::from(error.kind() == ErrorKind::Interrupted);
            })
        });
        interrupt_every(0);
        assert_timed_out(result);
        assert!(deadline.has_passed());
        // A wait that began anew each time would last as long as the signals come.
        assert!(start.elapsed() < duration + Duration::from_secs(10), "{:?}", start.elapsed());
        assert!(interrupted > 3, "only {interrupted} signals hit the wait");
        assert_eq!((semaphore.value(), semaphore.waiters()), (0, 0));
    }
    Ok(())
}

/// The role: waits without a limit, or for so many milliseconds by the wall clock.
fn wait_and_report(arguments: &[String]) {
    let [name, milliseconds] = arguments else { panic!("two arguments") };
    let semaphore = NamedSemaphore::options().open(Name::new(name.as_str()).expect("a name")).expect("it was made");
    match milliseconds.parse().expect("a number") {
        0 => semaphore.wait().expect("a token comes"),
        milliseconds => {
            let deadline = Deadline::realtime_after(Duration::from_millis(milliseconds));
            assert_timed_out(semaphore.wait_deadline(deadline));
            assert!(deadline.has_passed());
        }
    }
}

/// Starts the role; stops it when it sleeps, and lets it go on when it is stopped.
fn stopped_and_continued(semaphore: &NamedSemaphore, milliseconds: &str) -> Peer {
    let peer = Peer::start(&mut role("semaphore_timed", &[text_of(semaphore), milliseconds]));
    wait_until("the peer sleeps", || semaphore.waiters() == 1 && sleeps_on_futex(peer.id(), peer.pid()));
    let send = |signal| {
        // SAFETY: the child is ours and not waited for yet.
        assert_eq!(unsafe { libc::kill(peer.pid(), signal) }, 0);
    };
    let is_stopped = || {
        let status = std::fs::read_to_string(format!("/proc/{}/stat", peer.pid())).expect("it is there");
        status.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
    };
    for _ in 0..3 {
        send(libc::SIGSTOP);
        wait_until("the peer is stopped", is_stopped);
        send(libc::SIGCONT);
        wait_until("the peer goes on", || !is_stopped());
    }
    peer
}

fn a_stopped_and_continued_wait_goes_on() {
    for abi in ABIS {
        let semaphore = created(abi, 0);
        let peer = stopped_and_continued(&semaphore, "0");
        assert_eq!(semaphore.value(), 0);
        semaphore.post().unwrap();
        peer.succeed();
        assert_eq!((semaphore.value(), semaphore.waiters()), (0, 0));
    }
}

fn a_stopped_and_continued_wait_ends_in_time() {
    for abi in ABIS {
        let semaphore = created(abi, 0);
        // Long enough that it is stopped in time on a busy machine.
        let start = Instant::now();
        stopped_and_continued(&semaphore, "1500").succeed();
        assert!(start.elapsed() >= Duration::from_millis(1500));
        assert_eq!((semaphore.value(), semaphore.waiters()), (0, 0));
    }
}
