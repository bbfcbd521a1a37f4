//! Semaphores in one process: rawipc, the C library, and the two locked additions below which nothing can go.

use std::ffi::CString;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::Duration;

use rawipc::{Deadline, NamedSemaphore, Semaphore, Time, name};

use crate::measure::Target::{AtLeast, AtMost};
use crate::measure::{Table, subject};

/// A semaphore of the C library's, shared between processes as ours are.
pub struct LibcSemaphore(Box<MaybeUninit<libc::sem_t>>);

impl LibcSemaphore {
    pub fn new(value: u32) -> Self {
        let mut semaphore = Box::new(MaybeUninit::uninit());
        // SAFETY: the pointer is to a whole `sem_t`, which stays where it is.
        assert_eq!(unsafe { libc::sem_init(semaphore.as_mut_ptr(), 1, value) }, 0);
        Self(semaphore)
    }

    pub fn get(&self) -> *mut libc::sem_t {
        self.0.as_ptr().cast_mut()
    }
}

pub fn uncontended(table: &mut Table, value: u32) {
    let word = AtomicU64::new(value.into());
    let own = Semaphore::new(value);
    let named = named(value);
    let theirs = LibcSemaphore::new(value);
    let times = table.measure(
        &format!("semaphore: wait and post, value {value}, nobody else"),
        300,
        20_000,
        vec![
            subject("two locked additions", |count| {
                for _ in 0..count {
                    black_box(&word).fetch_sub(1, Acquire);
                    black_box(&word).fetch_add(1, Release);
                }
            }),
            subject("rawipc, in memory", |count| {
                let own = black_box(&own);
                for _ in 0..count {
                    own.wait().expect("there is a token");
                    own.post().expect("it is far from the maximum");
                }
            }),
            subject("rawipc, named", |count| {
                let named = black_box(&named);
                for _ in 0..count {
                    named.wait().expect("there is a token");
                    named.post().expect("it is far from the maximum");
                }
            }),
            subject("C library", |count| {
                for _ in 0..count {
                    // SAFETY: it is an initialised semaphore.
                    assert_eq!(unsafe { libc::sem_wait(theirs.get()) }, 0);
                    // SAFETY: as above.
                    assert_eq!(unsafe { libc::sem_post(theirs.get()) }, 0);
                }
            }),
        ],
    );
    assert_eq!((own.value(), named.value()), (value, value));
    if value == 1 {
        table.ratio("in memory / two locked additions", times[1], times[0], AtMost(1.15));
        // Where the C library is itself within half of what is possible, nothing can be half as fast again.
        let possible = 0.97 * times[3] / times[0];
        table.ratio("C library / in memory", times[3], times[1], AtLeast(possible.min(1.5)));
    } else {
        table.ratio("in memory / C library", times[1], times[3], AtMost(1.0));
    }
}

/// A wait that fails at once.
pub fn failing(table: &mut Table) {
    let own = Semaphore::new(0);
    let theirs = LibcSemaphore::new(0);
    let past = Deadline::Monotonic(Time::ZERO);
    let past_of_c = libc::timespec { tv_sec: 1, tv_nsec: 0 };
    let times = table.measure(
        "semaphore: a wait that may not last, value 0",
        200,
        500,
        vec![
            subject("rawipc, deadline in the past", |count| {
                (0..count).for_each(|_| assert!(black_box(&own).wait_deadline(past).is_err()));
            }),
            subject("rawipc, zero time-out", |count| {
                (0..count).for_each(|_| assert!(black_box(&own).wait_timeout(Duration::ZERO).is_err()));
            }),
            subject("C library, deadline in the past", |count| {
                for _ in 0..count {
                    // SAFETY: an initialised semaphore and a whole time.
                    assert_eq!(unsafe { libc::sem_timedwait(theirs.get(), &raw const past_of_c) }, -1);
                }
            }),
        ],
    );
    table.ratio("C library / deadline in the past", times[2], times[0], AtLeast(20.0));
    table.ratio("C library / zero time-out", times[2], times[1], AtLeast(20.0));
}

pub fn opening(table: &mut Table) {
    let path = CString::new(format!("/rawipc-bench-{}", std::process::id())).expect("there is no NUL in it");
    let own_name = rawipc::Name::new(path.as_c_str()).expect("it is valid");
    let open = |flags: i32| {
        // SAFETY: the name ends in a NUL; mode and value are given where it may create.
        let semaphore = unsafe { libc::sem_open(path.as_ptr(), flags, 0o600, 1) };
        assert!(!semaphore.is_null());
        // SAFETY: it has just been opened.
        assert_eq!(unsafe { libc::sem_close(semaphore) }, 0);
    };
    let unlink = || rawipc::NamedSemaphore::unlink(own_name).expect("it is there");
    let create = NamedSemaphore::options().create_new(true).initial_value(1);
    let cycles = table.measure(
        "semaphore: create, close, unlink",
        100,
        200,
        vec![
            subject("rawipc", |count| {
                for _ in 0..count {
                    drop(create.open(own_name).expect("it can be created"));
                    unlink();
                }
            }),
            subject("C library", |count| {
                for _ in 0..count {
                    open(libc::O_CREAT | libc::O_EXCL);
                    unlink();
                }
            }),
        ],
    );
    table.ratio("rawipc / C library", cycles[0], cycles[1], AtMost(1.0));
    drop(create.open(own_name).expect("it can be created"));
    let opens = table.measure(
        "semaphore: open an existing one, close",
        100,
        200,
        vec![
            subject("rawipc", |count| {
                (0..count).for_each(|_| drop(NamedSemaphore::options().open(own_name).expect("it is there")));
            }),
            subject("C library", |count| (0..count).for_each(|_| open(0))),
        ],
    );
    unlink();
    // Both make four calls to open; the kernel's time for them is all there is, and it varies by a percent or two.
    table.ratio("rawipc / C library", opens[0], opens[1], AtMost(1.02));
}

fn named(value: u32) -> NamedSemaphore {
    let options = NamedSemaphore::options().initial_value(value).unlink_on_drop(true);
    options.create_unique(name!("/rawipc-bench-")).expect("it can be created")
}
