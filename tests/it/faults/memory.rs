//! The operations of shared memory.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use rawipc::error::{Limit, Operation, RejectedError};
use rawipc::shm::{Advice, MapOptions, SharedMemoryOptions};
use rawipc::{Errno, ErrorKind, Mapping, Name, Shared, SharedMemory, name};
use rustix::fd::OwnedFd;
use rustix::process::{Resource, getrlimit};

use super::case::Left::{Before, Done, DoneNameStays, Shows};
use super::case::Told::{As, Kind, Nothing, Usually};
use super::case::{ALL, Case, IN_PARTS, LINK_REFUSED, Prepared, REFUSED, Unusual, case, freely, on};
use Operation::{
    CloneMemory, CloseMemory, CreateMemory, MapMemory, MemoryStatus, OpenMemory, OpenShared, ReadMemory, ResizeMemory,
    SealMemory, UnlinkMemory, WriteMemory,
};

pub fn cases() -> Vec<Case> {
    [
        opening(),
        creating(),
        anonymous(),
        sizes(),
        copies(),
        mappings(),
        looking(),
        values(),
        values_that_are_there(),
        closing(),
    ]
    .concat()
}

const NAME: &Name = name!("/rawipc-test-memory");
const OTHER: &Name = name!("/rawipc-test-other");
const UNIQUE: &Name = name!("/rawipc-test-unique-");
const SIZE: u64 = 5000;

fn options() -> SharedMemoryOptions {
    SharedMemory::options().write(true).size(SIZE).unlink_on_drop(true)
}

fn memory() -> SharedMemory {
    let memory = options().create_new(true).open(NAME).unwrap();
    memory.write_at(0, b"content").unwrap();
    memory
}

fn look(memory: &SharedMemory) -> String {
    format!("{} bytes, {:?}, sealed: {}", memory.size().unwrap(), memory.mode().unwrap(), memory.is_size_sealed())
}

fn on_memory<K: Send + 'static>(act: fn(&SharedMemory) -> rawipc::Result<K>) -> Prepared {
    on(memory(), look, move |memory| act(memory))
}

/// Memory whose name is removed after all, if it is not yet.
struct Owned(SharedMemory);

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = SharedMemory::unlink(OTHER);
    }
}

/// What opening makes of a file that cannot be one; and it takes no space, nor says it anything about a size.
const UNFIT: Unusual = ("open", &[Errno::LOOP, Errno::ISDIR, Errno::NXIO], Kind(ErrorKind::InvalidInput), Before);

/// What there is no directory for cannot be created.
const NOWHERE: &[Unusual] = &[
    ("open", REFUSED, Nothing, Done),
    LINK_REFUSED,
    IN_PARTS,
    ("linkat", &[Errno::NOTDIR], Kind(ErrorKind::Unsupported), Before),
    ("open", &[Errno::NOENT, Errno::NOTDIR], Kind(ErrorKind::Unsupported), Before),
    ("stat", &[Errno::NOENT, Errno::NOTDIR], Kind(ErrorKind::Unsupported), Before),
    TOO_LARGE,
    ("stat", &[Errno::OVERFLOW], Kind(ErrorKind::InvalidInput), Before),
];

/// An errno that stands for sizes no file can have.
const TOO_LARGE: Unusual = ("open", &[Errno::OVERFLOW], Kind(ErrorKind::InvalidInput), Before);

fn opening() -> Vec<Case> {
    vec![
        case("open", OpenMemory, || on_memory(|_| options().open(NAME))).unless(&[UNFIT]),
        case("open for reading", OpenMemory, || on_memory(|_| SharedMemory::options().read(true).open(NAME)))
            .unless(&[UNFIT]),
        case("create what exists", CreateMemory, || on_memory(|_| options().create(true).open(NAME))).unless(&[
            ("open", &[Errno::NOENT], Nothing, Done),
            ("open", &[Errno::NOTDIR], Kind(ErrorKind::Unsupported), Before),
            ("stat", &[Errno::NOTDIR], Kind(ErrorKind::Unsupported), Before),
            ("open", &[Errno::NOSPC], Kind(ErrorKind::Other), Before),
            ("stat", &[Errno::NOENT], Nothing, Done),
            UNFIT,
        ]),
        case("truncate", OpenMemory, || on_memory(|_| options().truncate(true).open(NAME))).unless(&[
            UNFIT,
            IN_PARTS,
            // It is emptied, as was asked.
            ("fallocate", &[Errno::NOSPC], Kind(ErrorKind::LimitExceeded(Limit::DevShm)), Shows("0 bytes")),
            ("fallocate", ALL, Usually, Shows("0 bytes")),
        ]),
        case("truncate to a sparse one", OpenMemory, || {
            on_memory(|_| options().sparse(true).truncate(true).open(NAME))
        })
        .unless(&[UNFIT, ("ftruncate 1", ALL, Usually, Shows("0 bytes"))]),
    ]
}

