//! A round: starting actors, killing and stopping them, and watching them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use rawipc::semaphore::abi::Abi;
use rawipc::{MessageQueue, NamedSemaphore, Priority, SharedQueue};

use super::account::{Account, Totals};
use super::actors::{Actor, Dead, KINDS, Kind, QUEUE, SEMAPHORE, SHARED_QUEUE, Stage};
use super::ledger::{DRAIN, LONGEST, Ledger, RECORDS, SLOTS, STOP, VALUES};
use super::place;
use crate::harness::kernel::die_with_parent;
use crate::harness::message::HEADER;
use crate::harness::random::Random;
use crate::harness::waiting::{PATIENCE, pause};
use crate::semaphore::stress::interrupt_every;
use crate::sync::support::Arena;

/// How much later than its bound a call may be over: the machine is busy, and processes are stopped for a while.
const SLACK: Duration = Duration::from_secs(10);

/// How long a process is stopped at most.
const STOPPED: Duration = Duration::from_millis(40);

/// How long the actors may take to end once they are told to.
const ENDING: Duration = PATIENCE;

/// A process that plays an actor.
struct Player {
    kind: &'static Kind,
    slot: usize,
    pid: i32,
    number: u32,
    /// When it goes on, if it is stopped.
    stopped: Option<Instant>,
}

/// A round that is being played.
pub struct Round<'a> {
    stage: Stage<'a>,
    random: Random,
    queue: MessageQueue,
    semaphore: NamedSemaphore,
    players: Vec<Player>,
    account: Account,
    started: u32,
    records: usize,
}

impl<'a> Round<'a> {
    pub fn new(ledger: &'a Ledger, seed: u64) -> Self {
        let mut random = Random::of(seed);
        let message_size = HEADER + random.below(80);
        let permits = 1 + random.below(4) as u32;
        let abi = [Abi::Gnu64, Abi::Gnu32, Abi::Musl][random.below(3)];
        let queue = MessageQueue::options().read(true).write(true).create_new(true).unlink_on_drop(true);
        let queue = queue.max_messages(1 + random.below(10)).max_message_size(message_size);
        let semaphore = NamedSemaphore::options().abi(abi).create_new(true).initial_value(permits);
        let shared_queue = SharedQueue::options().read(true).write(true).create_new(true).unlink_on_drop(true);
        let shared_queue = shared_queue.max_messages(1 + random.below(10));
        let shared_queue = shared_queue.max_message_size(HEADER + random.below(LONGEST - HEADER + 1));
        let shared_queue = shared_queue.open(SHARED_QUEUE).expect("there is room");
        Self {
            stage: Stage { ledger, message_size, permits, abi, shared_queue, arena: Arena::new() },
            random,
            queue: queue.open(QUEUE).expect("the namespace is new, or was left clean"),
            semaphore: semaphore.unlink_on_drop(true).open(SEMAPHORE).expect("it is not there yet"),
            players: Vec::new(),
            account: Account::default(),
            started: 0,
            records: 0,
        }
    }

    /// Lets actors act for so long, ends them, and settles the account.
    pub fn play(mut self, time: Duration) -> Totals {
        for kind in &KINDS {
            for _ in 0..1 + self.random.below(kind.most) {
                let slot = self.players.len();
                assert!(slot < SLOTS);
                self.start(kind, slot);
            }
        }
        let start = Instant::now();
        while start.elapsed() < time {
            (0..self.random.below(8)).for_each(|_| pause());
            self.interfere();
            self.watch(true);
            let value = start.elapsed().as_micros() * VALUES as u128 / time.as_micros();
            self.stage.ledger.value.store((value as u32).min(VALUES as u32 - 1), SeqCst);
        }
        self.end();
        Totals::of(&self.stage, &self.queue, &self.semaphore, &self.account)
    }

    /// Starts an actor in a process of its own.
    fn start(&mut self, kind: &'static Kind, slot: usize) {
        let seed = self.random.below(1 << 30) as u64;
        let (number, record) = (self.started, self.records);
        self.started += 1;
        self.records += usize::from(kind.produces());
        assert!(record < RECORDS, "the round is too long");
        let (stage, slot_of) = (&self.stage, &self.stage.ledger.slots[slot]);
        slot_of.state.store(0, SeqCst);
        slot_of.until.store(0, SeqCst);
        // SAFETY: this process has one thread, so the child is as whole as its parent.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "no more processes are to be had");
        if pid == 0 {
            die_with_parent();
            let mut actor = Actor { stage, slot: slot_of, bit: 1 << slot, number, record, random: Random::of(seed) };
            let act = || {
                interrupt_every(700 * actor.random.below(5) as u32);
                (kind.act)(&mut actor);
            };
            let code = if catch_unwind(AssertUnwindSafe(act)).is_ok() { 0 } else { 101 };
            // SAFETY: ends the child without running what its parent has registered.
            unsafe { libc::_exit(code) };
        }
        self.players.push(Player { kind, slot, pid, number, stopped: None });
    }

