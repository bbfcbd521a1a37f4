//! What must come out even at the end of a round.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use rawipc::error::Limit;
use rawipc::{ErrorKind, MessageQueue, NamedSemaphore, NotificationSocket, Priority, Result, RobustMutex, SharedQueue};

use super::actors::{HOARD, Stage, VALUE, remove};
use super::ledger::{IN_HAND, Ledger, MESSAGES, RECEIVED, Record, SLOTS};
use crate::harness::message::Label;

/// How many handles can take part in a mutex or a queue in shared memory.
const PARTICIPANTS: usize = 128;

/// What was done to the actors of a round, and what may be missing by it.
#[derive(Debug, Default)]
pub struct Account {
    /// How many were killed, of each kind.
    pub kills: BTreeMap<&'static str, u64>,
    pub stops: u64,
    /// Those who were killed while they received from the shared queue: the message may have come late.
    pub returned: u32,
    /// Those who took part in the mutex and were killed.
    pub killed_lockers: u64,
    /// Changes under the mutex that nobody knows of.
    pub maybe_changed: u64,
    /// Tokens that a killed holder may have taken, or not have given back.
    pub maybe_lost: u64,
    /// Those who were killed while they may have been recorded as waiting for a token.
    pub killed_waiters: u64,
    /// Tokens of killed holders that were put back.
    pub put_back: u64,
    /// Tokens that were given so that all waits ended.
    pub extra: u64,
    /// Objects of killed hoarders.
    pub removed: u64,
}

/// The sum of all rounds.
#[derive(Debug, Default)]
pub struct Totals {
    pub rounds: u64,
    pub turns: u64,
    /// Of the kernel's queue.
    pub messages: Messages,
    /// Of the queue in shared memory.
    pub shared: Messages,
    late: u64,
    rung: u64,
    changes: u64,
    inherited: u64,
    lost_tokens: u64,
    interrupted: u64,
    exhausted: u64,
    notified: u64,
    initialized: u64,
    kills: BTreeMap<&'static str, u64>,
    stops: u64,
    removed: u64,
}

/// What became of the messages of a queue.
#[derive(Debug, Default)]
pub struct Messages {
    pub accepted: u64,
    pub received: u64,
    /// With consumers that were killed before they could note them.
    missing: u64,
    /// Messages of killed producers that nobody has seen, accepted or not.
    unsure: u64,
}

impl Totals {
    /// Settles the account of a round whose actors have all ended.
    pub fn of(stage: &Stage<'_>, queue: &MessageQueue, semaphore: &NamedSemaphore, account: &Account) -> Self {
        let ledger = stage.ledger;
        let mut totals = Self { rounds: 1, kills: account.kills.clone(), stops: account.stops, ..Self::default() };
        assert!(queue.is_empty().expect("it is open"), "messages are left");
        settle_shared_queue(&stage.shared_queue, ledger, account);
        for record in &ledger.records {
            if record.is_shared() { totals.shared.add(record) } else { totals.messages.add(record) }
        }
        settle_mutex(stage, account);
        totals.lost_tokens = settle_semaphore(stage, semaphore, account);

        // Whoever had the notification has given it up, or died.
        let mut socket = NotificationSocket::new(queue).expect("sockets are to be had");
        socket.arm().expect("the slot is free");

        totals.initialized = remove(VALUE);
        assert_eq!(remove(HOARD), 0, "hoarders that were not killed have left objects");
        totals.removed = account.removed;
        totals.turns = ledger.slots.iter().map(|slot| slot.turns.load(Relaxed)).sum();
        totals.late = ledger.late.load(Relaxed).into();
        totals.rung = ledger.rung.load(Relaxed);
        totals.changes = ledger.changes.load(Relaxed);
        totals.inherited = ledger.inherited.load(Relaxed);
        totals.interrupted = ledger.interrupted.load(Relaxed);
        totals.exhausted = ledger.exhausted.load(Relaxed);
        totals.notified = ledger.notified.load(Relaxed);
        totals
    }

    pub fn add(&mut self, other: &Self) {
        let sums = [
            (&mut self.rounds, other.rounds),
            (&mut self.turns, other.turns),
            (&mut self.late, other.late),
            (&mut self.rung, other.rung),
            (&mut self.changes, other.changes),
            (&mut self.inherited, other.inherited),
            (&mut self.lost_tokens, other.lost_tokens),
            (&mut self.interrupted, other.interrupted),
            (&mut self.exhausted, other.exhausted),
            (&mut self.notified, other.notified),
            (&mut self.initialized, other.initialized),
            (&mut self.stops, other.stops),
            (&mut self.removed, other.removed),
        ];
        for (sum, number) in sums {
            *sum += number;
        }
        for (kind, number) in &other.kills {
            *self.kills.entry(kind).or_default() += number;
        }
        self.messages.sum(&other.messages);
        self.shared.sum(&other.shared);
    }
}

