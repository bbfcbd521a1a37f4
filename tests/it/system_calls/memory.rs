//! Shared memory, and lists of what lies in `/dev/shm`.

use std::mem::MaybeUninit;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use rawipc::inspect::Listing;
use rawipc::shm::SharedMemoryOptions;
use rawipc::{Name, Shared, SharedMemory, name};

use super::{Play, play};

const NAME: &Name = name!("/rawipc-test-memory");
const OTHER: &Name = name!("/rawipc-test-other");
const SIZE: usize = 8192;

pub fn plays() -> Vec<Play> {
    [opening(), objects(), mappings(), values(), lists()].into_iter().flatten().collect()
}

fn options() -> SharedMemoryOptions {
    SharedMemory::options().write(true).size(SIZE as u64)
}

fn memory() -> SharedMemory {
    options().create_new(true).unlink_on_drop(true).open(NAME).unwrap()
}

/// A name that is removed in the end, whoever created it.
struct Removed(Option<SharedMemory>);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = SharedMemory::unlink(OTHER);
    }
}

fn removed(options: SharedMemoryOptions) -> Removed {
    Removed(Some(options.open(OTHER).unwrap()))
}

fn opening() -> Vec<Play> {
    vec![
        play("`SharedMemoryOptions::open` of what is there", memory, |_| {
            SharedMemory::options().write(true).open(NAME).unwrap()
        }),
        play("`SharedMemoryOptions::open` with `create_new`", || (), |()| removed(options().create_new(true))),
        play("`SharedMemoryOptions::open` with `create`, nothing there", || (), |()| removed(options().create(true))),
        play(
            "`SharedMemoryOptions::open` with `create_new`, `unlink_on_drop`",
            || (),
            |()| options().create_new(true).unlink_on_drop(true).open(OTHER).unwrap(),
        ),
        play(
            "`SharedMemoryOptions::open` with `create_new`, `sparse`",
            || (),
            |()| removed(options().create_new(true).sparse(true)),
        ),
        play(
            "`SharedMemoryOptions::open` with `create_new`, `group`, `exact_mode`",
            || (),
            |()| removed(options().create_new(true).group(0).exact_mode(0o660)),
        ),
        play(
            "`SharedMemoryOptions::create_unique`",
            || (),
            |()| options().unlink_on_drop(true).create_unique(name!("/rawipc-test-unique-")).unwrap(),
        ),
        play("`AnonymousOptions::create`", || (), |()| SharedMemory::anonymous(SIZE as u64).create().unwrap()),
        play("`SharedMemory::unlink`", || removed(options().create(true)), |_| SharedMemory::unlink(OTHER).unwrap()),
        play(
            "`SharedMemory::close`",
            || removed(options().create(true)),
            |memory| {
                memory.0.take().unwrap().close().unwrap();
            },
        ),
        play(
            "`SharedMemory::close` with `unlink_on_drop`",
            || Some(memory()),
            |memory| {
                memory.take().unwrap().close().unwrap();
            },
        ),
        play("`SharedMemory::try_clone`", memory, |memory| memory.try_clone().unwrap()),
    ]
}

fn objects() -> Vec<Play> {
    let anonymous = || SharedMemory::anonymous(SIZE as u64).create().unwrap();
    vec![
        play("`SharedMemory::size`", memory, |memory| memory.size().unwrap()),
        play("`SharedMemory::mode`", memory, |memory| memory.mode().unwrap()),
        play("`SharedMemory::is_linked`", memory, |memory| assert!(memory.is_linked().unwrap())),
        play("`SharedMemory::is_linked` without a name", anonymous, |memory| assert!(!memory.is_linked().unwrap())),
        play("`SharedMemory::name`", memory, |memory| assert!(memory.name().is_some())),
        play("`SharedMemory::resize` to more", memory, |memory| memory.resize(2 * SIZE as u64).unwrap()),
        play("`SharedMemory::resize` to less", memory, |memory| memory.resize(1).unwrap()),
        play("`SharedMemory::resize_sparse`", memory, |memory| memory.resize_sparse(2 * SIZE as u64).unwrap()),
        play("`SharedMemory::read_at`", memory, |memory| memory.read_at(1, &mut [0; 8]).unwrap()),
        play("`SharedMemory::write_at`", memory, |memory| memory.write_at(1, &[0; 8]).unwrap()),
        play("`SharedMemory::seal_size`", anonymous, |memory| memory.seal_size().unwrap()),
        play("`SharedMemory::seal_future_writes`", anonymous, |memory| memory.seal_future_writes().unwrap()),
        play("`SharedMemory::is_size_sealed`", anonymous, |memory| memory.is_size_sealed()),
    ]
}

