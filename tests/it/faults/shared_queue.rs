//! The operations of queues in shared memory. Their doorbells are in `doorbell.rs`.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use rawipc::error::{Limit, Operation, RejectedError};
use rawipc::shared_queue::InFlight;
use rawipc::shared_queue::SharedQueueOptions;
use rawipc::{Deadline, Errno, ErrorKind, Mapping, MessageBuffer, Name, Priority, SharedMemory, SharedQueue};
use rawipc::{WaitTuning, name};
use rustix::fd::{AsFd, OwnedFd};

use super::case::Left::{Before, Done};
use super::case::Told::{As, Kind, KindAs, Nothing, Usually};
use super::case::{ALL, Case, IN_PARTS, LINK_REFUSED, Prepared, REFUSED, Told, Unusual, case, freely, on};
use super::robust::{TAKING_PART, owner_of_slot, taken};
use Operation::{AdoptQueue, CloneMemory, CloneQueue, CreateMemory, CreateQueue, MapMemory, MemoryStatus};
use Operation::{OpenQueue, Receive, SealMemory, Send, UnlinkQueue};

pub fn cases() -> Vec<Case> {
    [opening(), creating(), handles(), waiting(), locked(), in_place(), closing()].concat()
}

pub const NAME: &Name = name!("/rawipc-test-shared");
const OTHER: &Name = name!("/rawipc-test-other");
const UNIQUE: &Name = name!("/rawipc-test-unique-");
pub const SOON: Duration = Duration::from_millis(10);
pub const SIZE: usize = 16;

/// Where a queue's lock and its participants lie, see `src/shared_queue/protocol/layout.rs`.
const WORD: usize = 64;
const TABLE: usize = 128;

/// A slot that nobody holds the byte of.
const DEAD: u32 = 77;

pub fn options() -> SharedQueueOptions {
    SharedQueue::options().read(true).write(true).max_messages(2).max_message_size(SIZE).unlink_on_drop(true)
}

/// A queue's memory and two handles of it.
pub struct Arena {
    mapping: Mapping,
    other: SharedQueue,
    pub queue: SharedQueue,
}

impl Arena {
    /// With so many messages.
    pub fn new(messages: usize) -> Self {
        let mut queue = options().create_anonymous().unwrap();
        queue.set_tuning(WaitTuning { recheck_interval: Some(Duration::from_millis(20)), ..queue.tuning() });
        (0..messages).for_each(|number| queue.send(&[number as u8; 5], Priority::MIN).unwrap());
        let other = queue.try_clone().unwrap();
        Self { mapping: memory(&queue).map().unwrap(), other, queue }
    }

    fn word(&self, offset: usize) -> &AtomicU32 {
        self.mapping.get(offset).unwrap()
    }

    /// Its lock is somebody's who lives, and does nothing.
    fn held(self) -> Self {
        let generation = self.word(TABLE + 4).load(Relaxed);
        self.word(WORD).store(generation << 8 | 2, Relaxed);
        self
    }

    /// Its lock is somebody's whose byte nobody holds any more.
    pub fn leave(&self) {
        self.word(TABLE + 4 * DEAD as usize).store(1, Relaxed);
        self.word(WORD).store(owner_of_slot(DEAD), Relaxed);
    }

    pub fn left(self) -> Self {
        self.leave();
        self
    }

    /// All that can be seen, when whoever has the lock has been made to give it up for a moment.
    pub fn look(&self) -> String {
        let owner = self.word(WORD).swap(0, Relaxed);
        let (content, owner_bits) = (content(&self.other), owner & !(3 << 30));
        self.word(WORD).store(owner, Relaxed);
        format!("{content}, {} take part, owner {owner_bits:x}", taken(&self.mapping, TABLE))
    }
}

fn memory(queue: &SharedQueue) -> SharedMemory {
    SharedMemory::try_from(queue.as_fd().try_clone_to_owned().unwrap()).unwrap()
}

/// The messages, and for how many more there is room. All is as before then.
pub fn content(queue: &SharedQueue) -> String {
    let mut buffer = MessageBuffer::<SIZE>::new();
    let mut taken = Vec::new();
    while let Ok(message) = queue.try_receive(&mut buffer) {
        taken.push((message.payload().to_vec(), message.priority()));
    }
    let room = (0..).take_while(|_| queue.try_send(b"", Priority::MIN).is_ok()).count();
    (0..room).for_each(|_| queue.try_receive(&mut buffer).map(drop).unwrap());
    taken.iter().for_each(|(payload, priority)| queue.try_send(payload, *priority).unwrap());
    format!("{taken:?}, room for {room}")
}

pub fn on_arena<K: std::marker::Send + 'static>(arena: Arena, act: fn(&SharedQueue) -> rawipc::Result<K>) -> Prepared {
    on(arena, Arena::look, move |arena| act(&arena.queue))
}

