//! Processes that use one semaphore hard: what each does, and what must hold in the end.
//!
//! The parts are played by a role of this program, by `tests/peers/semaphore.c` and by `tests/peers/semaphore.py`:
//!
//! | part | what it does so many times |
//! |---|---|
//! | `mutex` | waits, counts in a way that only works with the token, posts |
//! | `timed` | the same, but gives up after 0 to 300 µs; on both clocks |
//! | `produce`, `consume` | waits for a slot and posts an item, or the other way round |
//! | `greedy`, `generous` | broken ones: counts without the token; posts twice now and then |
//!
//! The arena's numbers: 0 is the count, 1 says go; from 8 on each participant has 8, which only it writes: ready, turns
//! done, sleeps (voluntary context switches), waits interrupted, waits timed out.

use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use rawipc::semaphore::abi::Abi;
use rawipc::{Deadline, ErrorKind, Name, NamedSemaphore};

use crate::harness::random::Random;
use crate::harness::waiting::{PATIENCE, pause};
use crate::harness::{Lacking, Peer, Role};
use crate::semaphore::peers::Library;
use crate::semaphore::support::{Arena, FreeName, opened};

pub const ROLES: &[Role] = &[("semaphore_stress", participate)];

const COUNTER: usize = 0;
const GO: usize = 1;
const FIRST: usize = 8;
const EACH: usize = 8;
const READY: usize = 0;
const DONE: usize = 1;
const SLEEPS: usize = 2;
const INTERRUPTED: usize = 3;
const TIMED_OUT: usize = 4;

/// How many items may be under way between producers and consumers.
const SLOTS: u32 = 3;

/// What the participants do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Mutex,
    Timed,
    /// The participants are producers and consumers in turn, which must come out even.
    Items,
}

/// Who takes part, with how many turns; and a part of its own if it is a broken one.
pub type Participant<'a> = (Library, u32, Option<&'a str>);

/// A run: who takes part, and how.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    pub mode: Mode,
    /// Who makes the semaphore, and in which layout.
    pub creator: Library,
    pub abi: Abi,
    pub participants: &'a [Participant<'a>],
    /// The time between two signals in each process of Rust and C, in microseconds; 0 for none.
    pub interval: u32,
}

/// One with no part of its own.
pub const fn plain(library: Library, turns: u32) -> Participant<'static> {
    (library, turns, None)
}

/// What the participants have done, summed up.
#[derive(Debug, Default)]
pub struct Outcome {
    pub done: u64,
    pub interrupted: u64,
    pub timed_out: u64,
}

/// The semaphores of a run, and their names' removal.
struct Objects {
    names: Vec<FreeName>,
    semaphores: Vec<NamedSemaphore>,
    expected: Vec<u32>,
}

impl Objects {
    fn new(setting: &Setting<'_>) -> Result<Self, Lacking> {
        let name = FreeName::new();
        let plan: Vec<(FreeName, u32)> = if setting.mode == Mode::Items {
            vec![(name.with("i"), 0), (name.with("s"), SLOTS), (name, 0)]
        } else {
            vec![(name, 1)]
        };
        let (mut names, mut semaphores, mut expected) = (Vec::new(), Vec::new(), Vec::new());
        for (name, value) in plan {
            if setting.mode != Mode::Items || names.len() < 2 {
                semaphores.push(setting.create(&name, value)?);
                expected.push(value);
            }
            names.push(name);
        }
        Ok(Self { names, semaphores, expected })
    }

    /// Every number is as if nobody had been there.
    fn check(&self) -> Result<(), String> {
        for (semaphore, expected) in self.semaphores.iter().zip(&self.expected) {
            let (value, waiters) = (semaphore.value(), semaphore.waiters());
            if (value, waiters) != (*expected, 0) {
                return Err(format!("value {value} instead of {expected}, {waiters} waiters are left"));
            }
        }
        Ok(())
    }
}

