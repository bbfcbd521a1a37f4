//! Holders of a semaphore's tokens.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use rawipc::{Deadline, NamedSemaphore, Result, WaitTuning};

use super::{Actor, Dead, GIVING, Place, SEMAPHORE, Stage, WAITING, is_too_early};
use crate::stress::account::Account;

/// Takes a token, holds it for a moment and gives it back.
///
/// Others are killed while they wait, so a wait looks again: the wake-up that a dead one took along is made up for.
pub fn hold(actor: &mut Actor<'_>) {
    let tuning = WaitTuning { recheck_interval: Some(Duration::from_secs(1)), ..WaitTuning::DEFAULT };
    let options = NamedSemaphore::options().abi(actor.stage.abi).tuning(tuning);
    let semaphore = options.open(SEMAPHORE).expect("the semaphore is there");
    while actor.acts() {
        actor.is_at(WAITING);
        match take(actor, &semaphore) {
            Ok(()) => {
                let others = actor.stage.ledger.holders.fetch_or(actor.bit, SeqCst).count_ones();
                // Later on more tokens are given, so that all come to an end.
                assert!(others < actor.stage.permits || !actor.acts(), "{others} others hold tokens");
                (0..actor.random.below(300)).for_each(|_| std::hint::spin_loop());
                actor.is_at(GIVING);
                actor.stage.ledger.holders.fetch_and(!actor.bit, SeqCst);
                semaphore.post().expect("it is far below the maximum");
            }
            Err(error) => assert!(is_too_early(error.kind()), "{error}"),
        }
        actor.is_at(0);
    }
}

fn take(actor: &mut Actor<'_>, semaphore: &NamedSemaphore) -> Result<()> {
    let moment = actor.moment();
    match actor.random.below(6) {
        0 => actor.within(Duration::ZERO, || semaphore.try_wait()),
        1 => actor.within(moment, || semaphore.wait_timeout(moment)),
        2 => actor.within(moment, || semaphore.wait_deadline(Deadline::after(moment))),
        3 => actor.within(moment, || semaphore.wait_deadline(Deadline::realtime_after(moment))),
        4 => semaphore.acquire().map(|permit| permit.forget()).inspect_err(|error| actor.note::<()>(&Err(*error))),
        _ => semaphore.wait().inspect_err(|error| actor.note::<()>(&Err(*error))),
    }
}

/// A token that was held is put back. Whether one was being taken or given, outside of a call, nobody can tell.
pub fn holder_died(stage: &Stage<'_>, dead: &Dead<'_>, account: &mut Account) {
    if stage.ledger.holders.fetch_and(!dead.bit, SeqCst) & dead.bit != 0 {
        let semaphore = NamedSemaphore::options().abi(stage.abi).open(SEMAPHORE).expect("the semaphore is there");
        semaphore.post().expect("it is far below the maximum");
        account.put_back += 1;
        return;
    }
    let state = dead.slot.state.load(SeqCst);
    account.killed_waiters += u64::from(state == WAITING);
    // Who sleeps has not taken a token, and who wakes others has given his.
    let is_known = matches!(dead.place, Place::Call(libc::SYS_futex));
    account.maybe_lost += u64::from([WAITING, GIVING].contains(&state) && !is_known);
}
