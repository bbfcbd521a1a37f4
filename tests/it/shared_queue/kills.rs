//! SIGKILL at random moments under load: eight processes send and receive, and every message is accounted for.
//!
//! A message that was accepted has been received once and recorded, or is in the queue, or in the buffer of a receiver
//! that was killed before it could record it. Nothing is recorded twice, nothing is torn, and the living always go on.

use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

use rawipc::{ErrorKind, Mapping, Priority, SharedMemory, SharedQueue, name};

use crate::harness::Role;
use crate::harness::kernel::{die_in, die_with_parent};
use crate::harness::message::Label;
use crate::harness::random::Random;
use crate::sync::support::BOUND;

crate::tests!(
    ;
    alone:
    every_message_is_accounted_for,
);

pub const ROLES: &[Role] = &[("kills", play)];

const PRODUCERS: usize = 4;
const CONSUMERS: usize = 4;
const PROCESSES: usize = PRODUCERS + CONSUMERS;
const SIZE: usize = 2048;

/// The most messages of a producer in a round; then it rests.
const MOST: usize = 1 << 14;
const KILLS_A_ROUND: usize = 20;

/// What came of all rounds, where all came out even.
#[derive(Default)]
struct Totals {
    kills: usize,
    accepted: usize,
    received: usize,
    /// With consumers that were killed before they could note them.
    in_hand: usize,
    /// From a kill to the next message that somebody received.
    longest: Duration,
}

impl fmt::Display for Totals {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kills, accepted, received, in_hand, longest } = self;
        writeln!(to, "{kills:12}  processes killed at any moment, of {PROCESSES} at work")?;
        writeln!(to, "{accepted:12}  messages whose sending returned")?;
        writeln!(to, "{received:12}  messages received, each once")?;
        writeln!(to, "{in_hand:12}  messages taken by consumers that were killed before they could note it")?;
        writeln!(to, "{:12}  ms at most from a kill until the next message was received", longest.as_millis())?;
        write!(to, "Else no message was lost, doubled or torn, and all room was free in the end.")
    }
}

rawipc::shareable! {
    /// What the processes of a round note.
    struct Notes {
        /// No more is to be sent.
        stop: AtomicU32,
        /// The messages of each producer whose sending has begun.
        begun: [AtomicU32; PRODUCERS],
        /// How many messages have been received.
        total: AtomicU32,
        /// How often each consumer has come back from a receive, with a message or without.
        turns: [AtomicU32; CONSUMERS],
        /// Which messages were accepted.
        accepted: [[AtomicU8; MOST]; PRODUCERS],
        /// How often each message was received.
        received: [[AtomicU8; MOST]; PRODUCERS],
    }
}

struct Round {
    queue: SharedQueue,
    notes: Mapping,
    /// A buffer for each life of a consumer, to be looked at when that one is dead.
    buffers: Mapping,
}

impl Round {
    fn new() -> Self {
        let options = SharedQueue::options().read(true).write(true).max_messages(6).max_message_size(SIZE);
        let memory = |size: usize| SharedMemory::anonymous(size as u64).create().and_then(|memory| memory.map());
        Self {
            queue: options.unlink_on_drop(true).create_unique(name!("/rawipc-test-")).expect("a queue"),
            notes: memory(size_of::<Notes>()).expect("memory"),
            buffers: memory((KILLS_A_ROUND + PROCESSES) * SIZE).expect("memory"),
        }
    }

    fn notes(&self) -> &Notes {
        self.notes.get(0).expect("there is room")
    }

    fn received(&self) -> usize {
        self.notes().total.load(SeqCst) as usize
    }

    /// Sends until it is told to stop.
    fn produce(&self, queue: &SharedQueue, producer: usize, random: &mut Random) {
        let notes = self.notes();
        while notes.stop.load(SeqCst) == 0 {
            let number = notes.begun[producer].load(SeqCst) as usize;
            if number == MOST {
                std::thread::yield_now();
                continue;
            }
            let length = if random.below(4) == 0 { 1025 + random.below(SIZE - 1024) } else { 16 + random.below(48) };
            let priority = random.below(3) as u8;
            let label = Label { record: producer as u32, number: number as u32, priority: priority.into() };
            let (message, priority) = (label.message(length), Priority::from(priority));
            notes.begun[producer].store(number as u32 + 1, SeqCst);
            match random.below(3) {
                0 => queue.send(&message, priority).expect("it is sent"),
                1 => while queue.try_send(&message, priority).is_err() {},
                _ => {
                    let mut reservation = queue.reserve().expect("room");
                    reservation.write_at(0, &message).expect("it fits");
                    reservation.publish(length, priority).expect("it is sent");
                }
            }
            notes.accepted[producer][number].store(1, SeqCst);
        }
    }

