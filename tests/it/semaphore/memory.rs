//! Semaphores in memory: counting, waking, permits, and where they may lie.

use std::ptr::null_mut;
use std::thread;
use std::time::Duration;

use rawipc::error::Operation;
use rawipc::semaphore::SemaphoreOf;
use rawipc::semaphore::abi::{Gnu32, Gnu64, Layout, Musl, Private};
use rawipc::time::{Clock, Time};
use rawipc::{Deadline, Errno, ErrorKind, Permit, Semaphore, WaitTuning};

use crate::harness::Ending;
use crate::harness::kernel::in_child;
use crate::harness::queues::assert_error;
use crate::harness::waiting::wait_until;
use crate::in_every_layout;
use crate::semaphore::support::{Sleeper, sleeper};

crate::tests!(
    tokens_are_counted,
    what_no_token_means_to_each_way_of_waiting,
    a_permit_gives_its_token_back_unless_forgotten,
    a_post_wakes_one_and_many_wake_many,
    every_tuning_waits_and_is_woken,
    looking_again_takes_what_is_posted_meanwhile,
    nobody_looks_again_while_another_one_sleeps,
    statics_serve_threads,
    zeros_are_a_semaphore_of_value_zero,
    sizes_and_alignments_are_those_of_the_c_libraries,
    its_debug_text_has_both_numbers;
    alone: processes_share_it_in_shared_memory,
    zeros_in_shared_memory_are_shared,
    a_child_has_its_own_copy_of_any_other,
);

fn tokens_are_counted() {
    fn check<L: Layout>(semaphore: &SemaphoreOf<L>) {
        assert_eq!((semaphore.value(), semaphore.waiters()), (3, 0));
        semaphore.try_wait().unwrap();
        semaphore.wait().unwrap();
        assert_eq!(semaphore.value(), 1);
        semaphore.wait_timeout(Duration::ZERO).unwrap();
        assert_eq!(semaphore.value(), 0);
        semaphore.post().unwrap();
        semaphore.post_many(4).unwrap();
        semaphore.post_many(0).unwrap();
        assert_eq!(semaphore.value(), 5);
        // A token that is there is taken whatever the timeout.
        for clock in [Clock::Monotonic, Clock::Realtime] {
            for time in [Time::ZERO, Time::new(-1, 0).unwrap(), Time::now(clock)] {
                semaphore.post().unwrap();
                semaphore.wait_deadline(at(clock, time)).unwrap();
            }
        }
        semaphore.wait_tuned(None, WaitTuning { spin: 0, recheck_interval: None }).unwrap();
        semaphore.wait_timeout(Duration::MAX).unwrap();
        assert_eq!((semaphore.value(), semaphore.waiters()), (3, 0));
    }
    in_every_layout!(3, semaphore => check(semaphore));
}

fn at(clock: Clock, time: Time) -> Deadline {
    match clock {
        Clock::Monotonic => Deadline::Monotonic(time),
        Clock::Realtime => Deadline::Realtime(time),
    }
}

fn what_no_token_means_to_each_way_of_waiting() {
    fn check<L: Layout>(semaphore: &SemaphoreOf<L>) {
        let error = semaphore.try_wait().unwrap_err();
        assert_error(error, ErrorKind::WouldBlock, Errno::AGAIN, Operation::Wait, "waiting for the semaphore");
        let soon = Duration::from_millis(2);
        for error in [
            semaphore.wait_timeout(Duration::ZERO),
            semaphore.wait_timeout(soon),
            semaphore.wait_deadline(Deadline::after(soon)),
            semaphore.wait_deadline(Deadline::realtime_after(soon)),
            semaphore.wait_deadline(Deadline::Realtime(Time::ZERO)),
            semaphore.wait_tuned(Some(Deadline::after(soon)), WaitTuning { spin: 0, recheck_interval: None }),
        ] {
            let error = error.unwrap_err();
            assert_error(error, ErrorKind::TimedOut, Errno::TIMEDOUT, Operation::Wait, "timed out (ETIMEDOUT)");
        }
        assert_eq!((semaphore.value(), semaphore.waiters()), (0, 0));
    }
    in_every_layout!(0, semaphore => check(semaphore));
}

