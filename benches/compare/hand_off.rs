//! Semaphores between processes: handing over, and several processes with one semaphore.

use std::hint::spin_loop;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::{Duration, Instant};

use rawipc::{Semaphore, SharedMemory, WaitTuning};

use crate::Run;
use crate::machine::{Child, Placement, Processors, in_child};
use crate::measure::{at, in_turns, sorted, timed};
use crate::record::Bound::{AtLeast, AtMost};
use crate::record::Table;

/// How far what two processes write at once has to be apart, so that it shares no line of their caches.
const APART: usize = 256;

/// A way to use a semaphore: ours with some tuning, or the C library's functions on the same words; or what no
/// semaphore can be faster than, a word in a line of cache that two processors pass to each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Line,
    Own(WaitTuning),
    Library,
}

const fn spinning(spin: u32) -> Way {
    Way::Own(WaitTuning { spin, ..WaitTuning::DEFAULT })
}

const WAYS: [(&str, Way); 5] = [
    ("a line of cache", Way::Line),
    ("glibc", Way::Library),
    ("rawipc, default", Way::Own(WaitTuning::DEFAULT)),
    ("rawipc, looking again", Way::Own(WaitTuning { spin: 0, recheck_interval: Some(Duration::from_secs(1)) })),
    ("rawipc, 200 looks", spinning(200)),
];

impl Way {
    fn wait(self, memory: &rawipc::Mapping, offset: usize) {
        match self {
            Self::Line => {
                let word: &AtomicU64 = memory.get(offset).expect("it fits");
                while word.compare_exchange(1, 0, Acquire, Acquire).is_err() {
                    spin_loop();
                }
            }
            Self::Own(tuning) => {
                let semaphore: &Semaphore = memory.get(offset).expect("it fits");
                if semaphore.try_wait().is_err() {
                    semaphore.wait_tuned(None, tuning).expect("the other process posts");
                }
            }
            Self::Library => {
                let semaphore: &Semaphore = memory.get(offset).expect("it fits");
                // SAFETY: it is a semaphore in the C library's own layout.
                assert_eq!(unsafe { libc::sem_wait(std::ptr::from_ref(semaphore) as *mut _) }, 0);
            }
        }
    }

    fn post(self, memory: &rawipc::Mapping, offset: usize) {
        let semaphore: &Semaphore = memory.get(offset).expect("it fits");
        match self {
            Self::Line => memory.get::<AtomicU64>(offset).expect("it fits").store(1, Release),
            Self::Own(_) => semaphore.post().expect("it is far from the maximum"),
            // SAFETY: as above.
            Self::Library => assert_eq!(unsafe { libc::sem_post(std::ptr::from_ref(semaphore) as *mut _) }, 0),
        }
    }
}

/// Shared memory with a semaphore at its start and one apart, which have the bytes that the C library wants.
fn memory(value: u32) -> rawipc::Mapping {
    let mapping = SharedMemory::anonymous(4096).create().and_then(|memory| memory.map()).expect("there is memory");
    for (offset, value) in [(0, value), (APART, 0)] {
        let fresh = Semaphore::new(value);
        // SAFETY: a semaphore is plain memory, which is copied before anybody uses it.
        let bytes = unsafe { std::slice::from_raw_parts((&raw const fresh).cast::<u8>(), size_of::<Semaphore>()) };
        mapping.write_at(offset, bytes).expect("it fits");
    }
    mapping
}

/// So many round trips between two processes: the time of each.
fn round_trips(way: Way, placement: Placement, count: u32) -> Vec<f64> {
    let (memory, processors) = (memory(0), Processors::of_this_process());
    let child = in_child(|| {
        processors.pin(placement.other());
        for _ in 0..count {
            way.wait(&memory, 0);
            way.post(&memory, APART);
        }
    });
    processors.pin(0);
    let trip = |_| {
        let start = Instant::now();
        way.post(&memory, 0);
        way.wait(&memory, APART);
        start.elapsed().as_nanos() as f64
    };
    let times = (0..count).map(trip).collect();
    processors.release();
    child.succeed();
    times
}