pub fn on_named<K: std::marker::Send + 'static>(act: fn(&SharedQueue) -> rawipc::Result<K>) -> Prepared {
    let queue = options().create_new(true).open(NAME).unwrap();
    on(queue, |_| String::new(), move |queue| act(queue))
}

const NO_DESCRIPTOR: Told = Kind(ErrorKind::LimitExceeded(Limit::Descriptors));
const NO_SPACE: Told = Kind(ErrorKind::LimitExceeded(Limit::DevShm));

/// Beginning to take part in a queue, or failing to find out on how many processors.
const MEMBERSHIP: &[Unusual] = &[
    // Only queues of the kernel's have a limit of their own that is told so.
    ("open", &[Errno::MFILE], NO_DESCRIPTOR, Before),
    ("fcntl", &[Errno::MFILE], NO_DESCRIPTOR, Before),
    ("sched_getaffinity", ALL, Nothing, Done),
];

fn opening() -> Vec<Case> {
    const FILE: &[Unusual] = &[
        // What bears the name is no queue.
        ("open 0", &[Errno::LOOP, Errno::ISDIR, Errno::NXIO], Kind(ErrorKind::Malformed), Before),
        ("stat 1", ALL, As(MemoryStatus), Before),
        ("stat 2", ALL, As(MemoryStatus), Before),
        ("mmap 0", ALL, As(MapMemory), Before),
        ("fcntl 1", &[Errno::AGAIN], Usually, Before),
        // Without `/proc` it is opened by its name.
        ("open 1", &[Errno::NOENT, Errno::NOTDIR], Nothing, Done),
    ];
    vec![
        case("SharedQueue open", OpenQueue, || on_named(|_| options().open(NAME)))
            .unless(FILE)
            .unless(MEMBERSHIP)
            .unless(TAKING_PART),
        case("SharedQueue create what exists", CreateQueue, || on_named(|_| options().create(true).open(NAME)))
            .unless(&[("open 0", &[Errno::NOENT], Nothing, Done), ("stat", &[Errno::NOENT], Nothing, Done)])
            .unless(FILE)
            .unless(MEMBERSHIP)
            .unless(TAKING_PART),
    ]
}

/// As with named semaphores, another way does where there are no files without a name, or they cannot be linked.
const CREATION: &[Unusual] = &[
    ("open 0", REFUSED, Nothing, Done),
    ("open 0", &[Errno::NOENT, Errno::NOTDIR], Kind(ErrorKind::Unsupported), Before),
    LINK_REFUSED,
    ("stat 1", &[Errno::NOENT], Nothing, Done),
    IN_PARTS,
    ("linkat", &[Errno::NOTDIR], Kind(ErrorKind::Unsupported), Before),
    ("stat 0", &[Errno::NOENT, Errno::NOTDIR], Kind(ErrorKind::Unsupported), Before),
    ("open 0", &[Errno::NOSPC], NO_SPACE, Before),
    ("fallocate", &[Errno::NOSPC], NO_SPACE, Before),
    ("linkat", &[Errno::NOSPC], NO_SPACE, Before),
    // An errno that stands for sizes no file can have.
    ("open 0", &[Errno::OVERFLOW], Kind(ErrorKind::InvalidInput), Before),
    ("mmap 0", &[Errno::OVERFLOW], Kind(ErrorKind::InvalidInput), Before),
    ("stat 0", &[Errno::OVERFLOW], Kind(ErrorKind::InvalidInput), Before),
    ("open 1", &[Errno::NOENT, Errno::NOTDIR], Nothing, Done),
    ("fcntl 1", &[Errno::AGAIN], Usually, Before),
];

fn creating() -> Vec<Case> {
    let create: fn() -> Prepared = || freely(|| options().create_new(true).open(OTHER));
    let exactly: fn() -> Prepared = || freely(|| options().create_new(true).exact_mode(0o666).open(OTHER));
    let uniquely: fn() -> Prepared = || freely(|| options().create_unique(UNIQUE));
    let taken = ["mmap", "linkat", "open 1"].map(|call| (call, &[Errno::EXIST][..], Nothing, Done));
    let creation = [CREATION, MEMBERSHIP, TAKING_PART].concat();
    let rest = &[
        "open 1",
        "fallocate",
        "getrandom",
        "mmap",
        "linkat",
        "stat",
        "madvise",
        "fcntl",
        "futex",
        "close",
        "sched_getaffinity",
    ];
    vec![
        case("SharedQueue create, its file", CreateQueue, || {
            freely(|| options().create_new(true).open(OTHER).map(drop))
        })
        .only(&["open 0"])
        .unless(&creation),
        case("SharedQueue create", CreateQueue, create).only(rest).unless(&creation),
        case("SharedQueue create of an exact mode", CreateQueue, exactly).only(&["fchmod"]),
        case("SharedQueue create of a new name", CreateQueue, uniquely).only(rest).unless(&taken).unless(&creation),
        case("SharedQueue create, anonymous", CreateQueue, || freely(|| options().create_anonymous()))
            .unless(&[
                ("memfd_create", ALL, As(CreateMemory), Before),
                IN_PARTS,
                ("fallocate", &[Errno::NOSPC], KindAs(ErrorKind::OutOfMemory, CreateMemory), Before),
                ("fallocate", ALL, As(CreateMemory), Before),
                ("fcntl 0", ALL, As(SealMemory), Before),
                ("fcntl 2", &[Errno::AGAIN], Usually, Before),
                ("mmap 0", ALL, As(MapMemory), Before),
                ("open", &[Errno::NOENT, Errno::NOTDIR], Kind(ErrorKind::Unsupported), Before),
            ])
            .unless(MEMBERSHIP)
            .unless(TAKING_PART),
    ]
}