fn creating() -> Vec<Case> {
    vec![
        case("create", CreateMemory, || freely(|| options().create_new(true).open(OTHER))).unless(NOWHERE),
        case("create to stay", CreateMemory, || {
            freely(|| options().unlink_on_drop(false).create_new(true).open(OTHER).map(Owned))
        })
        .unless(NOWHERE),
        case("create a sparse one of an exact mode", CreateMemory, || {
            freely(|| options().sparse(true).exact_mode(0o666).create_new(true).open(OTHER))
        })
        .unless(NOWHERE),
        case("create of a new name", CreateMemory, || freely(|| options().create_unique(UNIQUE)))
            .unless(&[("open", &[Errno::EXIST], Nothing, Done), ("linkat", &[Errno::EXIST], Nothing, Done)])
            .unless(NOWHERE),
    ]
}

fn anonymous() -> Vec<Case> {
    vec![
        case("anonymous", CreateMemory, || freely(|| SharedMemory::anonymous(SIZE).create()))
            .unless(&[IN_PARTS, ("fallocate", &[Errno::NOSPC], Kind(ErrorKind::OutOfMemory), Before)]),
        case("anonymous, sparse", CreateMemory, || freely(|| SharedMemory::anonymous(SIZE).sparse(true).create())),
        case("seal_size", SealMemory, || {
            on(SharedMemory::anonymous(SIZE).create().unwrap(), look, |memory| memory.seal_size())
        }),
        case("seal_future_writes", SealMemory, || {
            on(SharedMemory::anonymous(SIZE).create().unwrap(), look, |memory| memory.seal_future_writes())
        }),
        case("is_size_sealed", SealMemory, || {
            let memory = SharedMemory::anonymous(SIZE).create().unwrap();
            on(memory, look, |memory| Ok(memory.is_size_sealed()))
        })
        .unless(&[("fcntl", ALL, Nothing, Done)]),
    ]
}

fn sizes() -> Vec<Case> {
    const SIZE_READ: Unusual = ("stat", ALL, As(MemoryStatus), Before);
    vec![
        case("grow sparsely", ResizeMemory, || on_memory(|memory| memory.resize_sparse(3 * SIZE))),
        case("grow", ResizeMemory, || on_memory(|memory| memory.resize(3 * SIZE))).unless(&[SIZE_READ, IN_PARTS]),
        case("shrink", ResizeMemory, || on_memory(|memory| memory.resize(1))).unless(&[SIZE_READ]),
    ]
}

fn copies() -> Vec<Case> {
    vec![
        case("read_at", ReadMemory, || on_memory(|memory| memory.read_at(1, &mut [0; 7]))).unless(&[(
            "pread",
            &[Errno::OVERFLOW],
            Kind(ErrorKind::Overflow),
            Before,
        )]),
        case("write_at", WriteMemory, || on_memory(|memory| memory.write_at(1, b"other"))).unless(&[(
            "stat",
            ALL,
            As(MemoryStatus),
            Before,
        )]),
    ]
}

/// Something mapped of memory that is there.
fn mapped<K: Send + 'static>(act: fn(MapOptions<'_>) -> rawipc::Result<K>) -> Prepared {
    on(memory(), look, move |memory| act(memory.map_options()))
}

