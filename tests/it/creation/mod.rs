//! Creating named objects: whole before they are visible, by many processes at once, beside kills and refused calls.

mod common_starts;
mod creators;
mod groups;
mod kills;
mod refused;

use std::collections::BTreeSet;
use std::fs;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};

use rawipc::inspect::{Listing, ObjectKind};
use rawipc::shared_queue::SharedQueueOptions;
use rawipc::shm::{SharedMemoryOptions, SharedOptions};
use rawipc::{
    ErrorKind, MessageQueue, Name, NamedSemaphore, Priority, Result, Shared, SharedMemory, SharedQueue, shareable,
};

use crate::harness::{Role, Test};

pub const ROLES: &[Role] =
    &[("creation_starter", common_starts::start_with_others), ("creation_victim", kills::create)];

pub fn tests() -> Vec<Test> {
    [common_starts::tests(), creators::tests(), groups::tests(), kills::tests(), refused::tests()]
        .into_iter()
        .flatten()
        .collect()
}

/// The types whose objects have names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Memory,
    Sparse,
    Shared,
    SharedQueue,
    Semaphore,
    MessageQueue,
}

/// Those whose objects are files in `/dev/shm`.
const FILES: [Kind; 5] = [Kind::Memory, Kind::Sparse, Kind::Shared, Kind::SharedQueue, Kind::Semaphore];
const ALL: [Kind; 6] =
    [Kind::Memory, Kind::Sparse, Kind::Shared, Kind::SharedQueue, Kind::Semaphore, Kind::MessageQueue];

/// More than one page, and no whole number of them.
const SIZE: u64 = 10_000;
/// What a value is initialized with.
const FIRST: u64 = 1 << 32;
const MESSAGES: usize = 8;

shareable! {
    struct Value {
        number: AtomicU64,
        rest: [AtomicU64; 700],
    }
}

fn memory() -> SharedMemoryOptions {
    SharedMemory::options().write(true).size(SIZE)
}

fn value() -> SharedOptions<Value> {
    Shared::<Value>::options().version(7)
}

fn queue() -> SharedQueueOptions {
    SharedQueue::options().read(true).write(true).max_messages(MESSAGES).max_message_size(1000)
}

fn initialize(value: &Value) {
    value.number.store(FIRST, Relaxed);
}

/// How an object is created, beyond what its type's usual options say.
#[derive(Clone, Copy, Default)]
struct How {
    unlink_on_drop: bool,
    group: Option<u32>,
    mode: Option<u32>,
}

/// An object's handle, kept for what its drop does.
type Handle = Box<dyn std::any::Any>;

/// Opens or creates an object, however it can be had, and adds 1 to what it counts. What is not whole is an error.
fn open_and_add(kind: Kind, name: &Name, how: How) -> std::result::Result<Handle, String> {
    macro_rules! with {
        ($options:expr) => {{
            let mut options = $options.unlink_on_drop(how.unlink_on_drop);
            if let Some(mode) = how.mode {
                options = options.exact_mode(mode);
            }
            if let Some(group) = how.group {
                options = options.group(group);
            }
            options
        }};
    }
    let text = |error: rawipc::Error| format!("{kind:?}: {error}");
    Ok(match kind {
        Kind::Memory | Kind::Sparse => {
            let options = with!(memory().create(true).sparse(kind == Kind::Sparse));
            let memory = options.open(name).map_err(text)?;
            if memory.size() != Ok(SIZE) {
                return Err(format!("{kind:?} has the size {:?}", memory.size()));
            }
            let mapping = memory.map().map_err(text)?;
            mapping.get::<AtomicU64>(0).map_err(text)?.fetch_add(1, SeqCst);
            Box::new(memory)
        }
        Kind::Shared => {
            let value = with!(value()).open(name, initialize).map_err(text)?;
            value.number.fetch_add(1, SeqCst);
            Box::new(value)
        }
        Kind::SharedQueue => {
            let queue = with!(queue().create(true)).open(name).map_err(text)?;
            queue.try_send(b"one", Priority::MIN).map_err(text)?;
            Box::new(queue)
        }
        Kind::Semaphore => {
            let semaphore = with!(NamedSemaphore::options().create(true)).open(name).map_err(text)?;
            semaphore.post().map_err(text)?;
            Box::new(semaphore)
        }
        Kind::MessageQueue => {
            let options = MessageQueue::options().read(true).write(true).max_messages(MESSAGES).max_message_size(8);
            let queue = with!(options.create(true)).open(name).map_err(text)?;
            queue.try_send(b"one", Priority::MIN).map_err(text)?;
            Box::new(queue)
        }
    })
}

