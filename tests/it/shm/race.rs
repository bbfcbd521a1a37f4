//! Processes that race to initialize one value, some of which are killed: one initialization is seen, by all.
//!
//! `RAWIPC_ROUNDS` and `RAWIPC_PROCESSES` make the race longer: 1000 and 64 are what the design promises.

use std::env;
use std::fs::File;
use std::io::{PipeReader, Read, Write, pipe};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rawipc::shm::SharedOptions;
use rawipc::{ErrorKind, Name, Shared, shareable};

use crate::harness::random::Random;
use crate::harness::waiting::{PATIENCE, wait_until};
use crate::harness::{Peer, Role, role};
use crate::shm::support::FreeName;

crate::tests!(
    racing_processes_see_one_initialization,
    a_killed_initializer_is_taken_over_within_a_bound,
    a_stopped_initializer_is_waited_for_with_a_bound,
);

pub const ROLES: &[Role] = &[("shm_race", race), ("shm_stay_inside", stay_inside)];

const NUMBERS: usize = 64;

shareable! {
    struct Value {
        token: AtomicU64,
        multiples: [AtomicU64; NUMBERS],
    }
}

fn options() -> SharedOptions<Value> {
    Shared::<Value>::options().patience(PATIENCE)
}

/// Makes the value step by step, so that what is seen too early would show.
fn make(fresh: &Value, token: u64) {
    assert!(fresh.multiples.iter().all(|number| number.load(Relaxed) == 0), "fresh memory is zero");
    fresh.token.store(token, Relaxed);
    for (factor, number) in (1..).zip(&fresh.multiples) {
        (0..100).for_each(|_| std::hint::spin_loop());
        number.store(token * factor, Relaxed);
    }
}

/// The token of a value that is whole.
fn token_of(value: &Value) -> u64 {
    let token = value.token.load(Relaxed);
    assert!(token > 0, "there is no value");
    for (factor, number) in (1..).zip(&value.multiples) {
        assert_eq!(number.load(Relaxed), token * factor, "the value is half-made");
    }
    token
}

/// What a racer says: that it is inside the initializer, or which token it has found.
const INSIDE: u64 = 0;

fn say(message: u64) {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&u64::from(std::process::id()).to_le_bytes());
    bytes[8..].copy_from_slice(&message.to_le_bytes());
    // One call a message: they do not mix.
    let mut reports = File::options().write(true).open("/proc/self/fd/1").expect("standard output is a pipe");
    assert_eq!(reports.write(&bytes).expect("somebody reads"), 16);
}

/// Waits for the start, opens the value, and says what it finds.
fn race(arguments: &[String]) {
    std::io::stdin().read_to_end(&mut Vec::new()).expect("standard input is a pipe");
    let token = u64::from(std::process::id());
    let value = options().open(Name::new(arguments[0].as_str()).unwrap(), |fresh| {
        say(INSIDE);
        make(fresh, token);
    });
    say(token_of(&value.unwrap()));
}

/// What has been said next: who and what; nothing when all have ended.
fn heard(reports: &mut PipeReader) -> Option<(i32, u64)> {
    let mut bytes = [0; 16];
    reports.read_exact(&mut bytes).ok()?;
    let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight of them"));
    Some((number(0) as i32, number(8)))
}

fn kill(pid: i32) {
    // SAFETY: takes numbers only; the process is a child that nobody has waited for.
    unsafe { libc::kill(pid, libc::SIGKILL) };
}

/// One race. As many as `murders` of those that say that they are inside are killed there, and some others anywhere.
fn round(random: &mut Random, processes: usize, murders: usize) {
    let free = FreeName::new();
    let (mut reports, theirs) = pipe().unwrap();
    let (start, signal) = pipe().unwrap();
    let mut racers: Vec<Peer> = (0..processes)
        .map(|_| {
            let mut command = role("shm_race", &[free.as_str()]);
            Peer::start(command.stdin(start.try_clone().unwrap()).stdout(theirs.try_clone().unwrap()))
        })
        .collect();
    drop((theirs, start));
    let victims: Vec<i32> = (0..random.below(processes / 2 + 1)).map(|at| racers[at].pid()).collect();
    drop(signal);
    let begin = Instant::now();
    for victim in &victims {
        let until = Duration::from_nanos(random.below(1_000_000) as u64);
        while begin.elapsed() < until {
            std::hint::spin_loop();
        }
        kill(*victim);
    }
    let (mut murdered, mut tokens) = (Vec::new(), Vec::new());
    while let Some((pid, message)) = heard(&mut reports) {
        match message {
            // At least one racer is left to finish.
            INSIDE if murdered.len() < murders && murdered.len() + victims.len() + 1 < processes => {
                kill(pid);
                murdered.push(pid);
            }
            INSIDE => {}
            token => tokens.push(token),
        }
    }
    assert!(begin.elapsed() < PATIENCE, "the dead were not taken over in time");
    for racer in racers.drain(..).filter(|racer| !victims.contains(&racer.pid()) && !murdered.contains(&racer.pid())) {
        racer.succeed();
    }
    assert!(tokens.len() >= processes - victims.len() - murdered.len());
    tokens.push(token_of(&options().open_existing(&free).unwrap()));
    assert!(tokens.windows(2).all(|pair| pair[0] == pair[1]), "two initializations were seen: {tokens:?}");
}

