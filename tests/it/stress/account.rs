//! What must come out even at the end of a round.

use std::fmt;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use rawipc::{MessageQueue, NamedSemaphore, NotificationSocket};

use super::actors::{HOARD, Stage, VALUE, remove};
use super::ledger::{MESSAGES, Record};

/// What was done to the actors of a round, and what may be missing by it.
#[derive(Debug, Default)]
pub struct Account {
    pub kills: u64,
    pub stops: u64,
    /// Messages that killed consumers have taken.
    pub taken: u64,
    /// Those that killed consumers may have taken.
    pub maybe_taken: u64,
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
    pub accepted: u64,
    pub received: u64,
    missing: u64,
    /// Messages of killed producers that nobody has seen, accepted or not.
    unsure: u64,
    lost_tokens: u64,
    interrupted: u64,
    exhausted: u64,
    notified: u64,
    initialised: u64,
    kills: u64,
    stops: u64,
    removed: u64,
}

impl Totals {
    /// Settles the account of a round whose actors have all ended.
    pub fn of(stage: &Stage<'_>, queue: &MessageQueue, semaphore: &NamedSemaphore, account: &Account) -> Self {
        let ledger = stage.ledger;
        let mut totals = Self { rounds: 1, kills: account.kills, stops: account.stops, ..Self::default() };
        assert!(queue.is_empty().expect("it is open"), "messages are left");
        for record in &ledger.records {
            totals.add_messages(record);
        }
        // What a killed consumer took may be what a killed producer did not know to be accepted.
        let missing = totals.missing..=totals.missing + totals.unsure;
        let taken = account.taken..=account.taken + account.maybe_taken;
        assert!(missing.start() <= taken.end(), "{missing:?} messages are missing, {taken:?} were taken: {account:?}");
        assert!(taken.start() <= missing.end(), "{missing:?} messages are missing, {taken:?} were taken: {account:?}");

        let (value, full) = (u64::from(semaphore.value()), u64::from(stage.permits) + account.extra);
        assert!(value <= full, "{value} tokens, and there never were more than {full}");
        totals.lost_tokens = full - value;
        assert!(
            totals.lost_tokens <= account.maybe_lost,
            "{} of {full} tokens are lost: {account:?}",
            totals.lost_tokens
        );
        let waiters = u64::from(semaphore.waiters());
        assert!(waiters <= account.killed_waiters, "{waiters} waiters are left: {account:?}");

        // Whoever had the notification has given it up, or died.
        let mut socket = NotificationSocket::new(queue).expect("sockets are to be had");
        socket.arm().expect("the slot is free");

        totals.initialised = remove(VALUE);
        assert_eq!(remove(HOARD), 0, "hoarders that were not killed have left objects");
        totals.removed = account.removed;
        totals.turns = ledger.slots.iter().map(|slot| slot.turns.load(Relaxed)).sum();
        totals.interrupted = ledger.interrupted.load(Relaxed);
        totals.exhausted = ledger.exhausted.load(Relaxed);
        totals.notified = ledger.notified.load(Relaxed);
        totals
    }

    /// A producer's messages: of those that were accepted each was received, but for what killed consumers took.
    fn add_messages(&mut self, record: &Record) {
        let (sending, sent) = (record.sending.load(SeqCst), record.sent.load(SeqCst));
        assert!(sent <= sending && sending <= sent + 1, "{sent} messages were sent, {sending} begun");
        for number in 0..MESSAGES {
            let was_received = record.was_received(number);
            assert!(number < sending || !was_received, "message {number} was never sent");
            self.received += u64::from(was_received);
            self.missing += u64::from(number < sent && !was_received);
        }
        self.unsure += u64::from(sending > sent && !record.was_received(sent));
        self.accepted += u64::from(sent);
    }

    pub fn add(&mut self, other: &Self) {
        let sums = [
            (&mut self.rounds, other.rounds),
            (&mut self.turns, other.turns),
            (&mut self.accepted, other.accepted),
            (&mut self.received, other.received),
            (&mut self.missing, other.missing),
            (&mut self.unsure, other.unsure),
            (&mut self.lost_tokens, other.lost_tokens),
            (&mut self.interrupted, other.interrupted),
            (&mut self.exhausted, other.exhausted),
            (&mut self.notified, other.notified),
            (&mut self.initialised, other.initialised),
            (&mut self.kills, other.kills),
            (&mut self.stops, other.stops),
            (&mut self.removed, other.removed),
        ];
        for (sum, number) in sums {
            *sum += number;
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, what) in [
            (self.rounds, "rounds"),
            (self.kills, "processes killed at any moment"),
            (self.stops, "processes stopped for a while"),
            (self.turns, "calls of the actors"),
            (self.interrupted, "of them interrupted by a signal"),
            (self.exhausted, "of them refused by a limit that was used up"),
            (self.accepted, "messages accepted"),
            (self.received, "messages received, each once"),
            (self.missing, "messages taken by consumers that were killed before they could note it"),
            (self.unsure, "messages that producers were killed over, and nobody received"),
            (self.lost_tokens, "tokens gone with holders that were killed as they took or gave them"),
            (self.notified, "notifications"),
            (self.initialised, "shared values initialised, each once"),
            (self.removed, "objects left by killed processes, and removed"),
        ] {
            writeln!(formatter, "{number:>12}  {what}")?;
        }
        // All of it has been asserted, or there would be no totals.
        formatter.write_str("Else nothing was lost, doubled, torn, out of order, late, or left behind.")
    }
}