    /// Kills or stops somebody, perhaps.
    fn interfere(&mut self) {
        let victim = self.random.below(self.players.len());
        match self.random.below(6) {
            0 => self.kill(victim),
            1 | 2 if self.players[victim].stopped.is_none() => {
                signal(self.players[victim].pid, libc::SIGSTOP);
                let time = STOPPED.mul_f64(self.random.below(100) as f64 / 100.0);
                self.players[victim].stopped = Some(Instant::now() + time);
                self.account.stops += 1;
            }
            _ => {}
        }
    }

    /// Kills a player, puts right what it was doing, and starts another in its place.
    fn kill(&mut self, victim: usize) {
        let player = self.players.swap_remove(victim);
        let place = place::stop(player.pid);
        if place.is_ok() {
            signal(player.pid, libc::SIGKILL);
        }
        let status = place.err().unwrap_or_else(|| wait(player.pid, 0).expect("it is a child"));
        // It may just have ended by itself.
        assert!(status == 0 || libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGKILL, "{status:#x}");
        if let (Ok(place), false) = (place, status == 0) {
            *self.account.kills.entry(player.kind.name).or_default() += 1;
            let slot = &self.stage.ledger.slots[player.slot];
            let dead = Dead { slot, bit: 1 << player.slot, number: player.number, place };
            (player.kind.died)(&self.stage, &dead, &mut self.account);
        }
        self.start(player.kind, player.slot);
    }

    /// Lets the stopped go on whose time has come, replaces those that are done, and finds those that are late.
    fn watch(&mut self, replaces: bool) {
        let mut place = 0;
        while place < self.players.len() {
            let player = &mut self.players[place];
            if player.stopped.is_some_and(|until| until <= Instant::now()) {
                signal(player.pid, libc::SIGCONT);
                player.stopped = None;
            }
            let name = player.kind.name;
            if let Some(status) = wait(player.pid, libc::WNOHANG) {
                assert_eq!(status, 0, "a {name} failed");
                let player = self.players.swap_remove(place);
                if replaces {
                    self.start(player.kind, player.slot);
                }
                continue;
            }
            if self.stage.ledger.slots[player.slot].lateness() > SLACK {
                self.assert_goes_on(place);
            }
            place += 1;
        }
    }

    /// A call that is late is over soon, if it was the machine that stood still; one that hangs is not.
    fn assert_goes_on(&mut self, place: usize) {
        let player = &mut self.players[place];
        if player.stopped.take().is_some() {
            signal(player.pid, libc::SIGCONT);
        }
        let (slot, looked) = (&self.stage.ledger.slots[player.slot], Instant::now());
        let until = slot.until.load(SeqCst);
        while slot.until.load(SeqCst) == until && looked.elapsed() < SLACK {
            pause();
        }
        let (name, late) = (player.kind.name, slot.lateness());
        assert!(slot.until.load(SeqCst) != until, "a {name}'s call should have been over {late:?} ago");
    }

    /// Ends all actors: first those that give others something to do.
    fn end(&mut self) {
        let (phase, begin) = (&self.stage.ledger.phase, Instant::now());
        phase.store(STOP, SeqCst);
        // Nobody looks after the stopped while messages are sent below.
        for player in &mut self.players {
            if player.stopped.take().is_some() {
                signal(player.pid, libc::SIGCONT);
            }
        }
        while !self.players.iter().all(|player| player.kind.consumes()) {
            self.watch(false);
            // For those who wait without a limit for a token that is gone with a killed one.
            if self.semaphore.value() == 0 && self.semaphore.post().is_ok() {
                self.account.extra += 1;
            }
            assert!(begin.elapsed() < ENDING, "some do not end: {:?}", self.names());
            pause();
        }
        phase.store(DRAIN, SeqCst);
        for player in &self.players {
            let shared_queue = &self.stage.shared_queue;
            let sent = match player.kind.is_of_shared_queue() {
                true => shared_queue.send_timeout(b"", Priority::MIN, ENDING),
                false => self.queue.send_timeout(b"", Priority::MIN, ENDING),
            };
            sent.expect("consumers make room");
        }
        while !self.players.is_empty() {
            self.watch(false);
            assert!(begin.elapsed() < ENDING, "some do not end: {:?}", self.names());
            pause();
        }
        assert_eq!(wait(-1, libc::WNOHANG), None, "there are processes that nobody knows");
    }

    fn names(&self) -> Vec<&str> {
        self.players.iter().map(|player| player.kind.name).collect()
    }
}

impl Drop for Round<'_> {
    /// Where the round has failed, the players go with it.
    fn drop(&mut self) {
        for player in &self.players {
            signal(player.pid, libc::SIGKILL);
            wait(player.pid, 0);
        }
    }
}

fn signal(pid: i32, signal: i32) {
    // SAFETY: takes numbers only; the process is a child that nobody has waited for.
    unsafe { libc::kill(pid, signal) };
}

/// The end of a child, if it has ended.
fn wait(pid: i32, flags: i32) -> Option<i32> {
    let mut status = 0;
    // SAFETY: `status` is a place for the result.
    let waited = unsafe { libc::waitpid(pid, &mut status, flags) };
    (waited > 0).then_some(status)
}
