//! Those who lock a robust mutex, and change what it guards.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use rawipc::sync::Locked;
use rawipc::{Deadline, Result, RobustMutex};

use super::{Actor, CHANGING, Dead, Stage, is_too_early};
use crate::stress::account::Account;
use crate::sync::support::{Arena, BOUND};

/// After so many turns at most another takes the place.
const TURNS: usize = 4000;

/// Locks, changes two words that must stay equal, and unlocks.
pub fn lock(actor: &mut Actor<'_>) {
    let stage = actor.stage;
    let own = (actor.random.below(2) == 0).then(|| Arena::open(stage.arena.name()));
    let arena = own.as_ref().unwrap_or(&stage.arena);
    for _ in 0..1 + actor.random.below(TURNS) {
        if !actor.acts() {
            return;
        }
        match take(actor, &arena.mutex) {
            Ok(guard) => change(actor, arena, guard),
            Err(error) => assert!(is_too_early(error.kind()), "{error}"),
        }
    }
}

fn take<'mutex>(actor: &mut Actor<'_>, mutex: &'mutex RobustMutex) -> Result<Locked<'mutex>> {
    let moment = actor.moment();
    match actor.random.below(6) {
        0 => actor.within(Duration::ZERO, || mutex.try_lock()),
        1 => actor.within(moment, || mutex.lock_timeout(moment)),
        2 => actor.within(moment, || mutex.lock_deadline(Deadline::after(moment))),
        3 => actor.within(moment, || mutex.lock_deadline(Deadline::realtime_after(moment))),
        // All have it for moments only, the dead too.
        _ => actor.within(BOUND, || mutex.lock()),
    }
}

/// Nobody else has it meanwhile, and who had it before is told to have died if he did.
fn change(actor: &mut Actor<'_>, arena: &Arena, guard: Locked<'_>) {
    let ledger = actor.stage.ledger;
    let before = ledger.locker.swap(actor.bit, SeqCst);
    assert!(before == 0 || guard.owner_died(), "slots {before:#x} and {:#x} have the lock", actor.bit);
    ledger.inherited.fetch_add(u64::from(guard.owner_died()), SeqCst);
    actor.is_at(CHANGING);
    let (_, guard) = arena.change(guard, || actor.dally());
    ledger.changes.fetch_add(1, SeqCst);
    actor.is_at(0);
    assert_eq!(ledger.locker.swap(0, SeqCst), actor.bit, "another process has the lock");
    drop(guard);
}

/// Whether it had begun a change, or noted it, nobody can tell.
pub fn locker_died(_: &Stage<'_>, dead: &Dead<'_>, account: &mut Account) {
    account.killed_lockers += 1;
    account.maybe_changed += u64::from(dead.slot.state.load(SeqCst) == CHANGING);
}
