//! A C program's own `sem_t`, joined where it lies.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::thread;
use std::time::Duration;

use rawipc::Semaphore;
use rawipc::semaphore::SemaphoreOf;
use rawipc::semaphore::abi::{Layout, Native, Private};

use crate::semaphore::support::{Sleeper, sleeper};

crate::tests!(
    a_new_semaphore_has_the_bytes_of_sem_init,
    c_sees_our_values_and_we_see_its,
    our_post_wakes_a_waiter_in_c,
    a_post_in_c_wakes_our_waiter,
    both_sides_keep_a_shared_count_exact,
);

/// As a C program would have it.
#[repr(C)]
struct Job {
    number: u32,
    done: UnsafeCell<MaybeUninit<libc::sem_t>>,
    result: u64,
}

// SAFETY: the semaphore is for use by several threads.
unsafe impl Sync for Job {}

impl Job {
    fn new(pshared: i32, value: u32) -> Box<Self> {
        let job = Box::new(Self { number: 7, done: UnsafeCell::new(MaybeUninit::zeroed()), result: 8 });
        // SAFETY: the place is for a semaphore and used by nobody yet.
        assert_eq!(unsafe { libc::sem_init(job.sem(), pshared, value) }, 0);
        job
    }

    fn sem(&self) -> *mut libc::sem_t {
        self.done.get().cast()
    }

    fn joined<L: Layout>(&self) -> &SemaphoreOf<L> {
        // SAFETY: it lives as long as `self`, and everybody uses it as a semaphore of the C library's layout.
        unsafe { SemaphoreOf::from_ptr(self.sem().cast()) }
    }

    fn c_value(&self) -> i32 {
        let mut value = -1;
        // SAFETY: the semaphore is initialized, and `value` is a place for the result.
        assert_eq!(unsafe { libc::sem_getvalue(self.sem(), &mut value) }, 0);
        value
    }

    fn c_post(&self) {
        // SAFETY: the semaphore is initialized.
        assert_eq!(unsafe { libc::sem_post(self.sem()) }, 0);
    }

    fn c_wait(&self) {
        // SAFETY: the semaphore is initialized.
        assert_eq!(unsafe { libc::sem_wait(self.sem()) }, 0);
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        assert_eq!((self.number, self.result), (7, 8), "the fields around it are untouched");
    }
}

fn a_new_semaphore_has_the_bytes_of_sem_init() {
    fn bytes<T>(place: *const T) -> [u8; size_of::<libc::sem_t>()] {
        assert_eq!(size_of::<T>(), size_of::<libc::sem_t>());
        // SAFETY: the place has that many initialized bytes, as just seen, and nobody changes them.
        unsafe { place.cast::<[u8; size_of::<libc::sem_t>()]>().read() }
    }
    for value in [0, 1, 5, i32::MAX as u32] {
        let shared = Job::new(1, value);
        assert_eq!(bytes(shared.sem()), bytes(&Semaphore::new(value)));
        let private = Job::new(0, value);
        assert_eq!(bytes(private.sem()), bytes(&SemaphoreOf::<Private<Native>>::new(value)));
    }
}

fn c_sees_our_values_and_we_see_its() {
    fn check<L: Layout>(pshared: i32) {
        let job = Job::new(pshared, 3);
        let joined = job.joined::<L>();
        assert_eq!(joined.value(), 3);
        job.c_wait();
        assert_eq!(joined.value(), 2);
        joined.wait().unwrap();
        assert_eq!(job.c_value(), 1);
        joined.post_many(9).unwrap();
        job.c_post();
        assert_eq!((job.c_value(), joined.value()), (11, 11));
    }
    check::<Native>(1);
    check::<Private<Native>>(0);
}

fn our_post_wakes_a_waiter_in_c() {
    fn check<L: Layout>(pshared: i32)
    where
        SemaphoreOf<L>: Sync,
    {
        let job = &*Job::new(pshared, 0);
        let joined = job.joined::<L>();
        thread::scope(|scope| {
            let waiters: Vec<_> = (1..=3)
                .map(|number| Sleeper::start(scope, move || joined.waiters() == number, move || job.c_wait()))
                .collect();
            joined.post().unwrap();
            joined.post_many(2).unwrap();
            waiters.into_iter().for_each(Sleeper::join);
        });
        assert_eq!((job.c_value(), joined.waiters()), (0, 0));
    }
    check::<Native>(1);
    check::<Private<Native>>(0);
}

fn a_post_in_c_wakes_our_waiter() {
    fn check<L: Layout>(pshared: i32)
    where
        SemaphoreOf<L>: Sync,
    {
        let job = &*Job::new(pshared, 0);
        let joined = job.joined::<L>();
        thread::scope(|scope| {
            let waiters = [sleeper(scope, joined), sleeper(scope, joined)];
            job.c_post();
            job.c_post();
            waiters.into_iter().for_each(Sleeper::join);
        });
        assert_eq!((joined.value(), joined.waiters()), (0, 0));
    }
    check::<Native>(1);
    check::<Private<Native>>(0);
}

fn both_sides_keep_a_shared_count_exact() {
    fn check<L: Layout>(pshared: i32)
    where
        SemaphoreOf<L>: Sync,
    {
        const TURNS: u32 = 20_000;
        struct Count(UnsafeCell<u32>);
        // SAFETY: whoever touches it has the token.
        unsafe impl Sync for Count {}
        impl Count {
            fn increment(&self) {
                // SAFETY: the caller has the token, so nobody else is here.
                unsafe { *self.0.get() += 1 };
            }
        }
        let (job, count) = (&*Job::new(pshared, 1), &Count(UnsafeCell::new(0)));
        let joined = job.joined::<L>();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..TURNS {
                        job.c_wait();
                        count.increment();
                        job.c_post();
                    }
                });
                scope.spawn(|| {
                    for turn in 0..TURNS {
                        let timeout = Duration::from_secs(if turn % 2 == 0 { 30 } else { 60 });
                        joined.wait_timeout(timeout).unwrap();
                        count.increment();
                        joined.post().unwrap();
                    }
                });
            }
        });
        // SAFETY: the threads have ended.
        assert_eq!(unsafe { *count.0.get() }, 4 * TURNS);
        assert_eq!((joined.value(), joined.waiters()), (1, 0));
    }
    check::<Native>(1);
    check::<Private<Native>>(0);
}