fn handles() -> Vec<Case> {
    const MEMORY: &[Unusual] = &[
        ("stat", ALL, As(MemoryStatus), Before),
        ("mmap 0", ALL, As(MapMemory), Before),
        ("open", &[Errno::NOENT, Errno::NOTDIR], Kind(ErrorKind::Unsupported), Before),
    ];
    vec![
        case("SharedQueue try_clone", CloneQueue, || on_arena(Arena::new(1), SharedQueue::try_clone))
            .unless(&[("fcntl 0", ALL, As(CloneMemory), Before), ("stat 2", ALL, Usually, Before)])
            .unless(&[("fcntl 2", &[Errno::AGAIN], Usually, Before)])
            .unless(MEMORY)
            .unless(MEMBERSHIP)
            .unless(TAKING_PART),
        case("SharedQueue adopt", AdoptQueue, || {
            let arena = Arena::new(1);
            let spare = arena.queue.as_fd().try_clone_to_owned().unwrap();
            let adopt = |(spare, _): &mut (Option<OwnedFd>, Arena)| {
                SharedQueue::try_from(spare.take().unwrap()).map_err(|RejectedError { error, value }| {
                    *spare = Some(value);
                    error
                })
            };
            on((Some(spare), arena), |(spare, arena)| format!("{} {}", spare.is_some(), arena.look()), adopt)
        })
        .unless(&[
            ("fstatfs", ALL, As(MemoryStatus), Before),
            ("fcntl 0", ALL, As(MemoryStatus), Before),
            ("fcntl 1", ALL, As(CloneMemory), Before),
            ("fcntl 3", &[Errno::AGAIN], Usually, Before),
            ("stat 3", ALL, Usually, Before),
        ])
        .unless(MEMORY)
        .unless(MEMBERSHIP)
        .unless(TAKING_PART),
        case("SharedQueue mode", MemoryStatus, || on_arena(Arena::new(1), SharedQueue::mode)),
    ]
}

fn receive(queue: &SharedQueue) -> rawipc::Result<()> {
    queue.receive_timeout(&mut [0; SIZE], SOON).map(drop)
}

fn send(queue: &SharedQueue) -> rawipc::Result<()> {
    queue.send_timeout(b"x", Priority::MAX, SOON)
}

/// It looks again.
const AGAIN: Unusual = ("futex", &[Errno::AGAIN, Errno::TIMEDOUT], Nothing, Done);

/// The kernel does not say whether the lock's owner lives, so it counts as alive.
pub const UNKNOWN: Unusual = ("fcntl", &[Errno::INVAL], Kind(ErrorKind::Unsupported), Before);

/// Whoever puts a queue right wakes all; those look again by themselves after a while.
const WAKING: &[Unusual] = &[("futex 1", ALL, Nothing, Done), ("futex 3", ALL, Nothing, Done)];

fn waiting() -> Vec<Case> {
    vec![
        case("SharedQueue receive_timeout, empty", Receive, || on_arena(Arena::new(0), receive)).unless(&[AGAIN]),
        case("SharedQueue receive_deadline, empty", Receive, || {
            on_arena(Arena::new(0), |queue| {
                queue.receive_deadline(&mut [0; SIZE], Deadline::realtime_after(SOON)).map(drop)
            })
        })
        .unless(&[AGAIN]),
        case("SharedQueue receive_in_place_timeout, empty", Receive, || {
            on_arena(Arena::new(0), |queue| queue.receive_in_place_timeout(SOON).map(InFlight::complete))
        })
        .unless(&[AGAIN]),
        case("SharedQueue send_timeout, full", Send, || on_arena(Arena::new(2), send)).unless(&[AGAIN]),
        case("SharedQueue send_deadline, full", Send, || {
            on_arena(Arena::new(2), |queue| queue.send_deadline(b"x", Priority::MAX, Deadline::realtime_after(SOON)))
        })
        .unless(&[AGAIN]),
        case("SharedQueue reserve_timeout, full", Send, || {
            on_arena(Arena::new(2), |queue| queue.reserve_timeout(SOON).map(drop))
        })
        .unless(&[AGAIN]),
    ]
}

