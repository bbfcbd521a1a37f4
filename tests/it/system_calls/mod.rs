//! The system calls of every public operation: exactly those that `docs/system-calls.md` lists.

mod memory;
mod queues;
mod robust;
mod semaphores;
mod shared_queues;

use std::any::Any;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rawipc::Deadline;

use crate::faults::errnos::row_of;
use crate::harness::Ending;
use crate::harness::injector::{Call, Subject};
use crate::inspect::list_support::private_dev;

crate::tests!(
    every_public_operation_is_in_the_table;
    alone: every_operation_makes_the_calls_in_the_table
);

const TABLE: &str = include_str!("../../../docs/system-calls.md");

/// What an operation leaves is kept until its calls have been looked at.
type Kept = Box<dyn Any + Send>;
type Act = Box<dyn FnOnce() -> Kept + Send>;

/// An operation: as the table calls it, and how it is made ready and then done.
pub struct Play {
    name: &'static str,
    prepare: Box<dyn Fn() -> Act>,
}

pub fn play<T: Send + 'static, K: Send + 'static>(
    name: &'static str,
    prepare: impl Fn() -> T + 'static,
    act: fn(&mut T) -> K,
) -> Play {
    let prepare = move || -> Act {
        let mut object = prepare();
        Box::new(move || {
            let result = act(&mut object);
            Box::new((object, result))
        })
    };
    Play { name, prepare: Box::new(prepare) }
}

/// The rows of the table: operations, and the names of their calls.
fn rows() -> BTreeMap<&'static str, Vec<&'static str>> {
    let quoted = |cell: &'static str| cell.split('`').skip(1).step_by(2);
    let mut rows = BTreeMap::new();
    for line in TABLE.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let &[operations, calls] = cells.as_slice() else { panic!("not a row of two cells: {line}") };
        let calls: Vec<_> = quoted(calls).collect();
        assert_eq!(calls.is_empty(), cells[1] == "none", "{line}");
        // A cell is one operation with its circumstances, or several operations without any.
        let parts: Vec<_> = operations.split(", ").collect();
        let is_list = parts.iter().all(|part| part.ends_with('`') && part.matches('`').count() == 2);
        let names = if is_list { parts } else { vec![operations] };
        for name in names {
            assert!(rows.insert(name, calls.clone()).is_none(), "{name} is in the table twice");
        }
    }
    rows
}

fn name_of(call: &Call) -> Option<&'static str> {
    // In debug builds std makes sure that a descriptor is open before it closes it.
    let is_std = call.number == libc::SYS_fcntl && call.arguments[1] == libc::F_GETFD as u64;
    match call.number {
        _ if is_std => None,
        libc::SYS_getpid => Some("getpid"),
        libc::SYS_munmap => Some("munmap"),
        libc::SYS_prlimit64 => Some("prlimit64"),
        libc::SYS_sched_yield => Some("sched_yield"),
        _ => row_of(call).map(|row| row.name),
    }
}

fn all() -> impl Iterator<Item = Play> {
    [queues::plays(), semaphores::plays(), memory::plays(), shared_queues::plays(), robust::plays()]
        .into_iter()
        .flatten()
}

fn every_operation_makes_the_calls_in_the_table() -> Ending {
    private_dev(true)?;
    // rustix asks the kernel once in each process where it finds the clocks.
    let _ = Deadline::after(std::time::Duration::ZERO);
    // The first that is to remove a name makes what tells a process from its children.
    let _ = crate::harness::small_queue();
    let subject = Subject::start()?;
    subject.run(Box::new(|_, _| None), || ());
    let (mut rows, mut faults) = (rows(), Vec::new());
    for Play { name, prepare } in all() {
        let do_it = || -> Vec<_> {
            let (_kept, calls) = subject.run(Box::new(|_, _| None), prepare());
            calls.iter().filter_map(name_of).collect()
        };
        let expected = rows.remove(name);
        // On a busy machine a short wait may be over before its call; then it is done anew.
        let mut tries = (0..3).map(|_| do_it());
        let made = tries.find(|made| Some(made) == expected.as_ref()).unwrap_or_else(do_it);
        match expected {
            None => faults.push(format!("{name} is not in the table, or done twice; it makes {made:?}")),
            Some(expected) if expected != made => faults.push(format!("{name} makes {made:?}, not {expected:?}")),
            Some(_) => {}
        }
    }
    faults.extend(rows.keys().map(|name| format!("{name} is in the table and was not done")));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

/// The modules whose public functions may reach the kernel. The ends of queues do what the queue's methods of the same
/// name do.
const MODULES: &[&str] = &[
    "inspect/limits.rs",
    "inspect/listing.rs",
    "mqueue/attributes.rs",
    "mqueue/bulk.rs",
    "mqueue/descriptor.rs",
    "mqueue/mod.rs",
    "mqueue/notify/mod.rs",
    "mqueue/notify/socket.rs",
    "mqueue/options.rs",
    "mqueue/status.rs",
    "mqueue/transfer.rs",
    "semaphore/mod.rs",
    "semaphore/named.rs",
    "semaphore/options.rs",
    "shared_queue/doorbell.rs",
    "shared_queue/mod.rs",
    "shared_queue/options.rs",
    "shared_queue/transfer.rs",
    "shm/anonymous.rs",
    "shm/map_options.rs",
    "shm/mapping.rs",
    "shm/object.rs",
    "shm/shared.rs",
    "sync/mutex.rs",
];

/// A new operation is not forgotten.
fn every_public_operation_is_in_the_table() {
    let rows = rows();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut missing = Vec::new();
    for module in MODULES {
        let text = fs::read_to_string(source.join(module)).expect("the module is there");
        for name in text.lines().filter_map(|line| line.strip_prefix("    pub fn ")) {
            let name = name.split(['(', '<']).next().expect("a name");
            let is_it = |row: &&&str| row.contains(&format!("::{name}`"));
            missing.extend(rows.keys().find(is_it).is_none().then(|| format!("{name} of {module}")));
        }
    }
    assert!(missing.is_empty(), "docs/system-calls.md lacks {missing:?}");
}