/// What the object that is there counts.
fn count(kind: Kind, name: &Name) -> Result<u64> {
    Ok(match kind {
        Kind::Memory | Kind::Sparse => memory().open(name)?.map()?.get::<AtomicU64>(0)?.load(SeqCst),
        Kind::Shared => value().open_existing(name)?.number.load(SeqCst) - FIRST,
        Kind::SharedQueue => queue().open(name)?.len()? as u64,
        Kind::Semaphore => NamedSemaphore::options().open(name)?.value().into(),
        Kind::MessageQueue => MessageQueue::options().read(true).open(name)?.len()? as u64,
    })
}

fn unlink(kind: Kind, name: &Name) -> Result<()> {
    match kind {
        Kind::Memory | Kind::Sparse | Kind::Shared => SharedMemory::unlink(name),
        Kind::SharedQueue => SharedQueue::unlink(name),
        Kind::Semaphore => NamedSemaphore::unlink(name),
        Kind::MessageQueue => MessageQueue::unlink(name),
    }
}

/// Whether a file's name is that of an object, `.rawipc-` and 16 characters.
pub fn is_private(file: &str) -> bool {
    let parts = file.rsplit_once(".rawipc-");
    parts.is_some_and(|(object, random)| !matches!(object, "sem" | "mq") && random.len() == 16)
}

/// A name that stands for nothing yet; whatever bears it in the end, or a private name made of it, is removed.
struct Free(String);

impl Free {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Relaxed);
        Self(format!("/rawipc-test-create-{}-{number}", std::process::id()))
    }

    fn name(&self) -> &Name {
        Name::new(self.0.as_str()).expect("it is made valid")
    }

    /// The files that are there because of it: all that have its name in theirs.
    fn files(&self) -> BTreeSet<String> {
        let entries = fs::read_dir("/dev/shm").expect("it can be listed").flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let is_it = |file: &String| {
            let start = file.trim_start_matches("sem.").trim_start_matches("mq.");
            start == &self.0[1..] || start.starts_with(&format!("{}.", &self.0[1..]))
        };
        names.filter(is_it).collect()
    }

    /// Removes those files that have private names, and tells how many there were.
    fn remove_private(&self) -> usize {
        let private: Vec<String> = self.files().into_iter().filter(|file| is_private(file)).collect();
        for file in &private {
            // Its creator may have removed it.
            let _ = fs::remove_file(format!("/dev/shm/{file}"));
        }
        private.len()
    }

    /// The names of those of its files that a listing shows.
    fn listed(&self) -> usize {
        let mut buffer = [MaybeUninit::uninit(); Listing::BUFFER_SIZE];
        let mut count = 0;
        type Start = for<'a> fn(&'a mut [MaybeUninit<u8>]) -> Result<Listing<'a>>;
        let starts: [Start; 3] = [
            |buffer| Listing::semaphores(buffer),
            |buffer| Listing::shared_memory(buffer),
            |buffer| Listing::shared_queues(buffer),
        ];
        for start in starts {
            let mut listing = start(&mut buffer).expect("it can be listed");
            while let Some(entry) = listing.next() {
                let entry = entry.expect("an entry");
                let is_again = entry.kind == ObjectKind::MuslSemaphore;
                let name = entry.name().to_string();
                count += usize::from(!is_again && name.contains(&self.0[1..]));
            }
        }
        count
    }

    #[track_caller]
    fn assert_stands_for_nothing(&self, kind: Kind) {
        assert_eq!(count(kind, self.name()).map_err(|error| error.kind()), Err(ErrorKind::NotFound), "{kind:?}");
        assert_eq!(self.files(), BTreeSet::new(), "{kind:?}");
    }
}

impl Drop for Free {
    fn drop(&mut self) {
        for file in self.files() {
            let _ = fs::remove_file(format!("/dev/shm/{file}"));
        }
        let _ = MessageQueue::unlink(self.name());
    }
}