impl Setting<'_> {
    fn create(&self, name: &FreeName, value: u32) -> Result<NamedSemaphore, Lacking> {
        let options = NamedSemaphore::options().abi(self.abi);
        if self.creator == Library::Rawipc {
            return Ok(options.create_new(true).initial_value(value).open(name).expect("the name is free"));
        }
        self.creator.run(&["create", name.as_str(), &value.to_string()])?;
        Ok(options.open(name).expect("it was just made"))
    }

    /// Runs it. The inner error is what did not hold in the end; that a library is lacking is the outer one.
    pub fn run(&self) -> Result<Result<Outcome, String>, Lacking> {
        let (arena, objects, mut random) = (Arena::new(), Objects::new(self)?, Random::new());
        let name = objects.names.last().expect("there is one").as_str();
        let mut peers = Vec::new();
        for (index, (library, turns, part)) in self.participants.iter().enumerate() {
            let part = part.unwrap_or(match self.mode {
                Mode::Mutex => "mutex",
                Mode::Timed => "timed",
                Mode::Items if index % 2 == 0 => "produce",
                Mode::Items => "consume",
            });
            let numbers = [index.to_string(), turns.to_string(), random.below(1 << 30).to_string()];
            let [index, turns, seed] = numbers.each_ref().map(String::as_str);
            let interval = self.interval.to_string();
            let mut command = library.command()?;
            peers.push(Peer::start(command.args([part, name, arena.path(), index, turns, seed, &interval])));
        }
        let result = self.watch(&arena, &mut peers).and_then(|()| {
            objects.check()?;
            self.sum(&arena)
        });
        Ok(result.map_err(|error| format!("{error}; {self:?}")))
    }

    /// Starts all at once and waits for their ends.
    fn watch(&self, arena: &Arena, peers: &mut [Peer]) -> Result<(), String> {
        let count = peers.len();
        let sum = |at: usize| (0..count).map(|index| of(arena, index, at)).sum::<u64>();
        let progress = || sum(READY) + sum(DONE) + sum(TIMED_OUT);
        let mut seen = (progress(), Instant::now());
        let mut running: Vec<_> = peers.iter_mut().collect();
        while !running.is_empty() {
            if progress() != seen.0 {
                seen = (progress(), Instant::now());
            } else if seen.1.elapsed() > PATIENCE {
                return Err(format!("{} participants hang", running.len()));
            }
            if sum(READY) == count as u64 {
                arena.word(GO).store(1, SeqCst);
            }
            if self.mode == Mode::Items {
                check_items(arena, self.participants.len())?;
            }
            let mut failed = None;
            running.retain_mut(|peer| match peer.try_wait().expect("the child is ours") {
                Some(status) if !status.success() => {
                    failed = Some(status);
                    false
                }
                end => end.is_none(),
            });
            if let Some(status) = failed {
                return Err(format!("a participant failed: {status}"));
            }
            pause();
        }
        Ok(())
    }

    /// Compares the numbers of the participants with the counter and with what was asked of them.
    fn sum(&self, arena: &Arena) -> Result<Outcome, String> {
        let mut outcome = Outcome::default();
        for (index, (library, turns, _)) in self.participants.iter().enumerate() {
            let [done, timed_out] = [DONE, TIMED_OUT].map(|at| of(arena, index, at));
            if done + timed_out != u64::from(*turns) {
                return Err(format!("{library:?} has done {done} turns"));
            }
            outcome.done += done;
            outcome.timed_out += timed_out;
            outcome.interrupted += of(arena, index, INTERRUPTED);
        }
        let counter = arena.word(COUNTER).load(SeqCst);
        if self.mode != Mode::Items && counter != outcome.done {
            return Err(format!("{} turns were done, {counter} were counted", outcome.done));
        }
        // Otherwise the difficult part was never used, and the run shows nothing.
        for (library, ..) in self.participants {
            let ours = |index: &usize| self.participants[*index].0 == *library;
            let sleeps: u64 = (0..self.participants.len()).filter(ours).map(|index| of(arena, index, SLEEPS)).sum();
            if sleeps == 0 {
                return Err(format!("no process of {library:?} ever slept"));
            }
        }
        Ok(outcome)
    }
}

fn of(arena: &Arena, index: usize, at: usize) -> u64 {
    arena.word(FIRST + EACH * index + at).load(SeqCst)
}

/// At no moment have more items been consumed than produced, nor more produced than there are slots for. Each number
/// only grows, so the one that must be smaller is read first.
fn check_items(arena: &Arena, participants: usize) -> Result<(), String> {
    let sum = |first: usize| (first..participants).step_by(2).map(|index| of(arena, index, DONE)).sum::<u64>();
    let (consumed, produced) = (sum(1), sum(0));
    if consumed > produced {
        return Err(format!("{consumed} items were consumed, {produced} produced"));
    }
    let (produced, consumed) = (sum(0), sum(1));
    if produced > consumed + u64::from(SLOTS) {
        return Err(format!("{produced} items were produced, {consumed} consumed"));
    }
    Ok(())
}

