//! Processes that start together and all open or create one object, as the documentation shows it.
//!
//! `RAWIPC_ROUNDS` and `RAWIPC_PROCESSES` make it longer: `cargo xtask race` lets 8 processes start 20,000 times for
//! each type.

use std::env;
use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;

use rawipc::Name;

use super::{ALL, Free, How, Kind, count, open_and_add, unlink};
use crate::harness::kernel::die_in;
use crate::harness::{Peer, role};
use crate::semaphore::support::Arena;

crate::tests!(common_starts_of_named_objects_never_fail);

/// In the arena: how many have come to the barrier; how many failures there were; how many objects were checked.
const BARRIER: usize = 0;
const FAILURES: usize = 1;
const CHECKED: usize = 2;

fn setting(variable: &str, default: u64) -> u64 {
    env::var(variable).map_or(default, |number| number.parse().expect("it is a number"))
}

/// How many seconds so many rounds may take, on a busy machine too.
fn lifetime(rounds: u64) -> u32 {
    1200 + (rounds / 5) as u32
}

/// The role: starts each round together with all others.
pub fn start_with_others(arguments: &[String]) {
    let [name, arena, index, processes, rounds] = arguments else { panic!("five arguments") };
    let number = |text: &String| text.parse::<u64>().expect("a number");
    let (index, processes, rounds) = (number(index), number(processes), number(rounds));
    let (name, arena) = (Name::new(name.as_str()).expect("a name"), Arena::open(Path::new(arena)));
    die_in(lifetime(rounds));
    let mut arrivals = 0;
    let mut wait_for_all = || {
        arrivals += processes;
        arena.word(BARRIER).fetch_add(1, SeqCst);
        while arena.word(BARRIER).load(SeqCst) < arrivals {
            thread::yield_now();
        }
    };
    let failed = |what: String| {
        // A few sentences are enough.
        if arena.word(FAILURES).fetch_add(1, SeqCst) < 5 {
            eprintln!("{what}");
        }
    };
    for round in 0..rounds * ALL.len() as u64 {
        let kind: Kind = ALL[(round % ALL.len() as u64) as usize];
        wait_for_all();
        let opened = open_and_add(kind, name, How::default());
        if let Err(what) = opened.map(drop) {
            failed(what);
        }
        wait_for_all();
        if index == 0 {
            match count(kind, name) {
                Ok(count) if count == processes => drop(arena.word(CHECKED).fetch_add(1, SeqCst)),
                count => failed(format!("{kind:?}: {count:?} of {processes} have opened the same object")),
            }
            if let Err(error) = unlink(kind, name) {
                failed(format!("{kind:?}: {error}"));
            }
        }
        wait_for_all();
    }
}

fn common_starts_of_named_objects_never_fail() {
    let (rounds, processes) = (setting("RAWIPC_ROUNDS", 60), setting("RAWIPC_PROCESSES", 8));
    die_in(lifetime(rounds));
    let (free, arena) = (Free::new(), Arena::new());
    let peers: Vec<Peer> = (0..processes)
        .map(|index| {
            let numbers = [index, processes, rounds].map(|number| number.to_string());
            let [index, processes, rounds] = numbers.each_ref().map(String::as_str);
            Peer::start(&mut role("creation_starter", &[&free.0, arena.path(), index, processes, rounds]))
        })
        .collect();
    peers.into_iter().for_each(Peer::succeed);
    let word = |index| arena.word(index).load(SeqCst);
    let objects = rounds * ALL.len() as u64;
    println!("{processes} processes, {objects} common starts, {} failures", word(FAILURES));
    assert_eq!((word(FAILURES), word(CHECKED)), (0, objects));
}