/// What others have the lock of.
fn locked() -> Vec<Case> {
    // Each of these faults takes a nap of the lock's. All ways to the lock are one, and later naps are like the first.
    const ASKING: &[&str] = &["fcntl 0"];
    vec![
        case("SharedQueue try_send, held", Send, || {
            on_arena(Arena::new(1).held(), |queue| queue.try_send(b"x", Priority::MAX))
        })
        .only(ASKING)
        .unless(&[UNKNOWN]),
        case("SharedQueue try_receive, held", Receive, || {
            on_arena(Arena::new(1).held(), |queue| queue.try_receive(&mut [0; SIZE]).map(drop))
        })
        .only(ASKING)
        .unless(&[UNKNOWN]),
        case("SharedQueue send, left by the dead", Send, || on_arena(Arena::new(1).left(), send))
            .only(&["futex 0", "fcntl 0", "futex 1", "futex 3"])
            .unless(WAKING)
            // A handler runs, and the dead holder of the lock is found all the same.
            .unless(&[AGAIN, ("futex 0", &[Errno::INTR], Nothing, Done), UNKNOWN]),
        case("SharedQueue receive, left by the dead", Receive, || on_arena(Arena::new(1).left(), receive))
            .only(ASKING)
            .unless(&[UNKNOWN]),
    ]
}

/// What somebody has in hand while another one dies with the lock.
fn in_place() -> Vec<Case> {
    fn on_left(act: fn(&Arena) -> rawipc::Result<()>) -> Prepared {
        let act_and_tidy = move |arena: &mut Arena| {
            let result = act(arena);
            let _ = arena.other.try_reserve();
            result
        };
        let arena = Arena::new(1);
        arena.word(TABLE + 4 * DEAD as usize).store(1, Relaxed);
        on(arena, Arena::look, act_and_tidy)
    }
    const GOING_ON: &[Unusual] = &[
        // No signal keeps it from giving back what it has.
        ("fcntl 0", &[Errno::INTR], Nothing, Done),
        // Whether this process itself lives, which puts the queue right: if it is not known, it does.
        ("fcntl 1", ALL, Nothing, Done),
    ];
    vec![
        case("Reservation publish, left by the dead", Send, || {
            on_left(|arena| {
                let room = arena.queue.reserve()?;
                arena.leave();
                Ok(room.publish(1, Priority::MIN)?)
            })
        })
        .only(&["fcntl 0", "fcntl 1"])
        .unless(GOING_ON)
        .unless(&[UNKNOWN]),
        case("InFlight put_back, left by the dead", Receive, || {
            on_left(|arena| {
                let message = arena.queue.receive_in_place()?;
                arena.leave();
                Ok(message.put_back()?)
            })
        })
        .only(&["fcntl 0"])
        .unless(GOING_ON)
        .unless(&[
            // The message is dropped with the error, which puts it back.
            ("fcntl 0", &[Errno::INVAL], Kind(ErrorKind::Unsupported), Done),
            ("fcntl 0", ALL, Usually, Done),
        ]),
        case("Reservation dropped, left by the dead", Send, || {
            on_left(|arena| {
                let room = arena.queue.reserve()?;
                arena.leave();
                drop(room);
                Ok(())
            })
        })
        .only(&["fcntl 0"])
        .unless(&[("fcntl", ALL, Nothing, Done)]),
    ]
}

fn closing() -> Vec<Case> {
    vec![
        case("SharedQueue unlink", UnlinkQueue, || {
            let queue = options().unlink_on_drop(false).create_new(true).open(OTHER).map(Owned).unwrap();
            on(queue, |_| String::new(), |_| SharedQueue::unlink(OTHER))
        }),
        case("SharedQueue close and unlink", UnlinkQueue, || {
            let queue = options().create_new(true).open(OTHER).unwrap();
            let name = Owned(options().unlink_on_drop(false).open(OTHER).unwrap());
            on((Some(queue), name), |_| String::new(), |(queue, _)| queue.take().map_or(Ok(()), SharedQueue::close))
        })
        // What removes the name is the same as for shared memory; here its content changes as well.
        .only(&["close"])
        .unless(&[("close", ALL, Nothing, Done)]),
    ]
}

/// A queue whose name is removed after all, if it is not yet.
struct Owned(#[expect(dead_code, reason = "it is kept open")] SharedQueue);

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = SharedQueue::unlink(OTHER);
    }
}
