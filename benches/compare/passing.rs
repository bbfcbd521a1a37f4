//! Messages through queues and what users would pick instead.

use crate::Run;
use crate::machine::{Placement, Processors};
use crate::measure::{absent, at, in_turns, sorted, timed};
use crate::queue::{Names, Opened, SPINNING, Shape, WAYS, Way};
use crate::record::Bound::AtMost;
use crate::record::Table;

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
            if size == 64 {
                let what = format!("send + receive, {size_name}, {queued} queued: rawipc / bare system calls");
                run.record.target(&what, rounds.ratio("rawipc", "bare system calls"), AtMost(1.02));
            }
            run.keep(rounds.table(&format!("pairs-{size}-{queued}"), &title));
        }
    }
}

fn crossing() -> Vec<Way> {
    WAYS.into_iter().filter(|way| way.crosses).chain(SPINNING).collect()
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
        for _ in 0..run.rounds(10) {
            for ((_, way), times) in ways.iter_mut().zip(&mut times) {
                if let Ok(way) = way {
                    times.extend(way.round_trips(placement, 1_000));
                }
            }
        }
        let floor = at(&sorted(times[0].clone()), 0.5);
        for ((name, way), times) in ways.iter().zip(times) {
            if let Err(reason) = way {
                table.lacking(name, reason);
                continue;
            }
            let times = sorted(times);
            let half = at(&times, 0.5);
            table.row(name, vec![half, at(&times, 0.99), at(&times, 0.999), half / floor]);
        }
        run.keep(table);
    }
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
        run.keep(rounds.table(&format!("one-way-{size}"), &title));
    }
}
