//! Orderings weakened one at a time, to learn whether a model fails then: for `cargo xtask orderings`.
//!
//! An operation is named by the place in the source where it is called, so nothing is compiled again.

use std::collections::BTreeSet;
use std::env;
use std::panic::Location;
use std::println;
use std::string::String;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use loom::sync::atomic::Ordering;

/// The file, line and column of a call.
type Place = (String, u32, u32);

/// One argument of one operation, and the ordering that it has instead of the one in the source.
struct Weakening {
    place: Place,
    argument: usize,
    order: Ordering,
}

/// What is weakened: `src/sync/lock.rs:63:19:0:Release` is the first ordering of the operation there.
static WEAKENING: LazyLock<Option<Weakening>> =
    LazyLock::new(|| env::var("RAWIPC_WEAKEN").ok().map(|text| parse(&text).expect("a place and an ordering")));

/// The operations that have run, if `RAWIPC_REACHED` asks for them.
static REACHED: LazyLock<Option<Mutex<BTreeSet<Place>>>> =
    LazyLock::new(|| env::var_os("RAWIPC_REACHED").map(|_| Mutex::default()));

fn parse(text: &str) -> Option<Weakening> {
    let mut parts = text.split(':');
    let mut next = || parts.next();
    let place = (next()?.into(), next()?.parse().ok()?, next()?.parse().ok()?);
    let argument = next()?.parse().ok()?;
    let order = match next()? {
        "Relaxed" => Ordering::Relaxed,
        "Acquire" => Ordering::Acquire,
        "Release" => Ordering::Release,
        "AcqRel" => Ordering::AcqRel,
        _ => return None,
    };
    Some(Weakening { place, argument, order })
}

/// The ordering that the caller's operation has in the model: the one of the source, unless it is weakened.
#[track_caller]
pub(super) fn ordering(argument: usize, order: Ordering) -> Ordering {
    let call = Location::caller();
    if let Some(mut reached) = reached() {
        reached.insert((call.file().into(), call.line(), call.column()));
    }
    match &*WEAKENING {
        Some(Weakening { place: (file, line, column), argument: weakened, order })
            if (call.line(), call.column(), argument) == (*line, *column, *weakened) && call.file() == file =>
        {
            *order
        }
        _ => order,
    }
}

fn reached() -> Option<MutexGuard<'static, BTreeSet<Place>>> {
    REACHED.as_ref().map(|reached| reached.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Prints the operations that have run, if they are asked for.
pub(crate) fn print_reached() {
    for (file, line, column) in reached().iter().flat_map(|reached| reached.iter()) {
        println!("reached {file}:{line}:{column}");
    }
}