fn mappings() -> Vec<Play> {
    let mapped = || memory().map().unwrap();
    let read_only = || memory().map_options().map_read_only().unwrap();
    vec![
        play("`SharedMemory::map`", memory, |memory| memory.map().unwrap()),
        play("`MapOptions::map` of a length", memory, |memory| memory.map_options().length(10).map().unwrap()),
        play("`MapOptions::map_read_only` of a length", memory, |memory| {
            memory.map_options().length(10).map_read_only().unwrap()
        }),
        play("`Mapping` dropped", move || Some(mapped()), |mapping| mapping.take().map(drop)),
        play(
            "`Mapping::remap`",
            || (memory().map().unwrap(), anonymous_pair()),
            |(_, (memory, mapping))| {
                mapping.remap(memory, 2 * SIZE).unwrap();
            },
        ),
        play("`Mapping::get`", mapped, |mapping| mapping.get::<AtomicU64>(0).unwrap().store(1, Relaxed)),
        play("`Mapping::slice`", mapped, |mapping| mapping.slice::<AtomicU64>(0, 9).unwrap().len()),
        play("`Mapping::read_at`", mapped, |mapping| mapping.read_at(0, &mut [0; 9]).unwrap()),
        play("`Mapping::write_at`", mapped, |mapping| mapping.write_at(0, &[0; 9]).unwrap()),
        play("`Mapping::as_ptr`", mapped, |mapping| assert!(!mapping.as_ptr().is_null())),
        play("`Mapping::len`", mapped, |mapping| mapping.len()),
        play("`ReadOnlyMapping::load`", read_only, |mapping| mapping.load::<AtomicU64>(0).unwrap()),
        play("`ReadOnlyMapping::read_at`", read_only, |mapping| mapping.read_at(0, &mut [0; 9]).unwrap()),
    ]
}

/// Memory that has grown beyond its mapping.
fn anonymous_pair() -> (SharedMemory, rawipc::Mapping) {
    let memory = SharedMemory::anonymous(SIZE as u64).create().unwrap();
    let mapping = memory.map().unwrap();
    memory.resize(2 * SIZE as u64).unwrap();
    (memory, mapping)
}

fn shared() -> Shared<AtomicU64> {
    Shared::<AtomicU64>::options().unlink_on_drop(true).open(NAME, |_| {}).unwrap()
}

fn values() -> Vec<Play> {
    let read_only = || (shared(), Shared::<AtomicU64>::options().open_read_only(NAME).unwrap());
    vec![
        play("`SharedOptions::open`, the first", || (), |()| shared()),
        play("`SharedOptions::open`, a later one", shared, |_| {
            Shared::<AtomicU64>::options().open(NAME, |_| panic!("it is initialized")).unwrap()
        }),
        play("`SharedOptions::open_existing`", shared, |_| Shared::<AtomicU64>::options().open_existing(NAME).unwrap()),
        play("`SharedOptions::open_read_only`", shared, |_| {
            Shared::<AtomicU64>::options().open_read_only(NAME).unwrap()
        }),
        play("`ReadOnlyShared::load`", read_only, |(_, value)| value.load()),
        play("`ReadOnlyShared::is_linked`", read_only, |(_, value)| assert!(value.is_linked().unwrap())),
        play("`ReadOnlyShared::name`", read_only, |(_, value)| assert_eq!(value.name(), NAME)),
        play("`Shared::is_linked`", shared, |value| assert!(value.is_linked().unwrap())),
        play("`Shared::name`", shared, |value| assert_eq!(value.name(), Some(NAME))),
    ]
}

fn lists() -> Vec<Play> {
    vec![
        play(
            "`Listing::semaphores`, `Listing::next` until the end",
            || (),
            |()| {
                let mut buffer = [MaybeUninit::uninit(); 4096];
                assert!(Listing::semaphores(&mut buffer).unwrap().next().is_none());
            },
        ),
        play("`Listing::shared_memory`, `Listing::next` until the end", memory, |_| {
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut listing = Listing::shared_memory(&mut buffer).unwrap();
            while let Some(entry) = listing.next() {
                entry.unwrap();
            }
        }),
    ]
}
