//! The objects of a test: what their names begin with, and removing those that it left behind when it failed.

use core::fmt::Write;
use core::mem::MaybeUninit;

use rawipc::{Abi, Listing, MessageQueue, Name, NamedSemaphore, ObjectKind, Result, SharedMemory};
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

/// Removes what a test left behind, as far as it can be seen.
pub fn remove_objects(prefix: &Prefix) {
    let mut buffer = [MaybeUninit::uninit(); Listing::BUFFER_SIZE];
    remove_listed(Listing::queues(&mut buffer), prefix);
    remove_listed(Listing::semaphores(&mut buffer), prefix);
    remove_listed(Listing::shared_memory(&mut buffer), prefix);
}

fn remove_listed(listing: Result<Listing<'_>>, prefix: &Prefix) {
    let Ok(mut listing) = listing else { return };
    while let Some(entry) = listing.next() {
        let Ok(entry) = entry else { continue };
        let name = entry.name().as_bytes();
        // A queue in shared memory is a file of its own naming.
        let name = name.strip_prefix(b"/mq.").or(name.strip_prefix(b"/")).unwrap_or(name);
        if name.starts_with(&prefix.name().as_bytes()[1..]) {
            let _ = remove(entry.kind, entry.name());
        }
    }
}

fn remove(kind: ObjectKind, name: &Name) -> Result<()> {
    match kind {
        ObjectKind::Queue => MessageQueue::unlink(name),
        ObjectKind::Semaphore => NamedSemaphore::options().abi(Abi::Gnu64).unlink(name),
        ObjectKind::MuslSemaphore => NamedSemaphore::options().abi(Abi::Musl).unlink(name),
        ObjectKind::SharedMemory => SharedMemory::unlink(name),
    }
}
