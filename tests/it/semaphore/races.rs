//! Many processes that create, open and unlink one name at once.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use rawipc::semaphore::abi::Abi;
use rawipc::{ErrorKind, Name, NamedSemaphore};

use crate::harness::waiting::wait_until;
use crate::harness::{Peer, Role, role};
use crate::semaphore::support::{ABIS, Arena, FreeName, assert_no_temporary};

crate::tests!(
    openers_with_different_values_all_see_one_semaphore,
    exclusive_creation_has_one_winner,
    names_removed_and_made_anew_under_load_stay_whole,
);

pub const ROLES: &[Role] = &[("semaphore_racer", race)];

const RACERS: usize = 32;
const ROUNDS: usize = 12;
/// Where the answers begin in the arena; the word before says how many racers have come to each start.
const ANSWERS: usize = 8;

const WON: u64 = 1;
const LOST: u64 = 2;

fn abi_of(round: usize) -> Abi {
    ABIS[round % ABIS.len()]
}

fn name_of(prefix: &FreeName, round: usize) -> FreeName {
    prefix.with(&format!("-{round}"))
}

/// The role: starts each round together with all others, and answers what it saw.
fn race(arguments: &[String]) {
    let [part, prefix, arena, index] = arguments else { panic!("four arguments") };
    let (arena, index) = (Arena::open(Path::new(arena)), index.parse::<usize>().expect("a number"));
    for round in 0..ROUNDS {
        let name = format!("{prefix}-{round}");
        let name = Name::new(name.as_str()).expect("a name");
        arena.word(0).fetch_add(1, SeqCst);
        while arena.word(0).load(SeqCst) < (RACERS * (round + 1)) as u64 {
            thread::yield_now();
        }
        let answer = match part.as_str() {
            "open" => opened(name, round, index as u32 + 1),
            "create" => created(name, round),
            _ => churned(name, round),
        };
        arena.word(ANSWERS + RACERS * round + index).store(answer, SeqCst);
    }
}

fn opened(name: &Name, round: usize, value: u32) -> u64 {
    let options = NamedSemaphore::options().create(true).abi(abi_of(round)).initial_value(value);
    options.open(name).expect("it is opened or created").value().into()
}

fn created(name: &Name, round: usize) -> u64 {
    match NamedSemaphore::options().create_new(true).abi(abi_of(round)).open(name) {
        Ok(_) => WON,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => LOST,
        Err(error) => panic!("{error}"),
    }
}

/// Uses whatever bears the name as a lock, and removes or renews the name now and then.
fn churned(name: &Name, round: usize) -> u64 {
    let options = NamedSemaphore::options().create(true).abi(abi_of(round)).initial_value(1);
    for turn in 0..30 {
        let semaphore = options.unlink_on_drop(turn % 7 == 0).open(name).expect("it is opened or created");
        assert!(semaphore.value() <= 1, "{semaphore:?}");
        semaphore.wait_timeout(Duration::from_secs(60)).expect("whoever has the token gives it back");
        semaphore.post().expect("there is room");
        if turn % 3 == 0 {
            match options.unlink(name) {
                Err(error) if error.kind() != ErrorKind::NotFound => panic!("{error}"),
                _ => {}
            }
        }
    }
    WON
}

/// Lets all racers play a part, looks at the files meanwhile, and returns the answers of each round.
fn answers(part: &str, highest_value: u32) -> Vec<Vec<u64>> {
    let (arena, prefix) = (Arena::new(), FreeName::new());
    // Removes whatever bears them in the end.
    let names: Vec<FreeName> = (0..ROUNDS).map(|round| name_of(&prefix, round)).collect();
    let start = |index: usize| {
        Peer::start(&mut role("semaphore_racer", &[part, prefix.as_str(), arena.path(), &index.to_string()]))
    };
    let mut peers: Vec<Peer> = (0..RACERS).map(start).collect();
    wait_until("all racers have ended", || {
        for (round, name) in names.iter().enumerate() {
            assert_whole(&name.file(abi_of(round)), abi_of(round), highest_value);
        }
        peers.iter_mut().all(|peer| peer.try_wait().expect("the child is ours").is_some())
    });
    peers.into_iter().for_each(Peer::succeed);
    assert_no_temporary();
    let of =
        |round: usize| (0..RACERS).map(|index| arena.word(ANSWERS + RACERS * round + index).load(SeqCst)).collect();
    (0..ROUNDS).map(of).collect()
}

/// If there is a file, it is a whole semaphore: at no moment is it short or half written.
fn assert_whole(file: &Path, abi: Abi, highest_value: u32) {
    let Ok(bytes) = fs::read(file) else { return };
    assert_eq!(bytes.len(), if abi == Abi::Gnu32 { 16 } else { 32 }, "{abi}");
    let word = |index: usize| u32::from_ne_bytes(bytes[4 * index..][..4].try_into().expect("four bytes"));
    let (value, kind, expected) = match abi {
        Abi::Gnu64 if cfg!(target_endian = "big") => (word(1), word(2), 128),
        Abi::Gnu64 => (word(0), word(2), 128),
        Abi::Gnu32 => (word(0) >> 1, word(1), 128),
        // Without its bit for waiters.
        Abi::Musl => (word(0) & 0x7fff_ffff, word(2), 0),
    };
    assert_eq!(kind, expected, "{abi}");
    assert!(value <= highest_value, "{abi}: value {value}");
}

fn openers_with_different_values_all_see_one_semaphore() {
    for (round, answers) in answers("open", RACERS as u32).into_iter().enumerate() {
        let first = answers[0];
        assert!((1..=RACERS as u64).contains(&first), "{first}");
        assert!(answers.iter().all(|answer| *answer == first), "round {round}: {answers:?}");
    }
}

fn exclusive_creation_has_one_winner() {
    for (round, answers) in answers("create", 0).into_iter().enumerate() {
        let winners = answers.iter().filter(|answer| **answer == WON).count();
        let losers = answers.iter().filter(|answer| **answer == LOST).count();
        assert_eq!((winners, losers), (1, RACERS - 1), "round {round}");
    }
}

fn names_removed_and_made_anew_under_load_stay_whole() {
    for answers in answers("churn", 1) {
        assert!(answers.iter().all(|answer| *answer == WON));
    }
}