    /// Receives until there is nothing more to come.
    fn consume(&self, queue: &SharedQueue, consumer: usize, life: usize) {
        let place = self.buffers.as_ptr().wrapping_add(life * SIZE);
        // SAFETY: this life has the buffer for itself, and the mapping outlives it.
        let buffer = unsafe { std::slice::from_raw_parts_mut(place, SIZE) };
        loop {
            buffer[..16].fill(0xff);
            match queue.receive_timeout(buffer, Duration::from_millis(100)) {
                Ok(message) => self.note(message.payload()),
                Err(error) => assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}"),
            }
            self.notes().turns[consumer].fetch_add(1, SeqCst);
        }
    }

    fn note(&self, message: &[u8]) {
        let (producer, number) = read(message).expect("a message is torn");
        let before = self.notes().received[producer][number].fetch_add(1, SeqCst);
        assert_eq!(before, 0, "message {number} of {producer} came twice");
        self.notes().total.fetch_add(1, SeqCst);
    }

    /// Starts a process in one of the parts, as a child that has inherited the queue or opens it anew.
    fn start(&self, part: usize, life: usize, random: &mut Random) -> Child {
        let (fresh, mut random) = (random.below(2) == 0, Random::seeded(random.below(1 << 30) as u64));
        Child::start(|| {
            let options = SharedQueue::options().read(true).write(true);
            let opened = fresh.then(|| options.open(self.queue.name().expect("a name")).expect("it is there"));
            let queue = opened.as_ref().unwrap_or(&self.queue);
            if part < PRODUCERS {
                self.produce(queue, part, &mut random)
            } else {
                self.consume(queue, part - PRODUCERS, life)
            }
        })
    }

    /// All is quiet: what is missing lies in a dead consumer's buffer.
    fn settle(&self, lives: usize, totals: &mut Totals) {
        let mut buffer = vec![0; SIZE];
        while let Ok(message) = self.queue.try_receive(&mut buffer[..]) {
            self.note(message.payload());
        }
        let mut in_hand: Vec<(usize, usize)> = (0..lives)
            .filter_map(|life| {
                self.buffers.read_at(life * SIZE, &mut buffer).expect("it lies inside");
                read(&buffer)
            })
            .collect();
        let notes = self.notes();
        for (producer, number) in (0..PRODUCERS).flat_map(|producer| (0..MOST).map(move |number| (producer, number))) {
            let is_there = notes.received[producer][number].load(SeqCst) > 0;
            let is_accepted = notes.accepted[producer][number].load(SeqCst) > 0;
            totals.received += usize::from(is_there);
            totals.accepted += usize::from(is_accepted);
            if !is_there && is_accepted {
                let taken = in_hand.iter().position(|message| *message == (producer, number));
                let taken = taken.unwrap_or_else(|| panic!("message {number} of {producer} is lost"));
                in_hand.swap_remove(taken);
                totals.in_hand += 1;
            }
        }
        // The queue is as good as new.
        for _ in 0..6 {
            self.queue.try_send(b"", Priority::MIN).expect("there is room");
        }
        assert_eq!(self.queue.try_send(b"", Priority::MIN).unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

/// Whose message it is and which one, if it is whole. What follows it does not matter.
fn read(bytes: &[u8]) -> Option<(usize, usize)> {
    let (label, _) = Label::read(bytes)?;
    Some((label.record as usize, label.number as usize))
}

/// A forked process.
struct Child(libc::pid_t);

impl Child {
    fn start(work: impl FnOnce()) -> Self {
        // SAFETY: the process has one thread, so the child is as whole as its parent.
        let child = unsafe { libc::fork() };
        assert!(child >= 0, "fork failed");
        if child == 0 {
            die_with_parent();
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            // SAFETY: ends the child without running what its parent has registered.
            unsafe { libc::_exit(if result.is_ok() { 0 } else { 101 }) };
        }
        Self(child)
    }

    /// Kills it, or finds it dead by its own hand, which is a failure.
    fn kill(&self) {
        // SAFETY: the child is ours and has not been waited for.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
        assert_eq!(self.wait(), libc::SIGKILL, "a process failed");
    }

    fn wait(&self) -> i32 {
        let mut status = 0;
        // SAFETY: `status` is a place for the result.
        assert_eq!(unsafe { libc::waitpid(self.0, &mut status, 0) }, self.0);
        status
    }
}

fn dally(random: &mut Random, most: usize) {
    let (start, time) = (Instant::now(), Duration::from_nanos(random.below(most) as u64));
    while start.elapsed() < time {
        std::thread::yield_now();
    }
}

/// The living go on within the bound; says after how long.
fn progress(round: &Round) -> Duration {
    let (before, start) = (round.received(), Instant::now());
    let is_done = || round.notes().begun.iter().all(|begun| begun.load(SeqCst) as usize == MOST);
    while round.received() == before && !is_done() {
        assert!(start.elapsed() < BOUND, "nothing is received any more");
        std::thread::yield_now();
    }
    start.elapsed()
}

/// Each consumer comes back from the receive that it is in, though there may be nothing left to receive.
fn all_come_back(round: &Round) {
    let (turns, start) = (|| round.notes().turns.iter().map(|turns| turns.load(SeqCst)), Instant::now());
    let before: Vec<u32> = turns().collect();
    while turns().zip(&before).any(|(now, before)| now == *before) {
        assert!(start.elapsed() < BOUND, "a consumer does not come back any more");
        std::thread::yield_now();
    }
}

fn every_message_is_accounted_for() {
    let totals = run(160);
    assert!(totals.received > 100, "{totals}");
}

/// Kills as often as it is told.
fn play(arguments: &[String]) {
    let kills: u32 = arguments[0].parse().expect("how often");
    die_in(kills + 120);
    println!("{}", run(kills as usize));
}

fn run(kills: usize) -> Totals {
    let (mut random, mut totals) = (Random::new(), Totals::default());
    while totals.kills < kills {
        let round = Round::new();
        let mut children: Vec<Child> = (0..PROCESSES).map(|part| round.start(part, part, &mut random)).collect();
        for kill in 0..KILLS_A_ROUND {
            dally(&mut random, 2_000_000);
            let part = random.below(PROCESSES);
            children[part].kill();
            children[part] = round.start(part, PROCESSES + kill, &mut random);
            totals.longest = totals.longest.max(progress(&round));
        }
        round.notes().stop.store(1, SeqCst);
        let consumers = children.split_off(PRODUCERS);
        children.into_iter().for_each(|producer| assert_eq!(producer.wait(), 0, "a producer failed"));
        all_come_back(&round);
        consumers.iter().for_each(Child::kill);
        round.settle(PROCESSES + KILLS_A_ROUND, &mut totals);
        totals.kills += KILLS_A_ROUND;
    }
    totals
}