fn a_permit_gives_its_token_back_unless_forgotten() {
    fn check<L: Layout>(semaphore: &SemaphoreOf<L>) {
        let first = semaphore.acquire().unwrap();
        let second = semaphore.acquire().unwrap();
        assert_eq!(semaphore.value(), 0);
        drop(first);
        assert_eq!(semaphore.value(), 1);
        second.forget();
        assert_eq!(semaphore.value(), 1);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _permit = semaphore.acquire().unwrap();
            // Not `panic!`, whose message would look like a failure.
            std::panic::resume_unwind(Box::new(()));
        }));
        assert!(panicked.is_err());
        assert_eq!(semaphore.value(), 1);
        assert!(format!("{:?}", semaphore.acquire().unwrap()).starts_with("Permit"));
        let soon = || Deadline::after(Duration::from_millis(1));
        type Form<'form> = &'form dyn Fn() -> rawipc::Result<Permit<'form>>;
        let forms: [(Form<'_>, ErrorKind); 3] = [
            (&|| semaphore.try_acquire(), ErrorKind::WouldBlock),
            (&|| semaphore.acquire_timeout(Duration::ZERO), ErrorKind::TimedOut),
            (&|| semaphore.acquire_deadline(soon()), ErrorKind::TimedOut),
        ];
        for (acquire, refusal) in forms {
            let permit = acquire().unwrap();
            assert_eq!((semaphore.value(), acquire().unwrap_err().kind()), (0, refusal));
            drop(permit);
        }
        assert_eq!(semaphore.value(), 1);
    }
    in_every_layout!(2, semaphore => check(semaphore));
}

fn a_post_wakes_one_and_many_wake_many() {
    fn check<L: Layout>(semaphore: &SemaphoreOf<L>)
    where
        SemaphoreOf<L>: Sync,
    {
        thread::scope(|scope| {
            let sleepers: Vec<_> = (0..4).map(|_| sleeper(scope, semaphore)).collect();
            semaphore.post().unwrap();
            wait_until("one is woken", || sleepers.iter().filter(|sleeper| sleeper.is_finished()).count() == 1);
            semaphore.post_many(3).unwrap();
            sleepers.into_iter().for_each(Sleeper::join);
        });
        assert_eq!((semaphore.value(), semaphore.waiters()), (0, 0));
    }
    in_every_layout!(0, semaphore => check(semaphore));
}

fn every_tuning_waits_and_is_woken() {
    let (short, long) = (Some(Duration::from_millis(1)), Some(Duration::from_secs(60)));
    for (spin, recheck_interval) in [(0, None), (0, short), (1_000, None), (1_000, short), (40, long)] {
        let tuning = WaitTuning { spin, recheck_interval };
        in_every_layout!(0, semaphore => thread::scope(|scope| {
            let sleeper = Sleeper::start(scope, || semaphore.waiters() == 1, || semaphore.wait_tuned(None, tuning));
            semaphore.post().unwrap();
            sleeper.join().unwrap();
        }));
    }
}

/// A tuning that looks again as good as for ever.
fn looking() -> WaitTuning {
    WaitTuning { spin: u32::MAX, ..WaitTuning::default() }
}

fn looking_again_takes_what_is_posted_meanwhile() {
    in_every_layout!(0, semaphore => thread::scope(|scope| {
        let waiter = scope.spawn(|| (0..20).try_for_each(|_| semaphore.wait_tuned(None, looking())));
        for _ in 0..20 {
            semaphore.post().unwrap();
            wait_until("it is taken", || semaphore.value() == 0);
        }
        waiter.join().unwrap().unwrap();
    }));
}

fn nobody_looks_again_while_another_one_sleeps() {
    in_every_layout!(0, semaphore => thread::scope(|scope| {
        let first = sleeper(scope, semaphore);
        let second = Sleeper::start(scope, || semaphore.waiters() == 2, || semaphore.wait_tuned(None, looking()));
        semaphore.post_many(2).unwrap();
        first.join();
        second.join().unwrap();
    }));
}

static SHARED: Semaphore = Semaphore::new(0);
static PRIVATE: SemaphoreOf<Private<Musl>> = SemaphoreOf::<Private<Musl>>::new(0);

fn statics_serve_threads() {
    const TURNS: u32 = 1_000;
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..TURNS {
                SHARED.wait().unwrap();
                PRIVATE.post().unwrap();
            }
        });
        for _ in 0..TURNS {
            SHARED.post().unwrap();
            PRIVATE.wait().unwrap();
        }
    });
    assert_eq!((SHARED.value(), PRIVATE.value()), (0, 0));
}

