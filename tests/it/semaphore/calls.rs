//! The system calls that semaphores make: as few as there can be.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::time::Duration;

use rawipc::semaphore::SemaphoreOf;
use rawipc::semaphore::abi::{Abi, Gnu32, Gnu64, Layout, Musl};
use rawipc::time::{Clock, Time};
use rawipc::{Deadline, Name, NamedSemaphore, WaitTuning};

use crate::harness::tracer::{Call, be_traced, calls_of, piece};
use crate::harness::{Ending, Lacking, Role, role};
use crate::in_every_layout;
use crate::semaphore::support::{ABIS, FreeName};

crate::tests!(
    opening_and_closing_take_six_calls,
    creating_closing_and_unlinking_take_nine_calls,
    opening_takes_one_call_more_than_in_c,
    whatever_need_not_sleep_or_wake_makes_no_call,
    a_wait_sleeps_by_one_call,
    a_post_wakes_by_one_call_until_the_waiters_are_reset,
);

pub const ROLES: &[Role] = &[
    ("semaphore_calls_named", name_and_open),
    ("semaphore_calls_memory", use_memory),
    ("semaphore_calls_sleep", sleep_and_wake),
];

/// A traced role's pieces.
fn pieces(role_name: &str, name: &FreeName) -> Result<BTreeMap<u64, Vec<Call>>, Lacking> {
    calls_of(&mut role(role_name, &[name.as_str()]))
}

/// The calls' numbers, with one for those that have two. In builds with debug assertions, `std` looks at a descriptor
/// before it closes it; that does not count.
fn numbers(calls: &[Call]) -> Vec<libc::c_long> {
    let counted =
        calls.iter().filter(|call| call.number != libc::SYS_fcntl || call.arguments[1] != libc::F_GETFD as u64);
    counted.map(|call| usual(call.number)).collect()
}

#[cfg(target_arch = "x86_64")]
const fn usual(number: libc::c_long) -> libc::c_long {
    match number {
        libc::SYS_open => libc::SYS_openat,
        libc::SYS_unlink => libc::SYS_unlinkat,
        libc::SYS_newfstatat => libc::SYS_fstat,
        number => number,
    }
}

#[cfg(not(target_arch = "x86_64"))]
const fn usual(number: libc::c_long) -> libc::c_long {
    number
}

const fn offset(abi: Abi) -> u32 {
    match abi {
        Abi::Gnu64 => 0,
        Abi::Gnu32 => 100,
        Abi::Musl => 200,
    }
}

const CREATE: u32 = 1;
const OPEN: u32 = 2;
const C_CREATE: u32 = 3;
const C_OPEN: u32 = 4;

fn name_and_open(arguments: &[String]) {
    be_traced();
    let name = Name::new(arguments[0].as_str()).expect("a name");
    for abi in ABIS {
        let options = NamedSemaphore::options().abi(abi).initial_value(1);
        let create = || {
            options.create_new(true).open(name).expect("the name is free").close().expect("it closes");
            options.unlink(name).expect("it is there");
        };
        // The first time may look up what the process does not know yet.
        create();
        piece(offset(abi) + CREATE, create);
        drop(options.create_new(true).open(name).expect("the name is free"));
        piece(offset(abi) + OPEN, || options.open(name).expect("it is there").close().expect("it closes"));
        // Either way, and without being told the layout where this is the machine's library.
        let own = (abi == Abi::Musl) == (Abi::of_machine() == Abi::Musl);
        let any = if own { NamedSemaphore::options().create(true) } else { options.create(true) };
        piece(offset(abi) + OPEN + 10, || any.open(name).expect("it is there").close().expect("it closes"));
        options.unlink(name).expect("it is there");
    }
    let name = CString::new(arguments[0].as_str()).expect("no NUL in it");
    let c_open = |flags| {
        // SAFETY: the name ends in a NUL, and a mode and a value follow.
        let semaphore = unsafe { libc::sem_open(name.as_ptr(), flags, 0o600, 1_u32) };
        assert_ne!(semaphore, libc::SEM_FAILED);
        // SAFETY: it is open, and nobody uses it.
        assert_eq!(unsafe { libc::sem_close(semaphore) }, 0);
    };
    // SAFETY: the name ends in a NUL.
    let c_unlink = || assert_eq!(unsafe { libc::sem_unlink(name.as_ptr()) }, 0);
    c_open(libc::O_CREAT | libc::O_EXCL);
    c_unlink();
    piece(C_CREATE, || {
        c_open(libc::O_CREAT | libc::O_EXCL);
        c_unlink();
    });
    c_open(libc::O_CREAT | libc::O_EXCL);
    piece(C_OPEN, || c_open(0));
    c_unlink();
}