impl Messages {
    /// A producer's: of those that were accepted each was received, but for what killed consumers had in hand.
    fn add(&mut self, record: &Record) {
        let (sending, sent) = (record.sending.load(SeqCst), record.sent.load(SeqCst));
        assert!(sent <= sending && sending <= sent + 1, "{sent} messages were sent, {sending} begun");
        for number in 0..MESSAGES {
            let (was_received, was_in_hand) = (record.is(number, RECEIVED), record.is(number, IN_HAND));
            assert!(number < sending || !was_received, "message {number} was never sent");
            assert!(record.is_shared() || !(was_received && was_in_hand), "message {number} came twice");
            let is_missing = number < sent && !was_received;
            assert!(!is_missing || was_in_hand, "message {number} is lost");
            self.received += u64::from(was_received);
            self.missing += u64::from(is_missing);
        }
        self.unsure += u64::from(sending > sent && !record.is(sent, RECEIVED));
        self.accepted += u64::from(sent);
    }

    fn sum(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.received += other.received;
        self.missing += other.missing;
        self.unsure += other.unsure;
    }
}

/// What the dead had in hand is there again, all room is free, and the killed have left no more bells than there were
/// consumers at a time.
fn settle_shared_queue(queue: &SharedQueue, ledger: &Ledger, account: &Account) {
    let sizes = queue.attributes().expect("it is open");
    let mut buffer = vec![0; sizes.max_message_size];
    while let Ok(message) = queue.try_receive(&mut buffer[..]) {
        let (label, _) = Label::read(message.payload()).expect("a message is torn");
        ledger.records[label.record as usize].receive(label.number);
    }
    let late = ledger.late.load(SeqCst);
    assert!(late <= account.returned, "{late} messages came out of order: {account:?}");

    for _ in 0..sizes.max_messages {
        queue.try_send(b"", Priority::MIN).expect("all room is free");
    }
    assert_eq!(queue.try_send(b"", Priority::MIN).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_all_places_are_free(|| queue.try_clone());

    let mut doorbell = queue.doorbell().expect("nobody hoards any more");
    assert!(!doorbell.arm().expect("nobody else is there").is_armed(), "the queue is full");
    drop(doorbell);
    let bells = remove("/rawipc-bell-");
    assert!(bells <= SLOTS as u64, "{bells} bells are left");
}

/// It can be had at once, whoever died with it; and no change is lost.
fn settle_mutex(stage: &Stage<'_>, account: &Account) {
    let (ledger, arena) = (stage.ledger, &stage.arena);
    let guard = arena.mutex.try_lock().expect("nobody who lives has it");
    drop(arena.change(guard, || ()));
    let (changes, known) = (arena.words()[0].load(Relaxed) - 1, ledger.changes.load(SeqCst));
    assert!(
        (known..=known + account.maybe_changed).contains(&changes),
        "{changes} changes, and {known} are known: {account:?}"
    );
    let inherited = ledger.inherited.load(SeqCst);
    assert!(inherited <= account.killed_lockers, "{inherited} owners have died, they say: {account:?}");
    assert_all_places_are_free(|| RobustMutex::in_memory(&arena.memory, 0));
}

/// The dead have given back their places among the participants.
fn assert_all_places_are_free<T>(another: impl Fn() -> Result<T>) {
    let all: Result<Vec<T>> = (1..PARTICIPANTS).map(|_| another()).collect();
    let _all = all.expect("all places but ours are free");
    let kind = another().map(drop).expect_err("there are no more").kind();
    assert_eq!(kind, ErrorKind::LimitExceeded(Limit::Participants));
}

/// How many tokens have gone with killed holders.
fn settle_semaphore(stage: &Stage<'_>, semaphore: &NamedSemaphore, account: &Account) -> u64 {
    let (value, full) = (u64::from(semaphore.value()), u64::from(stage.permits) + account.extra);
    assert!(value <= full, "{value} tokens, and there never were more than {full}");
    let lost = full - value;
    assert!(lost <= account.maybe_lost, "{lost} of {full} tokens are lost: {account:?}");
    let waiters = u64::from(semaphore.waiters());
    assert!(waiters <= account.killed_waiters, "{waiters} waiters are left: {account:?}");
    lost
}

impl fmt::Display for Totals {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |number: u64, what: &str| writeln!(formatter, "{number:>12}  {what}");
        row(self.rounds, "rounds")?;
        row(self.kills.values().sum(), "processes killed at any moment")?;
        for (kind, number) in &self.kills {
            row(*number, &format!("of them {kind}s"))?;
        }
        row(self.stops, "processes stopped for a while")?;
        row(self.turns, "calls of the actors")?;
        row(self.interrupted, "of them interrupted by a signal")?;
        row(self.exhausted, "of them refused by a limit that was used up")?;
        for (queue, messages) in [("the kernel's queue", &self.messages), ("the queue in shared memory", &self.shared)]
        {
            row(messages.accepted, &format!("messages accepted by {queue}"))?;
            row(messages.received, "received, each once")?;
            row(messages.missing, "in the hands of consumers that were killed before they could note it")?;
            row(messages.unsure, "that producers were killed over, and nobody received")?;
        }
        row(self.late, "that came after later ones, as a killed consumer had had them in hand")?;
        row(self.rung, "doorbells rung")?;
        row(self.changes, "changes under the mutex")?;
        row(self.inherited, "times it was had from an owner that was killed")?;
        row(self.lost_tokens, "tokens gone with holders that were killed as they took or gave them")?;
        row(self.notified, "notifications")?;
        row(self.initialized, "shared values initialized, each once")?;
        row(self.removed, "objects left by killed processes, and removed")?;
        // All of it has been asserted, or there would be no totals.
        formatter.write_str("Else nothing was lost, doubled, torn, out of order, late, or left behind.")
    }
}
