//! The objects of a test: what their names begin with, and removing those that it left behind when it failed.

use core::fmt::Write;
use core::mem::MaybeUninit;

use rawipc::inspect::{Listing, ObjectKind};
use rawipc::semaphore::abi::Abi;
use rawipc::{MessageQueue, Name, NamedSemaphore, Result, SharedMemory, SharedQueue};
use rustix::process::Pid;

use crate::console::Text;

/// What the names of all objects of a test begin with: the number of its process is in it.
pub struct Prefix(Text);

impl Prefix {
    /// Of the test that this process runs.
    pub fn of(process: Pid) -> Self {
        let mut text = Text::new();
        let _ = write!(text, "/rawipc-bare-{}-", process.as_raw_nonzero());
        Self(text)
    }

    pub fn name(&self) -> &Name {
        Name::new(self.0.as_bytes()).expect("it is a name")
    }
}

/// Removes what a test left behind, as far as it can be seen; returns how much that was.
pub fn remove_objects(prefix: &Prefix) -> u32 {
    let mut buffer = [MaybeUninit::uninit(); Listing::BUFFER_SIZE];
    remove_listed(Listing::queues(&mut buffer), prefix)
        + remove_listed(Listing::semaphores(&mut buffer), prefix)
        + remove_listed(Listing::shared_memory(&mut buffer), prefix)
        + remove_listed(Listing::shared_queues(&mut buffer), prefix)
}

fn remove_listed(listing: Result<Listing<'_>>, prefix: &Prefix) -> u32 {
    let Ok(mut listing) = listing else { return 0 };
    let mut count = 0;
    while let Some(entry) = listing.next() {
        let Ok(entry) = entry else { continue };
        if entry.name().as_bytes().starts_with(prefix.name().as_bytes()) {
            // A semaphore of musl's is in two lists.
            count += u32::from(remove(entry.kind, entry.name()).is_ok());
        }
    }
    count
}

fn remove(kind: ObjectKind, name: &Name) -> Result<()> {
    match kind {
        ObjectKind::Queue => MessageQueue::unlink(name),
        ObjectKind::Semaphore => NamedSemaphore::options().abi(Abi::Gnu64).unlink(name),
        ObjectKind::MuslSemaphore => NamedSemaphore::options().abi(Abi::Musl).unlink(name),
        ObjectKind::SharedMemory => SharedMemory::unlink(name),
        ObjectKind::SharedQueue => SharedQueue::unlink(name),
    }
}
