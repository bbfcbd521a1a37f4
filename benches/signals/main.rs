//! How often a handler does not interrupt the wait that it runs in, though it was installed to: `cargo xtask signals`.
//!
//! Each process installs a handler, sets one timer, and waits once. `signals PROCESSES` starts so many for each kind of
//! wait and each class of times, prints a table and fails if a handler did not what it must.

mod process;
mod subject;

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::Result;
use std::process::ExitCode;
use std::time::Duration;

use process::{Handler, Load, Tally, leave_namespace, run};
use subject::{KINDS, Kind};

/// Times from the start of a process to its timer.
#[derive(Clone, Copy)]
enum Times {
    /// Always the same.
    Round(Duration),
    /// From a millisecond before to a millisecond after.
    Around(Duration),
    /// Anything from a millisecond to 1.2 s.
    Random,
}

struct Class {
    name: &'static str,
    times: Times,
    handler: Handler,
}

const fn class(name: &'static str, times: Times) -> Class {
    Class { name, times, handler: Handler::Interrupts }
}

const fn round(name: &'static str, millis: u64) -> Class {
    class(name, Times::Round(Duration::from_millis(millis)))
}

const CLASSES: [Class; 8] = [
    round("50 ms", 50),
    round("100 ms", 100),
    round("500 ms", 500),
    round("1 s", 1000),
    class("50 ms, 1 ms more or less", Times::Around(Duration::from_millis(50))),
    class("1 s, 1 ms more or less", Times::Around(Duration::from_secs(1))),
    class("1 ms to 1.2 s, at random", Times::Random),
    // Not where a slice of any wait ends.
    Class { handler: Handler::Restarts, ..round("70 ms, SA_RESTART", 70) },
];

/// The steps of [`Times::Around`].
const STEP: Duration = Duration::from_micros(20);
const STEPS: u32 = 50;

impl Times {
    /// The times of so many processes; for `Around`, of so many that each step has equally many.
    fn of(self, processes: usize) -> Vec<Duration> {
        match self {
            Self::Round(time) => vec![time; processes],
            Self::Around(time) => {
                let steps = 2 * STEPS + 1;
                let step = |number: usize| time - STEP * STEPS + STEP * (number as u32 % steps);
                (0..processes.next_multiple_of(steps as usize)).map(step).collect()
            }
            Self::Random => {
                let random = RandomState::new();
                let time = |number| Duration::from_micros(1000 + random.hash_one(number) % 1_199_000);
                (0..processes).map(time).collect()
            }
        }
    }
}

fn main() -> ExitCode {
    let Some(processes) = std::env::args().nth(1).and_then(|count| count.parse().ok()) else {
        eprintln!("usage: signals PROCESSES");
        return ExitCode::from(2);
    };
    match all(processes) {
        Ok(faults) if faults.is_empty() => ExitCode::SUCCESS,
        Ok(faults) => {
            println!("TOO MANY: {}", faults.join("; "));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("signals: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures everything; what must not be is in the result.
fn all(processes: usize) -> Result<Vec<String>> {
    println!(
        "Handlers that did not interrupt their wait, or with SA_RESTART did. Early ones, before it slept, do not count."
    );
    leave_namespace();
    let mut faults = Vec::new();
    for is_idle in [true, false] {
        let condition = if is_idle { "idle" } else { "all processors busy" };
        println!("\n{condition}; load average before: {}", load_average()?);
        println!("{:22} {:26} {:>6} {:>6} {:>6}", "wait", "handler after", "lost", "of", "early");
        let load = if is_idle { None } else { Some(Load::start()?) };
        for kind in &KINDS {
            for class in &CLASSES {
                let times = class.times.of(processes);
                let of = times.len();
                let tally = run(kind, class.handler, times)?;
                let (lost, early) = (tally.lost.len(), tally.early);
                println!("{:22} {:26} {lost:6} {of:6} {early:6}{}", kind.name, class.name, most(class, &tally));
                if lost > 0 && !may_lose(kind, class, is_idle) {
                    faults.push(format!("{}, {}, {condition}: {lost} of {of}", kind.name, class.name));
                }
            }
        }
        drop(load);
    }
    Ok(faults)
}

/// A handler that runs between two sleeps of a wait is lost: seldom, and not more often at times that programs choose.
/// With SA_RESTART it interrupts such a wait, which says so.
fn may_lose(kind: &Kind, class: &Class, is_idle: bool) -> bool {
    let is_round = matches!(class.times, Times::Round(_));
    kind.is_sliced && (class.handler != Handler::Interrupts || !(is_round && is_idle))
}

/// The step at which most are lost.
fn most(class: &Class, tally: &Tally) -> String {
    let Times::Around(time) = class.times else { return String::new() };
    let count = |step: Duration| tally.lost.iter().filter(|lost| **lost == step).count();
    let Some(most) = tally.lost.iter().copied().max_by_key(|step| count(*step)) else { return String::new() };
    let from = most.as_micros() as i128 - time.as_micros() as i128;
    format!("  most at {from:+} µs: {}", count(most))
}

fn load_average() -> Result<String> {
    let text = fs::read_to_string("/proc/loadavg")?;
    Ok(text.split(' ').next().unwrap_or_default().to_owned())
}