fn setting(variable: &str, default: usize) -> usize {
    env::var(variable).map_or(default, |number| number.parse().expect("it is a number"))
}

fn racing_processes_see_one_initialization() {
    let (rounds, processes) = (setting("RAWIPC_ROUNDS", 40), setting("RAWIPC_PROCESSES", 16));
    let mut random = Random::new();
    for number in 0..rounds {
        round(&mut random, processes, number % 4);
    }
}

/// Makes half of a value, says so, and stays there.
fn stay_inside(arguments: &[String]) {
    let value = options().open(Name::new(arguments[0].as_str()).unwrap(), |fresh| {
        fresh.token.store(1, Relaxed);
        fresh.multiples[..NUMBERS / 2].iter().for_each(|number| number.store(77, Relaxed));
        say(INSIDE);
        // Until it is killed: this pipe's other end stays open.
        std::io::stdin().read_to_end(&mut Vec::new()).expect("standard input is a pipe");
    });
    drop(value);
    panic!("nobody has killed it");
}

/// A process inside the initializer; it stays there until it is dropped.
fn stuck(name: &FreeName) -> Peer {
    let mut command = role("shm_stay_inside", &[name.as_str()]);
    let mut peer = Peer::start_reporting(command.stdin(std::process::Stdio::piped()));
    let mut message = [0; 16];
    peer.stdout.as_mut().unwrap().read_exact(&mut message).expect("it says that it is inside");
    peer
}

fn a_killed_initializer_is_taken_over_within_a_bound() {
    for _ in 0..5 {
        let free = FreeName::new();
        let dead = stuck(&free);
        let error = options().open_existing(&free).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "it is not ready");
        let (mut reports, theirs) = pipe().unwrap();
        let (start, signal) = pipe().unwrap();
        let racers: Vec<Peer> = (0..3)
            .map(|_| {
                let mut command = role("shm_race", &[free.as_str()]);
                Peer::start(command.stdin(start.try_clone().unwrap()).stdout(theirs.try_clone().unwrap()))
            })
            .collect();
        drop((theirs, start, signal));
        // They have it open, and sleep now and then.
        for racer in &racers {
            wait_until("a racer has the object open", || has_open(racer.pid(), &free));
        }
        let begin = Instant::now();
        dead.kill_now();
        let mut said = Vec::new();
        while let Some((_, message)) = heard(&mut reports) {
            said.push(message);
        }
        assert!(begin.elapsed() < PATIENCE / 2, "taken over after {:?}", begin.elapsed());
        racers.into_iter().for_each(Peer::succeed);
        let token = token_of(&options().open_existing(&free).unwrap());
        assert_eq!((said.len(), said[0]), (4, INSIDE), "one of them initializes");
        assert_eq!(said[1..], [token; 3]);
    }
}

fn has_open(pid: i32, name: &FreeName) -> bool {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let file = name.file();
    entries.flatten().any(|entry| std::fs::read_link(entry.path()).is_ok_and(|link| link == file))
}

/// One that lives and does not go on is waited for as long as the patience says, and not taken over.
fn a_stopped_initializer_is_waited_for_with_a_bound() {
    let free = FreeName::new();
    let slow = stuck(&free);
    let (patience, begin) = (Duration::from_millis(60), Instant::now());
    let error = options().patience(patience).open(&free, |_| panic!("it is taken")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!((patience..PATIENCE).contains(&begin.elapsed()), "{:?}", begin.elapsed());
    drop(slow);
    let value = options().patience(Duration::from_secs(5)).open(&free, |fresh| make(fresh, 5)).unwrap();
    assert_eq!(token_of(&value), 5);
}