pub fn all(run: &mut Run) {
    for placement in Placement::ALL {
        if placement == Placement::TwoProcessors && Processors::of_this_process().count() < 2 {
            eprintln!("NOT MEASURED: hand-off on two processors; there is one");
            continue;
        }
        hand_off(run, placement);
    }
    for (processes, processors) in [(2, 1), (8, 1), (2, 2), (4, 2), (8, 2)] {
        contention(run, processes, processors);
    }
}

fn hand_off(run: &mut Run, placement: Placement) {
    let ways = WAYS.into_iter().filter(|(_, way)| placement == Placement::TwoProcessors || *way != Way::Line);
    let mut times: Vec<_> = ways.map(|(name, way)| (name, way, Vec::new())).collect();
    for _ in 0..run.rounds(10) {
        for (_, way, times) in &mut times {
            times.extend(round_trips(*way, placement, 1_000));
        }
    }
    let title = format!("A round trip by two semaphores between two processes on {}: ns", placement.name());
    let id = format!("hand-off-{}", placement.other() + 1);
    let mut table = Table::new(&id, &title, &["p50", "p99", "p99.9"]);
    for (name, _, times) in times {
        let times = sorted(times);
        table.row(name, vec![at(&times, 0.5), at(&times, 0.99), at(&times, 0.999)]);
    }
    let half = |name| table.figure(name, "p50").unwrap_or(f64::NAN);
    if placement == Placement::OneProcessor {
        let ratio = half("rawipc, default") / half("glibc");
        run.record.target("semaphore hand-off, one processor, default: rawipc / glibc", Some(ratio), AtMost(1.1));
    } else {
        let one_way = half("rawipc, 200 looks") / 2_000.0;
        run.record.target("semaphore hand-off, two processors, 200 looks: µs one way", Some(one_way), AtMost(1.0));
        let ratio = half("glibc") / half("rawipc, 200 looks");
        run.record.target(
            "semaphore hand-off, two processors: glibc / rawipc with 200 looks",
            Some(ratio),
            AtLeast(5.0),
        );
    }
    run.keep(table);
}

/// So many processes that each take and give the one token: the time of a turn.
fn turns(way: Way, processes: u32, processors: usize, count: u32) -> f64 {
    let (memory, all) = (memory(1), Processors::of_this_process());
    let start = Instant::now();
    let work = || {
        all.confine(0..processors);
        for _ in 0..count / processes {
            way.wait(&memory, 0);
            (0..50).for_each(|_| spin_loop());
            way.post(&memory, 0);
        }
    };
    let children: Vec<_> = (0..processes).map(|_| in_child(work)).collect();
    children.into_iter().for_each(Child::succeed);
    let semaphore: &Semaphore = memory.get(0).expect("it fits");
    assert_eq!((semaphore.value(), semaphore.waiters()), (1, 0));
    start.elapsed().as_nanos() as f64 / f64::from(count)
}

fn contention(run: &mut Run, processes: u32, processors: usize) {
    if Processors::of_this_process().count() < processors {
        eprintln!("NOT MEASURED: {processes} processes on {processors} processors");
        return;
    }
    let ways = [
        ("glibc", Way::Library),
        ("rawipc, default", Way::Own(WaitTuning::DEFAULT)),
        ("rawipc, 40 looks", spinning(40)),
    ];
    let subjects = ways.map(|(name, way)| timed(name, move || turns(way, processes, processors, 16_000)));
    let rounds = in_turns(run.rounds(11), subjects.into());
    let title = format!("{processes} processes take turns with one token on {processors} processors: ns a turn");
    let ratio = rounds.ratio("rawipc, default", "glibc");
    run.record.target(
        &format!("{processes} processes, one token, {processors} processors: rawipc / glibc"),
        ratio,
        AtMost(1.3),
    );
    run.keep(rounds.table(&format!("contention-{processes}-{processors}"), &title));
}
