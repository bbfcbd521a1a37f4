//! Stress: this crate's processes with those of the C libraries and of Python on one semaphore, and alone.

use rawipc::semaphore::abi::Abi;

use crate::harness::{Ending, Lacking};
use crate::semaphore::peers::Library::{self, Glibc, Glibc32, Multiprocessing, Musl, PosixIpc, Rawipc};
use crate::semaphore::stress::{Mode, Outcome, Participant, Setting, plain};
use crate::semaphore::support::ABIS;

crate::tests!(
    alone_in_every_layout,
    with_glibc_as_a_mutex,
    with_glibc_timing_out,
    with_glibc_as_producers_and_consumers,
    with_glibc_under_a_storm_of_signals,
    with_musl_as_a_mutex,
    with_musl_timing_out,
    with_musl_as_producers_and_consumers,
    with_musl_under_a_storm_of_signals,
    with_glibc_for_i386_as_a_mutex,
    with_glibc_for_i386_timing_out,
    with_glibc_for_i386_as_producers_and_consumers,
    with_glibc_for_i386_under_a_storm_of_signals,
    with_python_as_a_mutex,
    with_python_timing_out,
    with_python_as_producers_and_consumers,
    one_that_counts_without_the_token_is_caught,
    one_that_posts_twice_is_caught,
);

const TURNS: u32 = 50_000;

/// Turns that cost a sleep each.
const FEW: u32 = 12_000;

#[track_caller]
fn succeed(setting: &Setting<'_>) -> Result<Outcome, Lacking> {
    let outcome = setting.run()?.unwrap_or_else(|error| panic!("{error}"));
    if setting.interval > 0 {
        assert!(outcome.interrupted > 0, "no signal hit a wait: {outcome:?}, {setting:?}");
    }
    Ok(outcome)
}

/// Two processes of this crate and two of a C library.
const fn with(library: Library, turns: u32) -> [Participant<'static>; 4] {
    // Each pair of a producer and a consumer is of both.
    [plain(Rawipc, turns), plain(library, turns), plain(library, turns), plain(Rawipc, turns)]
}

/// The settings of a mode, with the semaphore made by either side.
fn settings<'a>(mode: Mode, library: Library, participants: &'a [Participant<'a>]) -> [Setting<'a>; 2] {
    let abi = library.abi();
    [library, Rawipc].map(|creator| Setting { mode, creator, abi, participants, interval: 0 })
}

fn as_a_mutex(library: Library) -> Ending {
    for setting in settings(Mode::Mutex, library, &with(library, TURNS)) {
        assert_eq!(succeed(&setting)?.done, 4 * u64::from(TURNS));
    }
    Ok(())
}

fn timing_out(library: Library) -> Ending {
    for setting in settings(Mode::Timed, library, &with(library, TURNS / 2)) {
        let outcome = succeed(&setting)?;
        assert!(outcome.timed_out > 0 && outcome.done > 0, "{outcome:?}");
    }
    Ok(())
}

fn as_producers_and_consumers(library: Library) -> Ending {
    for setting in settings(Mode::Items, library, &with(library, TURNS)) {
        succeed(&setting)?;
    }
    Ok(())
}

fn under_a_storm(library: Library) -> Ending {
    for mode in [Mode::Mutex, Mode::Timed, Mode::Items] {
        let participants = &with(library, FEW);
        let [setting, _] = settings(mode, library, participants);
        succeed(&Setting { interval: 100, ..setting })?;
    }
    Ok(())
}

fn alone_in_every_layout() -> Ending {
    for (abi, mode) in ABIS.into_iter().flat_map(|abi| [Mode::Mutex, Mode::Timed, Mode::Items].map(|mode| (abi, mode)))
    {
        for (turns, interval) in [(TURNS / 2, 0), (FEW, 100)] {
            let participants = &with(Rawipc, turns);
            succeed(&Setting { mode, creator: Rawipc, abi, participants, interval })?;
        }
    }
    Ok(())
}

fn with_glibc_as_a_mutex() -> Ending {
    as_a_mutex(Glibc)
}

fn with_glibc_timing_out() -> Ending {
    timing_out(Glibc)
}

fn with_glibc_as_producers_and_consumers() -> Ending {
    as_producers_and_consumers(Glibc)
}

fn with_glibc_under_a_storm_of_signals() -> Ending {
    under_a_storm(Glibc)
}

fn with_musl_as_a_mutex() -> Ending {
    as_a_mutex(Musl)
}

fn with_musl_timing_out() -> Ending {
    timing_out(Musl)
}

fn with_musl_as_producers_and_consumers() -> Ending {
    as_producers_and_consumers(Musl)
}

fn with_musl_under_a_storm_of_signals() -> Ending {
    under_a_storm(Musl)
}

fn with_glibc_for_i386_as_a_mutex() -> Ending {
    as_a_mutex(Glibc32)
}

fn with_glibc_for_i386_timing_out() -> Ending {
    timing_out(Glibc32)
}

fn with_glibc_for_i386_as_producers_and_consumers() -> Ending {
    as_producers_and_consumers(Glibc32)
}

fn with_glibc_for_i386_under_a_storm_of_signals() -> Ending {
    under_a_storm(Glibc32)
}

/// Both libraries of Python, glibc itself, and this crate.
const PYTHON: [Participant<'static>; 6] = [
    plain(Rawipc, FEW),
    plain(Multiprocessing, FEW),
    plain(PosixIpc, FEW),
    plain(Glibc, FEW),
    plain(Glibc, FEW),
    plain(Rawipc, FEW),
];

fn with_python_as_a_mutex() -> Ending {
    for creator in [Rawipc, PosixIpc] {
        succeed(&Setting { mode: Mode::Mutex, creator, abi: Abi::NATIVE, participants: &PYTHON, interval: 0 })?;
    }
    Ok(())
}

fn with_python_timing_out() -> Ending {
    let outcome = succeed(&Setting {
        mode: Mode::Timed,
        creator: Multiprocessing,
        abi: Abi::NATIVE,
        participants: &PYTHON,
        interval: 0,
    })?;
    assert!(outcome.timed_out > 0 && outcome.done > 0, "{outcome:?}");
    Ok(())
}

fn with_python_as_producers_and_consumers() -> Ending {
    succeed(&Setting {
        mode: Mode::Items,
        creator: Multiprocessing,
        abi: Abi::NATIVE,
        participants: &PYTHON,
        interval: 0,
    })?;
    Ok(())
}

/// The check of the tests above, when one participant does not keep to the rules.
fn one_that_counts_without_the_token_is_caught() -> Ending {
    let participants = &[plain(Rawipc, TURNS), plain(Rawipc, TURNS), (Rawipc, FEW, Some("greedy"))];
    let setting = Setting { mode: Mode::Mutex, creator: Rawipc, abi: Abi::NATIVE, participants, interval: 0 };
    let error = setting.run()?.expect_err("the counter cannot be right");
    assert!(error.contains("were counted"), "{error}");
    Ok(())
}

fn one_that_posts_twice_is_caught() -> Ending {
    let participants = &[plain(Rawipc, TURNS), plain(Rawipc, TURNS), (Rawipc, TURNS, Some("generous"))];
    let setting = Setting { mode: Mode::Mutex, creator: Rawipc, abi: Abi::NATIVE, participants, interval: 0 };
    let error = setting.run()?.expect_err("the value cannot be right");
    assert!(error.contains("instead of 1"), "{error}");
    Ok(())
}
