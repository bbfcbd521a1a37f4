//! A creator killed at each of its system calls, before and after each.

use rawipc::{Name, NamedSemaphore, SharedQueue};

use super::{FILES, Free, How, Kind, count, initialize, memory, open_and_add, queue, value};
use crate::harness::tracer::{be_traced, kill_at_stop, piece};
use crate::harness::{Ending, role};
use crate::semaphore::sandbox::{NAMELESS, NAMELESS_TOO, refuse};

crate::tests!(
    shared_memory_is_whole_whenever_its_creator_dies,
    shared_queue_is_whole_whenever_its_creator_dies,
    semaphore_is_whole_whenever_its_creator_dies,
);

const NAMELESSLY: &str = "namelessly";
const BY_PRIVATE_NAME: &str = "by a private name";

/// The role: creates an object under the eyes of a tracer.
pub fn create(arguments: &[String]) {
    let [name, kind, way] = arguments else { panic!("three arguments") };
    let name = Name::new(name.as_str()).expect("a name");
    let kind = *FILES.iter().find(|known| format!("{known:?}") == *kind).expect("a type");
    if way == BY_PRIVATE_NAME && refuse(&[NAMELESS, NAMELESS_TOO]).is_err() {
        // There is nothing to be seen.
        return;
    }
    be_traced();
    piece(1, || match kind {
        Kind::Memory | Kind::Sparse => {
            drop(memory().create_new(true).sparse(kind == Kind::Sparse).exact_mode(0o600).open(name).unwrap());
        }
        Kind::Shared => drop(value().open(name, initialize).unwrap()),
        Kind::SharedQueue => drop::<SharedQueue>(queue().create_new(true).open(name).unwrap()),
        Kind::Semaphore => {
            drop::<NamedSemaphore>(NamedSemaphore::options().create_new(true).open(name).unwrap());
        }
        Kind::MessageQueue => unreachable!("its creation is one call"),
    });
}

/// Kills a creator at each stop; what is there then is nothing or all, and the next one gets on.
fn assert_whole_at_any_kill(kind: Kind, way: &str) -> Ending {
    let (mut nothing, mut whole, mut private) = (0, 0, 0);
    for stop in 0.. {
        let free = Free::new();
        let mut victim = role("creation_victim", &[&free.0, &format!("{kind:?}"), way]);
        let was_in_time = kill_at_stop(&mut victim, 1, stop)?;
        let case = format!("{kind:?} {way}, stop {stop}");
        assert_eq!(free.listed(), free.files().len(), "{case}: what is left is listed");
        private += free.remove_private();
        let is_there = !free.files().is_empty();
        assert!(is_there || whole == 0, "{case}: it was there before");
        if is_there {
            whole += 1;
            // A value is initialized when its object has its name; the next one does it in the place of the dead.
            if kind != Kind::Shared {
                assert_eq!(count(kind, free.name()), Ok(0), "{case}");
            }
        } else {
            nothing += 1;
        }
        open_and_add(kind, free.name(), How::default()).unwrap_or_else(|what| panic!("{case}: {what}"));
        assert_eq!(count(kind, free.name()), Ok(1), "{case}");
        assert_eq!(free.files().len(), 1, "{case}");
        if !was_in_time {
            break;
        }
    }
    assert!(nothing >= 4 && whole >= 2, "{kind:?} {way}: {nothing} kills left nothing, {whole} the object");
    assert_eq!(private > 0, way == BY_PRIVATE_NAME, "{kind:?} {way}: {private} private names were left");
    Ok(())
}

fn assert_whole(kinds: &[Kind]) -> Ending {
    for kind in kinds {
        assert_whole_at_any_kill(*kind, NAMELESSLY)?;
        assert_whole_at_any_kill(*kind, BY_PRIVATE_NAME)?;
    }
    Ok(())
}

fn shared_memory_is_whole_whenever_its_creator_dies() -> Ending {
    assert_whole(&[Kind::Memory, Kind::Sparse, Kind::Shared])
}

fn shared_queue_is_whole_whenever_its_creator_dies() -> Ending {
    assert_whole(&[Kind::SharedQueue])
}

fn semaphore_is_whole_whenever_its_creator_dies() -> Ending {
    assert_whole(&[Kind::Semaphore])
}