fn opening_and_closing_take_six_calls() -> Ending {
    let pieces = pieces("semaphore_calls_named", &FreeName::new())?;
    let expected =
        [libc::SYS_openat, libc::SYS_read, libc::SYS_mmap, libc::SYS_fstat, libc::SYS_close, libc::SYS_munmap];
    for abi in ABIS {
        let calls = &pieces[&u64::from(offset(abi) + OPEN)];
        assert_eq!(numbers(calls), expected, "{abi}: {calls:?}");
        let calls = &pieces[&u64::from(offset(abi) + OPEN + 10)];
        assert_eq!(numbers(calls), expected, "{abi}: {calls:?}");
    }
    Ok(())
}

fn creating_closing_and_unlinking_take_nine_calls() -> Ending {
    let pieces = pieces("semaphore_calls_named", &FreeName::new())?;
    for abi in ABIS {
        let calls = &pieces[&u64::from(offset(abi) + CREATE)];
        let mut numbers = numbers(calls);
        // Where a link by descriptor is not allowed, another way takes one call more.
        if let Some(again) = numbers.windows(2).position(|pair| pair == [libc::SYS_linkat; 2]) {
            numbers.remove(again);
        }
        let expected = [
            libc::SYS_openat,
            libc::SYS_prlimit64,
            libc::SYS_write,
            libc::SYS_mmap,
            libc::SYS_fstat,
            libc::SYS_linkat,
            libc::SYS_close,
            libc::SYS_munmap,
            libc::SYS_unlinkat,
        ];
        assert_eq!(numbers, expected, "{abi}: {calls:?}");
    }
    Ok(())
}

fn opening_takes_one_call_more_than_in_c() -> Ending {
    let pieces = pieces("semaphore_calls_named", &FreeName::new())?;
    let count = |piece: u32| numbers(&pieces[&u64::from(piece)]).len();
    // The one more says which file it is, for `is_linked`.
    for (ours, theirs, more) in [(CREATE, C_CREATE, 0), (OPEN, C_OPEN, 1)] {
        let ours = offset(Abi::NATIVE) + ours;
        assert!(count(ours) <= count(theirs) + more, "{:?} against {:?}", pieces[&ours.into()], pieces[&theirs.into()]);
    }
    Ok(())
}

/// Everything that is done with tokens there, or without the wish to sleep.
fn use_without_waiting<L: Layout>(semaphore: &SemaphoreOf<L>) {
    let past = [Time::ZERO, Time::new(-5, 0).expect("a time"), Time::now(Clock::Monotonic)];
    semaphore.post().expect("there is room");
    semaphore.post_many(3).expect("there is room");
    semaphore.wait().expect("there is a token");
    semaphore.try_wait().expect("there is a token");
    semaphore.wait_timeout(Duration::from_secs(1)).expect("there is a token");
    drop(semaphore.acquire().expect("there is a token"));
    semaphore.wait_deadline(Deadline::realtime_after(Duration::from_secs(1))).expect("there is a token");
    assert!(semaphore.try_wait().is_err());
    assert!(semaphore.wait_timeout(Duration::ZERO).is_err());
    for time in past {
        assert!(semaphore.wait_deadline(Deadline::Monotonic(time)).is_err());
        assert!(semaphore.wait_deadline(Deadline::Realtime(time)).is_err());
        assert!(semaphore.wait_tuned(Some(Deadline::Monotonic(time)), WaitTuning::DEFAULT).is_err());
    }
    let most = rawipc::Semaphore::MAX_VALUE;
    semaphore.post_many(most).expect("there is room");
    assert!(semaphore.post().is_err() && semaphore.post_many(1).is_err());
    assert_eq!((semaphore.value(), semaphore.waiters()), (most, 0));
}