/// The role: plays a part as `semaphore.c` and `semaphore.py` do.
fn participate(arguments: &[String]) {
    let [part, name, arena, numbers @ ..] = arguments else { panic!("a part, a name, an arena") };
    let numbers: Vec<u32> = numbers.iter().map(|number| number.parse().expect("a number")).collect();
    let [index, turns, seed, interval] = numbers[..] else { panic!("four numbers") };
    let arena = Arena::open(Path::new(arena));
    let player = Player { arena, first: FIRST + EACH * index as usize, state: seed.into() };
    player.play(part, Name::new(name.as_str()).expect("a name"), turns, interval);
}

struct Player {
    arena: Arena,
    first: usize,
    state: u64,
}

impl Player {
    fn add(&self, at: usize, number: u64) {
        self.arena.word(self.first + at).fetch_add(number, SeqCst);
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % bound
    }

    fn play(mut self, part: &str, name: &Name, turns: u32, interval: u32) {
        self.add(READY, 1);
        while self.arena.word(GO).load(SeqCst) == 0 {
            thread::yield_now();
        }
        let before = sleeps();
        interrupt_every(interval);
        match part {
            "produce" | "consume" => self.move_items(part == "produce", name, turns),
            _ => self.count(part, name, turns),
        }
        interrupt_every(0);
        self.add(SLEEPS, sleeps() - before);
    }

    fn count(&mut self, part: &str, name: &Name, turns: u32) {
        let mutex = opened(NamedSemaphore::options(), std::str::from_utf8(name.as_bytes()).expect("it is ASCII"));
        for turn in 0..turns {
            let has_token = match part {
                "timed" => self.take_soon(&mutex, turn),
                "greedy" => true,
                _ => self.take(|| mutex.wait()),
            };
            if !has_token {
                self.add(TIMED_OUT, 1);
                continue;
            }
            let yields = part == "greedy" || self.below(64) == 0;
            self.arena.increment(COUNTER, || {
                if yields {
                    thread::yield_now()
                }
            });
            self.add(DONE, 1);
            if part != "greedy" {
                mutex.post().expect("the value is small");
            }
            if part == "generous" && turn.is_multiple_of(1_000) {
                mutex.post().expect("the value is small");
            }
        }
    }

    fn move_items(&mut self, produce: bool, name: &Name, turns: u32) {
        let named = |suffix: &str| {
            let name = format!("{}{suffix}", std::str::from_utf8(name.as_bytes()).expect("it is ASCII"));
            opened(NamedSemaphore::options(), &name)
        };
        let (items, slots) = (named("i"), named("s"));
        let (from, to) = if produce { (slots, items) } else { (items, slots) };
        for _ in 0..turns {
            self.take(|| from.wait());
            self.add(DONE, 1);
            to.post().expect("the value is small");
        }
    }

    /// Whether a token could be had, whatever interrupted it.
    fn take(&self, mut wait: impl FnMut() -> rawipc::Result<()>) -> bool {
        loop {
            match wait() {
                Ok(()) => return true,
                Err(error) if error.kind() == ErrorKind::Interrupted => self.add(INTERRUPTED, 1),
                Err(error) if error.kind() == ErrorKind::TimedOut => return false,
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn take_soon(&mut self, mutex: &NamedSemaphore, turn: u32) -> bool {
        let soon = Duration::from_micros(self.below(300));
        let deadline = if turn.is_multiple_of(2) { Deadline::after(soon) } else { Deadline::realtime_after(soon) };
        self.take(|| mutex.wait_deadline(deadline))
    }
}

/// How often this process has slept.
fn sleeps() -> u64 {
    // SAFETY: all zeros are a value of it.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is a place for the result.
    assert_eq!(unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) }, 0);
    usage.ru_nvcsw as u64
}

/// From now on a signal hits this process in such intervals, in microseconds, and ends the call that it hits.
pub fn interrupt_every(interval: u32) {
    extern "C" fn ignore(_: i32) {}
    // SAFETY: all zeros are a `sigaction` without flags, with an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = ignore as extern "C" fn(i32) as usize;
    // SAFETY: the handler does nothing.
    assert_eq!(unsafe { libc::sigaction(libc::SIGALRM, &action, std::ptr::null_mut()) }, 0);
    let time = libc::timeval { tv_sec: 0, tv_usec: interval as _ };
    let timer = libc::itimerval { it_interval: time, it_value: time };
    // SAFETY: the kernel only reads `timer`.
    let result = unsafe { libc::syscall(libc::SYS_setitimer, libc::ITIMER_REAL, &raw const timer, 0) };
    assert_eq!(result, 0);
}
