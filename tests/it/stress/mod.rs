//! Everything at once, for as long as asked: many processes that send, receive, wait, lock, initialize and use up
//! limits, under signals, some of them killed or stopped at any moment. What must hold is checked all the time.
//!
//! A run is made of rounds of a second, each with objects and numbers of its own. A failing round prints its seed;
//! `cargo xtask stress 1 --seed SEED` begins with that round. The choices are the same then, the kernel's scheduling is
//! not: repeat it a few times.
//!
//! All of it lives in namespaces of its own: few queues, and a `/dev/shm` of a megabyte.

mod account;
mod actors;
mod chaos;
mod ledger;
mod place;

use std::fs;
use std::time::{Duration, Instant};

use rawipc::SharedMemory;
use rustix::process::Resource;

use crate::harness::kernel::{die_in, set_limit, set_sysctl};
use crate::harness::random::Random;
use crate::harness::{Ending, Role};
use crate::shm::support::tiny_dev_shm;
use account::Totals;
use actors::for_each_object;
use chaos::Round;
use ledger::Ledger;

crate::tests!(
    ;
    alone:
    a_round_of_stress_keeps_every_promise,
);

pub const ROLES: &[Role] = &[("stress", play)];

/// How long the actors of a round are left to act.
const ROUND: Duration = Duration::from_secs(1);

const DEV_SHM: usize = 1 << 20;

/// Few enough to be used up.
const QUEUES: u64 = 12;
const QUEUE_BYTES: u64 = 20_000;

fn a_round_of_stress_keeps_every_promise() -> Ending {
    let totals = run(Duration::ZERO, Random::new().seed())?;
    assert!(totals.messages.accepted > 0 && totals.shared.accepted > 0, "nothing was done: {totals}");
    Ok(())
}

/// Runs for so many seconds, from a seed on or from a random one.
fn play(arguments: &[String]) {
    let number = |place: usize| arguments.get(place).map(|number| number.parse::<u64>().expect("it is a number"));
    let seconds = number(0).expect("for how long");
    die_in(u32::try_from(seconds).expect("not for ever") + 120);
    let totals = run(Duration::from_secs(seconds), number(1).unwrap_or_else(|| Random::new().seed()));
    println!("{}", totals.expect("namespaces of its own"));
}

/// Plays at least one round.
fn run(time: Duration, seed: u64) -> Result<Totals, crate::harness::Lacking> {
    tiny_dev_shm(DEV_SHM)?;
    set_sysctl("queues_max", QUEUES)?;
    set_limit(Resource::Msgqueue, QUEUE_BYTES);
    let memory = SharedMemory::anonymous(size_of::<Ledger>() as u64).create().expect("there is memory");
    let (mapping, start) = (memory.map().expect("it has bytes"), Instant::now());
    let (mut totals, descriptors) = (Totals::default(), open_descriptors());
    for seed in seed.. {
        let failure = SeedOnFailure(seed);
        memory.write_at(0, &vec![0; size_of::<Ledger>()]).expect("it is that long");
        let round = Round::new(mapping.get(0).expect("it begins there"), seed);
        totals.add(&round.play(ROUND));
        assert_eq!(open_descriptors(), descriptors, "descriptors are left open");
        for_each_object(|object| panic!("{object:?} is left"));
        drop(failure);
        if start.elapsed() >= time {
            break;
        }
    }
    Ok(totals)
}

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("/proc is mounted").count()
}

/// Says how to repeat a round that fails.
struct SeedOnFailure(u64);

impl Drop for SeedOnFailure {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("to repeat it: cargo xtask stress 1 --seed {}", self.0);
        }
    }
}
