//! Those who race to initialize shared values.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use rawipc::error::Limit;
use rawipc::{ErrorKind, Name, Shared, shareable};

use super::{Actor, VALUE, is_too_early};

const NUMBERS: usize = 64;

/// How long an initializer is waited for that is stopped.
const PATIENCE: Duration = Duration::from_millis(500);

shareable! {
    struct Value {
        token: AtomicU64,
        multiples: [AtomicU64; NUMBERS],
    }
}

/// Opens the value of the moment, whole, or makes it.
pub fn initialize(actor: &mut Actor<'_>) {
    while actor.acts() {
        let number = actor.stage.ledger.value.load(SeqCst);
        let name = format!("{VALUE}{number}");
        let name = Name::new(name.as_str()).expect("it is valid");
        let token = u64::from(actor.number) + 1;
        let pause = actor.random.below(300);
        let options = Shared::<Value>::options().patience(PATIENCE);
        match actor.within(PATIENCE, || options.open(name, |fresh| make(fresh, token, pause))) {
            Ok(value) => {
                let token = token_of(&value);
                let first = actor.stage.ledger.tokens[number as usize].compare_exchange(0, token, SeqCst, SeqCst);
                assert!(matches!(first, Ok(0)) || first == Err(token), "a value was initialized twice");
            }
            // Full for the moment, or the initializer is stopped.
            Err(error) if error.kind() == ErrorKind::LimitExceeded(Limit::DevShm) => {}
            Err(error) => assert!(is_too_early(error.kind()), "{error}"),
        }
    }
}

/// Step by step, so that what is seen too early would show.
fn make(fresh: &Value, token: u64, pause: usize) {
    assert!(fresh.multiples.iter().all(|number| number.load(SeqCst) == 0), "fresh memory is zero");
    fresh.token.store(token, SeqCst);
    for (factor, number) in (1..).zip(&fresh.multiples) {
        (0..pause).for_each(|_| std::hint::spin_loop());
        number.store(token * factor, SeqCst);
    }
}

/// The token of a value that is whole.
fn token_of(value: &Value) -> u64 {
    let token = value.token.load(SeqCst);
    assert!(token > 0, "there is no value");
    for (factor, number) in (1..).zip(&value.multiples) {
        assert_eq!(number.load(SeqCst), token * factor, "the value is half-made");
    }
    token
}
