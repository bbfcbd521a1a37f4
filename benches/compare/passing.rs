//! Messages through queues and what users would pick instead.

use crate::Run;
use crate::machine::{Placement, Processors};
use crate::measure::{Rounds, absent, at, in_turns, sorted, timed};
use crate::queue::{Names, Opened, Shape, WAITING, WAYS, Way};
use crate::record::Bound::{AtLeast, AtMost};
use crate::record::Table;

/// The ways that the targets are about.
const BARE: &str = "bare system calls";
const SHARED: &str = "rawipc, SharedQueue";
const PINNED: &str = "rawipc, SharedQueue, opened pinned";
const BOOST: &str = "Boost.Interprocess";

/// How many messages the kernel lets everybody's queues have.
const DEPTH: usize = 10;

const SIZES: [(usize, &str); 3] = [(64, "64 B"), (1024, "1 KiB"), (8192, "8 KiB")];

/// The ways of a list, opened with names of their own; or why one cannot be.
fn opened(ways: &[Way], names: &Names, shape: Shape) -> Vec<(&'static str, Opened)> {
    ways.iter().map(|way| (way.name, (way.open)(names, shape))).collect()
}

/// A message sent and received in one process.
pub fn pairs(run: &mut Run) {
    for (size, size_name) in SIZES {
        for queued in [0, 9] {
            let names = Names::new();
            let mut ways = opened(&WAYS, &names, Shape { messages: DEPTH, size });
            let count = if size > 1024 { 400 } else { 1_000 };
            let subjects = ways.iter_mut().map(|(name, way)| match way {
                Ok(way) => timed(name, || way.pairs(queued, count)),
                Err(reason) => absent(name, reason),
            });
            let rounds = in_turns(run.rounds(200), subjects.collect());
            let title = format!("Send and receive in one process, {size_name}, {queued} queued: ns a pair");
            pair_targets(run, &rounds, size, &format!("send + receive, {size_name}, {queued} queued"));
            run.keep(rounds.table(&format!("pairs-{size}-{queued}"), &title));
        }
    }
}

/// The most that a pair may cost beside another way: the size, what is measured, beside what, how much.
const PAIR_TARGETS: [(usize, &str, &str, f64); 6] = [
    (64, "rawipc", BARE, 1.02),
    (64, SHARED, BARE, 0.1),
    (64, SHARED, BOOST, 1.0),
    (1024, SHARED, BOOST, 1.0),
    (8192, SHARED, BARE, 0.2),
    (8192, SHARED, BOOST, 1.0),
];

fn pair_targets(run: &mut Run, rounds: &Rounds, size: usize, what: &str) {
    for (_, name, other, most) in PAIR_TARGETS.into_iter().filter(|target| target.0 == size) {
        run.record.target(&format!("{what}: {name} / {other}"), rounds.ratio(name, other), AtMost(most));
    }
}

fn crossing() -> Vec<Way> {
    WAYS.into_iter().filter(|way| way.crosses).chain(WAITING).collect()
}

/// There and back between two processes.
pub fn round_trips(run: &mut Run) {
    for placement in Placement::ALL {
        let title = format!("Round trips between two processes on {}, 64 B: ns", placement.name());
        let id = format!("round-trips-{}", placement.other() + 1);
        let mut table = Table::new(&id, &title, &["p50", "p99", "p99.9", "× floor"]);
        let ways = crossing();
        if placement == Placement::TwoProcessors && Processors::of_this_process().count() < 2 {
            ways.iter().for_each(|way| table.lacking(way.name, "there is one processor"));
            run.keep(table);
            continue;
        }
        let names = Names::new();
        let mut ways = opened(&ways, &names, Shape { messages: DEPTH, size: 64 });
        let mut times = vec![Vec::new(); ways.len()];
        let subjects = ways.iter_mut().zip(&mut times).map(|((name, way), times)| match way {
            Ok(way) => timed(name, || {
                let trips = sorted(way.round_trips(placement, 1_000));
                times.extend(&trips);
                at(&trips, 0.5)
            }),
            Err(reason) => absent(name, reason),
        });
        let rounds = in_turns(run.rounds(20), subjects.collect());
        round_trip_targets(run, &rounds, placement);
        for ((name, way), times) in ways.iter().zip(times) {
            if let Err(reason) = way {
                table.lacking(name, reason);
                continue;
            }
            let times = sorted(times);
            let ratio = rounds.ratio(name, BARE).unwrap_or(f64::NAN);
            table.row(name, vec![at(&times, 0.5), at(&times, 0.99), at(&times, 0.999), ratio]);
        }
        run.keep(table);
    }
}

fn round_trip_targets(run: &mut Run, rounds: &Rounds, placement: Placement) {
    let mut target = |name, other, most| {
        let what = format!("round trip, {}, 64 B: {name} / {other}", placement.name());
        run.record.target(&what, rounds.ratio(name, other), AtMost(most));
    };
    match placement {
        Placement::TwoProcessors => {
            target(SHARED, "bare ring, spinning", 1.6);
            target("rawipc, SharedQueue, sleeping", BARE, 1.1);
        }
        _ => target(SHARED, BARE, 1.1),
    }
    target(PINNED, SHARED, 1.1);
}

/// As fast as it goes from one process to the other.
pub fn one_way(run: &mut Run) {
    if Processors::of_this_process().count() < 2 {
        eprintln!("NOT MEASURED: one way, which takes two processors");
        return;
    }
    for (size, size_name) in SIZES {
        let names = Names::new();
        let mut ways = opened(&crossing(), &names, Shape { messages: DEPTH, size });
        let subjects = ways.iter_mut().map(|(name, way)| match way {
            Ok(way) => timed(name, || way.one_way(10_000)),
            Err(reason) => absent(name, reason),
        });
        let rounds = in_turns(run.rounds(11), subjects.collect());
        let title = format!(
            "One way between two processes on two processors, {size_name}, at most {DEPTH} queued: ns a message"
        );
        if size == 64 {
            let what = format!("one way, two processors, 64 B: {BARE} / {SHARED}");
            run.record.target(&what, rounds.ratio(BARE, SHARED), AtLeast(3.0));
            let what = format!("one way, two processors, 64 B: {PINNED} / {SHARED}");
            run.record.target(&what, rounds.ratio(PINNED, SHARED), AtMost(1.1));
        }
        run.keep(rounds.table(&format!("one-way-{size}"), &title));
    }
}