fn mappings() -> Vec<Case> {
    // Of memory that has its space, a failure to lock it is that of the limit, where there is one.
    let is_limited = getrlimit(Resource::Memlock).current.is_some();
    let locked_memory = if is_limited { ErrorKind::LimitExceeded(Limit::LockedMemory) } else { ErrorKind::OutOfMemory };
    vec![
        case("map", MapMemory, || mapped(|options| options.map())),
        case("map for reading", MapMemory, || mapped(|options| options.map_read_only())),
        case("map what was opened", MapMemory, || {
            let opened = |memory: &mut (SharedMemory, SharedMemory)| memory.1.map();
            let memory = memory();
            let other = options().open(NAME).unwrap();
            on((memory, other), |(memory, _)| look(memory), opened)
        })
        .unless(&[("stat", ALL, As(MemoryStatus), Before)]),
        case("map, locked", MapMemory, || mapped(|options| options.locked(true).populate(true).map())).unless(&[
            // The kernel is older than the advice, or a sandbox refuses it: the space is reserved.
            ("madvise", &[Errno::INVAL, Errno::NOSYS, Errno::PERM], Nothing, Done),
            // What touching the page would make a SIGBUS.
            ("madvise", &[Errno::FAULT], Kind(ErrorKind::LimitExceeded(Limit::DevShm)), Before),
            ("mlock", &[Errno::NOMEM], Kind(locked_memory), Before),
        ]),
        case("map, with advice", MapMemory, || mapped(|options| options.advice(Advice::Random).map())),
        case("remap", MapMemory, || {
            let memory = memory();
            let mapping = memory.map().unwrap();
            let look = |(memory, mapping): &(SharedMemory, Mapping)| format!("{}, {}", look(memory), mapping.len());
            on((memory, mapping), look, |(memory, mapping)| mapping.remap(memory, 1))
        })
        .unless(&[("stat", ALL, As(MemoryStatus), Before)]),
    ]
}

fn looking() -> Vec<Case> {
    // A name that is not there stands for no object.
    const GONE: Unusual = ("stat 1", &[Errno::NOENT, Errno::NOTDIR], Nothing, Done);
    fn adopt(spare: &mut Option<OwnedFd>) -> rawipc::Result<SharedMemory> {
        SharedMemory::try_from(spare.take().unwrap()).map_err(|RejectedError { error, value }| {
            *spare = Some(value);
            error
        })
    }
    vec![
        case("size", MemoryStatus, || on_memory(SharedMemory::size)),
        case("is_linked", MemoryStatus, || on_memory(SharedMemory::is_linked)).unless(&[GONE]),
        case("mode", MemoryStatus, || on_memory(SharedMemory::mode)),
        case("try_clone", CloneMemory, || on_memory(SharedMemory::try_clone)),
        case("adopt", MemoryStatus, || {
            let spare = OwnedFd::from(SharedMemory::anonymous(SIZE).create().unwrap());
            on(Some(spare), |spare| format!("{}", spare.is_some()), adopt)
        }),
    ]
}

type Value = rawipc::Result<Shared<AtomicU32>>;

fn open() -> Value {
    Shared::<AtomicU32>::options().unlink_on_drop(true).open(OTHER, |value| value.store(7, Relaxed))
}

fn values() -> Vec<Case> {
    let create: fn() -> Prepared = || freely(open);
    vec![
        case("Shared::open, its object", CreateMemory, create)
            .only(&["open", "stat 0", "fallocate", "linkat"])
            .unless(&[
                // It is looked for first.
                ("open 0", &[Errno::NOENT], Nothing, Done),
                ("open 0", &[Errno::LOOP, Errno::ISDIR, Errno::NXIO], Kind(ErrorKind::InvalidInput), Before),
                ("open 0", &[Errno::NOSPC], Kind(ErrorKind::Other), Before),
                ("open 0", &[Errno::NOTDIR], Kind(ErrorKind::Unsupported), Before),
                ("open 0", ALL, Usually, Before),
                // It is taken for another process's.
                ("open 1", &[Errno::EXIST], Nothing, Done),
                ("linkat", &[Errno::EXIST], Nothing, Done),
            ])
            .unless(NOWHERE),
        case("Shared::open, its identity", OpenShared, create).only(&["stat 1"]),
        case("Shared::open, its mapping", MapMemory, create).only(&["mmap"]).unless(&[(
            "mmap",
            &[Errno::EXIST],
            Nothing,
            Done,
        )]),
        case("Shared::open, its value", OpenShared, create).only(&["flock", "futex", "close"]).unless(&[
            ("futex", ALL, Nothing, Done),
            ("flock 1", ALL, Nothing, Done),
            ("close", ALL, Nothing, Done),
        ]),
        // As an earlier version left it that was killed.
        case("Shared::open of no bytes, its value", OpenShared, || {
            let memory = options().size(0).create_new(true).open(OTHER).unwrap();
            on(memory, look, |_| open().map(drop))
        })
        .only(&["flock 0", "fallocate"])
        .unless(&[IN_PARTS, ("fallocate", &[Errno::NOSPC], Kind(ErrorKind::LimitExceeded(Limit::DevShm)), Before)]),
        // It looks again, until its patience is over.
        case("Shared::open, held by another", OpenShared, || {
            let options = Shared::<AtomicU32>::options().patience(Duration::from_millis(30));
            let memory = super::memory::options().size(68).create_new(true).open(OTHER).unwrap();
            on(memory, look, move |_| options.open(OTHER, |_| unreachable!("another initializes it")))
        })
        .where_calls_fail(|call| (call.number == libc::SYS_flock).then_some(Errno::WOULDBLOCK))
        .only(&["futex 0"])
        .unless(&[("futex", ALL, Nothing, Done)]),
    ]
}

