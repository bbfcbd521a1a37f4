//! Semaphores in one process: rawipc, the C library, and the two locked additions below which nothing can go.

use std::hint::black_box;
use std::mem::MaybeUninit;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::Duration;

use rawipc::time::Time;
use rawipc::{Deadline, NamedSemaphore, Semaphore, name};

use crate::Run;
use crate::measure::{counted, in_turns};
use crate::record::Bound::{AtLeast, AtMost};

/// A semaphore of the C library's, shared between processes as ours are.
struct LibcSemaphore(Box<MaybeUninit<libc::sem_t>>);

impl LibcSemaphore {
    fn new(value: u32) -> Self {
        let mut semaphore = Box::new(MaybeUninit::uninit());
        // SAFETY: the pointer is to a whole `sem_t`, which stays where it is.
        assert_eq!(unsafe { libc::sem_init(semaphore.as_mut_ptr(), 1, value) }, 0);
        Self(semaphore)
    }

    fn get(&self) -> *mut libc::sem_t {
        self.0.as_ptr().cast_mut()
    }
}

pub fn all(run: &mut Run) {
    uncontended(run, 1);
    uncontended(run, 5);
    failing(run);
}

fn uncontended(run: &mut Run, value: u32) {
    const COUNT: u32 = 20_000;
    let word = AtomicU64::new(value.into());
    let own = Semaphore::new(value);
    let options = NamedSemaphore::options().initial_value(value).unlink_on_drop(true);
    let named = options.create_unique(name!("/rawipc-bench-")).expect("it can be created");
    let theirs = LibcSemaphore::new(value);
    let rounds = in_turns(
        run.rounds(200),
        vec![
            counted("two locked additions", COUNT, |count| {
                for _ in 0..count {
                    black_box(&word).fetch_sub(1, Acquire);
                    black_box(&word).fetch_add(1, Release);
                }
            }),
            counted("rawipc, in memory", COUNT, |count| {
                let own = black_box(&own);
                for _ in 0..count {
                    own.wait().expect("there is a token");
                    own.post().expect("it is far from the maximum");
                }
            }),
            counted("rawipc, by name", COUNT, |count| {
                let named = black_box(&named);
                for _ in 0..count {
                    named.wait().expect("there is a token");
                    named.post().expect("it is far from the maximum");
                }
            }),
            counted("glibc", COUNT, |count| {
                for _ in 0..count {
                    // SAFETY: it is an initialized semaphore.
                    assert_eq!(unsafe { libc::sem_wait(theirs.get()) }, 0);
                    // SAFETY: as above.
                    assert_eq!(unsafe { libc::sem_post(theirs.get()) }, 0);
                }
            }),
        ],
    );
    assert_eq!((own.value(), named.value()), (value, value));
    if value == 1 {
        let ratio = |one, two| rounds.ratio(one, two);
        let floor = ratio("rawipc, in memory", "two locked additions");
        run.record.target("semaphore wait + post: rawipc / two locked additions", floor, AtMost(1.15));
        let faster = ratio("glibc", "rawipc, in memory");
        run.record.target("semaphore wait + post: glibc / rawipc", faster, AtLeast(1.5));
        // Where this is below 1.5, nobody can be half as fast again as glibc.
        let possible = ratio("glibc", "two locked additions");
        run.record.target("semaphore wait + post: glibc / two locked additions", possible, AtLeast(1.5));
    }
    let title = format!("Wait and post, value {value}, nobody else: ns a pair");
    run.keep(rounds.table(&format!("semaphore-{value}"), &title));
}

/// A wait that fails at once.
fn failing(run: &mut Run) {
    let own = Semaphore::new(0);
    let theirs = LibcSemaphore::new(0);
    let past = Deadline::Monotonic(Time::ZERO);
    let past_of_c = libc::timespec { tv_sec: 1, tv_nsec: 0 };
    let rounds = in_turns(
        run.rounds(100),
        vec![
            counted("glibc, deadline in the past", 100, |count| {
                for _ in 0..count {
                    // SAFETY: an initialized semaphore and a whole time.
                    assert_eq!(unsafe { libc::sem_timedwait(theirs.get(), &raw const past_of_c) }, -1);
                }
            }),
            counted("rawipc, deadline in the past", 1_000, |count| {
                (0..count).for_each(|_| assert!(black_box(&own).wait_deadline(past).is_err()));
            }),
            counted("rawipc, zero timeout", 1_000, |count| {
                (0..count).for_each(|_| assert!(black_box(&own).wait_timeout(Duration::ZERO).is_err()));
            }),
            counted("rawipc, try", 1_000, |count| {
                (0..count).for_each(|_| assert!(black_box(&own).try_wait().is_err()));
            }),
            counted("glibc, try", 1_000, |count| {
                for _ in 0..count {
                    // SAFETY: it is an initialized semaphore.
                    assert_eq!(unsafe { libc::sem_trywait(theirs.get()) }, -1);
                }
            }),
        ],
    );
    for (own, what) in [("rawipc, deadline in the past", "expired"), ("rawipc, zero timeout", "zero")] {
        let ratio = rounds.ratio("glibc, deadline in the past", own);
        run.record.target(&format!("semaphore wait, {what}: glibc / rawipc"), ratio, AtLeast(20.0));
    }
    run.keep(rounds.table("semaphore-failing", "A wait that may not last, value 0: ns"));
}
