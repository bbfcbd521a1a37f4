//! Deadlines on both clocks, and signals during waits.

use std::process::ExitStatus;
use std::sync::Once;
use std::thread;
use std::time::{Duration, Instant};

use rawipc::error::Operation;
use rawipc::semaphore::SemaphoreOf;
use rawipc::semaphore::abi::{Abi, Layout};
use rawipc::time::{Clock, Time};
use rawipc::{Deadline, Errno, Error, ErrorKind, NamedSemaphore, WaitTuning, retry_on_interrupt};

use crate::harness::queues::assert_error;
use crate::harness::waiting::{PATIENCE, wait_until, with_enough_time};
use crate::harness::{Peer, Role, role};
use crate::in_every_layout;
use crate::semaphore::stress::interrupt_every;
use crate::semaphore::support::{ABIS, Sleeper, created, opened, sleeps_on_futex, text_of};

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

fn never_again() -> WaitTuning {
    WaitTuning { recheck_interval: None, ..WaitTuning::DEFAULT }
}

const TUNINGS: [WaitTuning; 4] = [
    WaitTuning::DEFAULT,
    WaitTuning { spin: 0, recheck_interval: Some(Duration::from_secs(10 * PATIENCE.as_secs())) },
    WaitTuning { spin: 0, recheck_interval: None },
    WaitTuning { spin: 500, recheck_interval: Some(Duration::from_millis(3)) },
];

#[track_caller]
fn assert_timed_out(result: Result<(), Error>) {
    let error = result.expect_err("there is no token");
    assert_error(error, ErrorKind::TimedOut, Errno::TIMEDOUT, Operation::Wait, "timed out");
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
            for tuning in [never_again(), WaitTuning { spin: 0, recheck_interval: Some(Duration::from_millis(2)) }] {
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
                wait_until("it sleeps", || sleeps_on_futex(std::process::id(), sleeper.tid));
                sleeper.signal(interrupting);
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
            let sleeper = Sleeper::start(scope, || semaphore.waiters() == 1, || semaphore.wait());
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
fn retrying_under_a_storm_of_signals_does_not_drift() {
    for (abi, clock) in ABIS.into_iter().flat_map(|abi| CLOCKS.map(|clock| (abi, clock))) {
        with_enough_time(Duration::from_millis(100), |duration| interruptions_within(duration, abi, clock) > 3);
    }
}

/// How many signals hit a wait for so long.
fn interruptions_within(duration: Duration, abi: Abi, clock: Clock) -> u32 {
    let semaphore = created(abi, 0);
    let (start, deadline) = (Instant::now(), after(clock, duration));
    let mut interrupted = 0;
    interrupt_every(1_000);
    let result = retry_on_interrupt!({
        semaphore.wait_deadline(deadline).inspect_err(|error| {
            interrupted += u32::from(error.kind() == ErrorKind::Interrupted);
        })
    });
    interrupt_every(0);
    assert_timed_out(result);
    assert!(deadline.has_passed());
    // A wait that began anew each time would last as long as the signals come.
    assert!(start.elapsed() < duration + PATIENCE, "{:?}", start.elapsed());
    assert_eq!((semaphore.value(), semaphore.waiters()), (0, 0));
    interrupted
}

/// The role: waits without a limit, or for so many milliseconds by the wall clock.
fn wait_and_report(arguments: &[String]) {
    let [name, milliseconds] = arguments else { panic!("two arguments") };
    let semaphore = opened(NamedSemaphore::options(), name);
    match milliseconds.parse().expect("a number") {
        0 => semaphore.wait().expect("a token comes"),
        milliseconds => {
            let deadline = Deadline::realtime_after(Duration::from_millis(milliseconds));
            assert_timed_out(semaphore.wait_deadline(deadline));
            assert!(deadline.has_passed());
        }
    }
}

/// Starts the role; stops it when it sleeps, and lets it go on when it is stopped. Its end, if that came too soon.
fn stopped_and_continued(semaphore: &NamedSemaphore, milliseconds: u128) -> (Peer, Option<ExitStatus>) {
    let mut peer = Peer::start(&mut role("semaphore_timed", &[text_of(semaphore), &milliseconds.to_string()]));
    let (pid, mut end) = (peer.pid(), None);
    let mut wait_for = |what, condition: &dyn Fn() -> bool| {
        wait_until(what, || {
            end = peer.try_wait().expect("the child is ours");
            end.is_some() || condition()
        });
        end.is_none()
    };
    let send = |signal| {
        // SAFETY: the child is ours; whoever has ended was waited for only where no more signals are sent.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    };
    let is_stopped = || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it is there");
        status.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
    };
    let mut goes_on = wait_for("the peer sleeps", &|| semaphore.waiters() == 1 && sleeps_on_futex(pid as u32, pid));
    for _ in 0..3 {
        goes_on = goes_on && {
            send(libc::SIGSTOP);
            wait_for("the peer is stopped", &is_stopped)
        };
        goes_on = goes_on && {
            send(libc::SIGCONT);
            wait_for("the peer goes on", &|| !is_stopped())
        };
    }
    (peer, end)
}

fn a_stopped_and_continued_wait_goes_on() {
    for abi in ABIS {
        let semaphore = created(abi, 0);
        let (peer, end) = stopped_and_continued(&semaphore, 0);
        assert_eq!((end, semaphore.value()), (None, 0));
        semaphore.post().unwrap();
        peer.succeed();
        assert_eq!((semaphore.value(), semaphore.waiters()), (0, 0));
    }
}

fn a_stopped_and_continued_wait_ends_in_time() {
    for abi in ABIS {
        with_enough_time(Duration::from_millis(1500), |time| {
            let (semaphore, start) = (created(abi, 0), Instant::now());
            let (peer, end) = stopped_and_continued(&semaphore, time.as_millis());
            peer.succeed();
            assert!(start.elapsed() >= time);
            assert_eq!((semaphore.value(), semaphore.waiters()), (0, 0));
            end.is_none()
        });
    }
}