fn values_that_are_there() -> Vec<Case> {
    fn look(value: &Value) -> String {
        value.as_ref().unwrap().load(Relaxed).to_string()
    }
    let open_existing: fn() -> Prepared = || on(open(), look, |_| Shared::<AtomicU32>::options().open_existing(OTHER));
    let open_read_only: fn() -> Prepared =
        || on(open(), look, |_| Shared::<AtomicU32>::options().open_read_only(OTHER));
    vec![
        case("Shared::open_existing, its object", OpenMemory, open_existing).only(&["open", "stat 0"]).unless(&[UNFIT]),
        case("Shared::open_existing, its size", MemoryStatus, open_existing).only(&["stat 1", "stat 2"]),
        case("Shared::open_existing, its identity", OpenShared, open_existing).only(&["stat 3"]),
        case("Shared::open_existing, its mapping", MapMemory, open_existing).only(&["mmap"]),
        case("Shared::open_read_only, its object", OpenMemory, open_read_only)
            .only(&["open", "stat 0"])
            .unless(&[UNFIT]),
        case("Shared::open_read_only, its size", MemoryStatus, open_read_only).only(&["stat 1", "stat 2"]),
        case("Shared::open_read_only, its mapping", MapMemory, open_read_only).only(&["mmap"]),
        case("Shared::open_read_only, the rest", OpenShared, open_read_only)
            .only(&["stat 3", "close"])
            .unless(&[("close", ALL, Nothing, Done)]),
        case("Shared::is_linked", MemoryStatus, || {
            on(open(), |_| String::new(), |value| value.as_ref().unwrap().is_linked())
        })
        .unless(&[("stat", &[Errno::NOENT, Errno::NOTDIR], Nothing, Done)]),
        case("Shared::open_existing, its descriptor", CloseMemory, open_existing)
            .only(&["close"])
            .unless(&[("close", ALL, Nothing, Done)]),
    ]
}

fn closing() -> Vec<Case> {
    fn close(memory: &mut Option<SharedMemory>) -> rawipc::Result<()> {
        memory.take().map_or(Ok(()), SharedMemory::close)
    }
    vec![
        case("unlink", UnlinkMemory, || {
            let memory = options().unlink_on_drop(false).create_new(true).open(OTHER).map(Owned).unwrap();
            on(memory, |memory| look(&memory.0), |_| SharedMemory::unlink(OTHER))
        }),
        case("close", CloseMemory, || on(Some(memory().try_clone().unwrap()), |_| String::new(), close))
            .unless(&[("close", ALL, Usually, Done)]),
        case("close and unlink", UnlinkMemory, || {
            let memory = options().create_new(true).open(OTHER).unwrap();
            let name = Owned(memory.try_clone().unwrap());
            on((Some(memory), name), |_| String::new(), |(memory, _)| close(memory))
        })
        .unless(&[
            ("stat", &[Errno::NOENT], Nothing, DoneNameStays),
            ("stat", ALL, Usually, DoneNameStays),
            ("unlink", &[Errno::NOENT], Nothing, DoneNameStays),
            ("unlink", ALL, Usually, DoneNameStays),
            ("close", ALL, As(CloseMemory), Done),
        ]),
    ]
}