/// They are looked for when they are used first.
fn look_at_the_clocks() {
    let _ = [Clock::Monotonic, Clock::Realtime].map(Time::now);
}

fn use_memory(_: &[String]) {
    be_traced();
    look_at_the_clocks();
    let mut numbers = 1..;
    in_every_layout!(0, semaphore => {
        piece(numbers.next().expect("no end"), || use_without_waiting(semaphore));
    });
}

fn whatever_need_not_sleep_or_wake_makes_no_call() -> Ending {
    let pieces = pieces("semaphore_calls_memory", &FreeName::new())?;
    for number in 1..=6 {
        let calls = &pieces[&number];
        assert!(calls.is_empty(), "{number}: {calls:?}");
    }
    Ok(())
}

/// A waiter that is recorded and not there, as the words of each layout have it.
const KILLED_WAITER: [u32; 4] = if cfg!(target_endian = "big") { [1, 0, 0, 0] } else { [0, 1, 0, 0] };
const KILLED_WAITER_32: [u32; 4] = [1, 0, 0, 1];
const KILLED_WAITER_MUSL: [u32; 4] = [1 << 31, 1, 0, 0];

/// Posts where such a waiter is recorded, then where it is no more; the pieces are of these numbers.
fn wake<L: Layout>(number: u32, words: [u32; 4]) {
    let mut memory = [0_u64; 4];
    for (place, pair) in memory.iter_mut().zip(words.chunks_exact(2)) {
        *place = u64::from_ne_bytes([pair[0].to_ne_bytes(), pair[1].to_ne_bytes()].concat().try_into().expect("eight"));
    }
    // SAFETY: the memory is long and aligned enough, and used by nothing else while the semaphore is.
    let semaphore = unsafe { SemaphoreOf::<L>::from_ptr(memory.as_mut_ptr().cast()) };
    assert_eq!((semaphore.value(), semaphore.waiters()), (0, 1));
    piece(number, || semaphore.post().expect("there is room"));
    assert_eq!(semaphore.value(), 1);
    semaphore.reset_waiters();
    assert_eq!((semaphore.value(), semaphore.waiters()), (1, 0));
    piece(number + 1, || semaphore.post().expect("there is room"));
}

fn a_post_wakes_by_one_call_until_the_waiters_are_reset() -> Ending {
    let pieces = pieces("semaphore_calls_sleep", &FreeName::new())?;
    for number in [100, 200, 300] {
        assert_eq!(numbers(&pieces[&number]), [libc::SYS_futex], "{number}");
        assert_eq!(numbers(&pieces[&(number + 1)]), [], "{number}");
    }
    Ok(())
}

fn sleep_and_wake(_: &[String]) {
    be_traced();
    look_at_the_clocks();
    let mut numbers = 1..;
    in_every_layout!(0, semaphore => {
        let soon = |recheck| {
            let tuning = WaitTuning { recheck_interval: recheck, ..WaitTuning::DEFAULT };
            assert!(semaphore.wait_tuned(Some(Deadline::after(Duration::from_millis(5))), tuning).is_err());
        };
        for recheck in [None, Some(Duration::from_secs(1)), Some(Duration::from_millis(1))] {
            piece(numbers.next().expect("no end"), || soon(recheck));
        }
    });
    wake::<Gnu64>(100, KILLED_WAITER);
    wake::<Gnu32>(200, KILLED_WAITER_32);
    wake::<Musl>(300, KILLED_WAITER_MUSL);
}

fn a_wait_sleeps_by_one_call() -> Ending {
    let pieces = pieces("semaphore_calls_sleep", &FreeName::new())?;
    for layout in 0..6 {
        let calls = |piece: u64| numbers(&pieces[&(3 * layout + piece)]);
        assert_eq!(calls(1), [libc::SYS_futex], "{layout}");
        assert_eq!(calls(2), [libc::SYS_futex], "{layout}");
        // Five milliseconds, looking again after each; a sleep takes a little longer than it was to.
        let slices = calls(3);
        assert!((1..=6).contains(&slices.len()) && slices.iter().all(|call| *call == libc::SYS_futex), "{slices:?}");
    }
    Ok(())
}