fn zeros_are_a_semaphore_of_value_zero() {
    fn check<L: Layout>()
    where
        SemaphoreOf<L>: Sync,
    {
        let mut memory = [0_u64; 4];
        assert!(size_of::<SemaphoreOf<L>>() <= size_of_val(&memory));
        // SAFETY: the memory is long and aligned enough, and used by nothing else while the semaphore is.
        let semaphore = unsafe { SemaphoreOf::<L>::from_ptr(memory.as_mut_ptr().cast()) };
        assert_eq!((semaphore.value(), semaphore.waiters()), (0, 0));
        thread::scope(|scope| {
            let sleeper = sleeper(scope, semaphore);
            semaphore.post().unwrap();
            sleeper.join();
        });
        assert_eq!(semaphore.value(), 0);
        assert_eq!(memory, [0; 4]);
    }
    check::<Gnu64>();
    check::<Gnu32>();
    check::<Musl>();
    check::<Private<Gnu64>>();
    check::<Private<Gnu32>>();
    check::<Private<Musl>>();
}

fn sizes_and_alignments_are_those_of_the_c_libraries() {
    assert_eq!((size_of::<SemaphoreOf<Gnu64>>(), align_of::<SemaphoreOf<Gnu64>>()), (32, 8));
    assert_eq!((size_of::<SemaphoreOf<Gnu32>>(), align_of::<SemaphoreOf<Gnu32>>()), (16, 4));
    assert_eq!((size_of::<SemaphoreOf<Musl>>(), align_of::<SemaphoreOf<Musl>>()), (4 * size_of::<usize>(), 4));
    assert_eq!(size_of::<Semaphore>(), size_of::<libc::sem_t>());
    assert!(align_of::<Semaphore>() <= align_of::<libc::sem_t>());
}

fn its_debug_text_has_both_numbers() {
    in_every_layout!(7, semaphore => assert_eq!(format!("{semaphore:?}"), "Semaphore { value: 7, waiters: 0 }"));
}

/// Memory of zeros that a forked child shares. Never unmapped; its process ends soon.
fn shared_memory() -> *mut u8 {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
    // SAFETY: the kernel chooses the address.
    let memory = unsafe { libc::mmap(null_mut(), 4096, protection, flags, -1, 0) };
    assert_ne!(memory, libc::MAP_FAILED);
    memory.cast()
}

/// Two semaphores in shared memory, at its start and at byte 64, and a child that answers each post of one with a post
/// of the other.
fn check_between_processes<L: Layout>(memory: *mut u8) {
    // SAFETY: a page is long and aligned enough, and is never unmapped.
    let there = unsafe { SemaphoreOf::<L>::from_ptr(memory.cast()) };
    // SAFETY: as above, at an aligned place further on.
    let back = unsafe { SemaphoreOf::<L>::from_ptr(memory.wrapping_add(64).cast()) };
    const TURNS: u32 = 500;
    there.post_many(TURNS).unwrap();
    in_child(|| {
        for _ in 0..TURNS {
            there.wait().unwrap();
            back.post().unwrap();
        }
    });
    (0..TURNS).for_each(|_| back.try_wait().unwrap());
    // SAFETY: the process has one thread.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        crate::harness::kernel::die_with_parent();
        let answered = (0..TURNS).all(|_| there.wait().is_ok() && back.post().is_ok());
        // SAFETY: ends the child without running what its parent has registered.
        unsafe { libc::_exit(i32::from(!answered)) };
    }
    for _ in 0..TURNS {
        there.post().unwrap();
        back.wait_timeout(Duration::from_secs(30)).unwrap();
    }
    let mut status = 0;
    // SAFETY: `status` is a place for the result.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0);
    assert_eq!((there.value(), back.value(), there.waiters(), back.waiters()), (0, 0, 0, 0));
}

fn processes_share_it_in_shared_memory() -> Ending {
    macro_rules! check {
        ($($layout:ident),*) => {$({
            let memory = shared_memory();
            for place in [0, 64] {
                // SAFETY: the place is aligned and within the page.
                unsafe { memory.add(place).cast::<SemaphoreOf<$layout>>().write(SemaphoreOf::<$layout>::new(0)) };
            }
            check_between_processes::<$layout>(memory);
        })*};
    }
    check!(Gnu64, Gnu32, Musl);
    Ok(())
}

fn zeros_in_shared_memory_are_shared() -> Ending {
    check_between_processes::<Gnu64>(shared_memory());
    check_between_processes::<Gnu32>(shared_memory());
    check_between_processes::<Musl>(shared_memory());
    Ok(())
}

fn a_child_has_its_own_copy_of_any_other() -> Ending {
    in_every_layout!(1, semaphore => {
        in_child(|| {
            semaphore.wait().unwrap();
            semaphore.post_many(5).unwrap();
        });
        assert_eq!(semaphore.value(), 1);
    });
    Ok(())
}
