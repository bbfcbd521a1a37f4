//! What the tests of lists have in common: directories of their own, a process without rights, what a listing shows.

use std::fs;
use std::mem::MaybeUninit;

use rawipc::Result;
use rawipc::inspect::{Listing, ObjectKind};
use rustix::mount::{MountFlags, mount};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

use crate::harness::kernel::private_ipc_and_mounts;
use crate::harness::{Ending, Lacking};

/// What is worth comparing of an entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    pub name: Vec<u8>,
    pub kind: &'static str,
    pub size: u64,
    pub mode: u32,
}

impl Listed {
    pub fn new(name: impl AsRef<[u8]>, kind: ObjectKind, size: u64, mode: u32) -> Self {
        Self { name: name.as_ref().to_vec(), kind: word(kind), size, mode }
    }
}

fn word(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Queue => "queue",
        ObjectKind::Semaphore => "semaphore",
        ObjectKind::MuslSemaphore => "semaphore of musl's",
        ObjectKind::SharedQueue => "shared queue",
        ObjectKind::SharedMemory => "shared memory",
    }
}

/// All queues, in the order of their names.
pub fn queues() -> Result<Vec<Listed>> {
    let mut buffer = [MaybeUninit::uninit(); Listing::BUFFER_SIZE];
    all(Listing::queues(&mut buffer)?)
}

/// All semaphores, in the order of their names.
pub fn semaphores() -> Result<Vec<Listed>> {
    let mut buffer = [MaybeUninit::uninit(); Listing::BUFFER_SIZE];
    all(Listing::semaphores(&mut buffer)?)
}

/// All queues in shared memory, in the order of their names.
pub fn shared_queues() -> Result<Vec<Listed>> {
    let mut buffer = [MaybeUninit::uninit(); Listing::BUFFER_SIZE];
    all(Listing::shared_queues(&mut buffer)?)
}

/// All shared memory objects, in the order of their names.
pub fn shared_memory() -> Result<Vec<Listed>> {
    let mut buffer = [MaybeUninit::uninit(); Listing::BUFFER_SIZE];
    all(Listing::shared_memory(&mut buffer)?)
}

fn all(mut listing: Listing<'_>) -> Result<Vec<Listed>> {
    let mut listed = Vec::new();
    while let Some(entry) = listing.next() {
        let entry = entry?;
        listed.push(Listed::new(entry.name(), entry.kind, entry.size, entry.mode));
    }
    listed.sort();
    Ok(listed)
}

/// A `/dev` of this process's own, with an empty `shm` and, where `mqueue` is asked for, an mqueue file system; queues
/// too are its own.
pub fn private_dev(mqueue: bool) -> Ending {
    private_ipc_and_mounts()?;
    let lacking = |errno| Lacking(format!("the right to mount ({errno})"));
    mount("none", "/dev", "tmpfs", MountFlags::empty(), None).map_err(lacking)?;
    fs::create_dir("/dev/shm").unwrap();
    mount("none", "/dev/shm", "tmpfs", MountFlags::empty(), None).map_err(lacking)?;
    if mqueue {
        fs::create_dir("/dev/mqueue").unwrap();
        mount("none", "/dev/mqueue", "mqueue", MountFlags::empty(), None).map_err(lacking)?;
    }
    Ok(())
}

/// Gives up all capabilities, for good.
pub fn drop_capabilities() {
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    set_capabilities(None, sets).expect("they can always be given up");
}

/// All mounts that this process sees.
pub fn mounts() -> String {
    fs::read_to_string("/proc/self/mountinfo").expect("it is a text")
}
