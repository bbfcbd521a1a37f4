//! Which object was meant by a name that no object has.

use std::mem::MaybeUninit;

use rawipc::error::Operation;
use rawipc::inspect::{Listing, ObjectKind};
use rawipc::{Name, Result};
use strsim::osa_distance;

/// An object that there is.
struct Candidate {
    kind: ObjectKind,
    name: Vec<u8>,
}

/// The end of an error's sentence: that another sort of object has this name, or else which name is almost the same.
/// Nothing where no objects can be listed, or the operation is not about an object of a certain sort.
pub(crate) fn hint(name: &Name, operation: Operation) -> Option<String> {
    let wanted = match operation {
        Operation::OpenQueue | Operation::UnlinkQueue => "queue",
        Operation::OpenSemaphore | Operation::UnlinkSemaphore => "semaphore",
        Operation::OpenMemory | Operation::UnlinkMemory => "shared memory object",
        _ => return None,
    };
    let candidates = all();
    let same = |candidate: &&Candidate| candidate.name == name.as_bytes();
    if let Some(namesake) = candidates.iter().find(same) {
        if namesake.kind == ObjectKind::MuslSemaphore && wanted == "semaphore" {
            return Some("a file of this name may be a semaphore of musl's: ask for it with --abi musl".into());
        }
        return Some(format!("there is a {} of this name", word(namesake.kind)));
    }
    let nearest = candidates.iter().filter(|candidate| word(candidate.kind).starts_with(wanted));
    let nearest = nearest.filter_map(|candidate| Some((slips(name.as_bytes(), &candidate.name)?, candidate)));
    let (_, nearest) = nearest.min_by_key(|(slips, _)| *slips)?;
    Some(format!("did you mean {}?", nearest.name.escape_ascii()))
}

/// How many slips of the finger lie between two names: two at most, and not more than one for each three bytes. Names
/// that differ in a number alone are meant so.
fn slips(name: &[u8], other: &[u8]) -> Option<usize> {
    const MOST: usize = 2;
    let without_numbers = |name: &[u8]| name.iter().filter(|byte| !byte.is_ascii_digit()).copied().collect::<Vec<_>>();
    // The lighter one of strsim's that know exchanged letters; it has no hash table.
    let slips = osa_distance(&String::from_utf8_lossy(name), &String::from_utf8_lossy(other));
    let are_slips = slips <= MOST && 3 * slips < name.len() && without_numbers(name) != without_numbers(other);
    are_slips.then_some(slips)
}

fn word(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Queue => "queue",
        ObjectKind::Semaphore | ObjectKind::MuslSemaphore => "semaphore",
        ObjectKind::SharedQueue => "queue in shared memory",
        ObjectKind::SharedMemory => "shared memory object",
    }
}

/// What can be listed; the rest is no worse than a name that is not known.
fn all() -> Vec<Candidate> {
    let mut buffer = [MaybeUninit::uninit(); Listing::BUFFER_SIZE];
    let mut candidates = Vec::new();
    // What is listed before an error is as good as without it.
    let _ = add(Listing::queues(&mut buffer), &mut candidates);
    let _ = add(Listing::semaphores(&mut buffer), &mut candidates);
    let _ = add(Listing::shared_queues(&mut buffer), &mut candidates);
    let _ = add(Listing::shared_memory(&mut buffer), &mut candidates);
    candidates
}

fn add(listing: Result<Listing<'_>>, candidates: &mut Vec<Candidate>) -> Result<()> {
    let mut listing = listing?;
    while let Some(entry) = listing.next() {
        let entry = entry?;
        candidates.push(Candidate { kind: entry.kind, name: entry.name().as_bytes().to_vec() });
    }
    Ok(())
}
