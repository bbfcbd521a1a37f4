//! Queues in shared memory: no call for a message unless somebody sleeps.

use std::mem::MaybeUninit;
use std::sync::LazyLock;
use std::time::Duration;

use rawipc::inspect::Listing;
use rawipc::shared_queue::SharedQueueOptions;
use rawipc::{Deadline, Name, Priority, SharedQueue, name};
use rustix::fd::{AsFd, OwnedFd};

use super::{Play, play};

const NAME: &Name = name!("/rawipc-test-shared");
const OTHER: &Name = name!("/rawipc-test-other");
const LATE: Duration = Duration::from_secs(60);
const MIN: Priority = Priority::MIN;

fn options() -> SharedQueueOptions {
    SharedQueue::options().read(true).write(true).max_messages(3).max_message_size(8)
}

/// A queue with so many messages of the three that it can hold, which this process has used before.
fn with(messages: usize) -> SharedQueue {
    let queue = options().unlink_on_drop(true).create_new(true).open(NAME).unwrap();
    queue.send(b"first", MIN).unwrap();
    queue.receive(&mut [0; 8]).unwrap();
    (0..messages).for_each(|_| queue.send(b"message", MIN).unwrap());
    queue
}

pub fn plays() -> Vec<Play> {
    [opening(), doorbells(), messages()].into_iter().flatten().collect()
}

fn opening() -> Vec<Play> {
    fn create(options: SharedQueueOptions) -> SharedQueue {
        options.create_new(true).unlink_on_drop(true).open(OTHER).unwrap()
    }
    /// One whose name stays, until it is dropped after all.
    fn kept(options: SharedQueueOptions) -> Removed {
        Removed(Some(options.open(OTHER).unwrap()))
    }
    vec![
        play("`SharedQueueOptions::open` of what is there", || with(0), |_| options().open(NAME).unwrap()),
        play("`SharedQueueOptions::open` with `create_new`", || (), |()| kept(options().create_new(true))),
        play("`SharedQueueOptions::open` with `create`, nothing there", || (), |()| kept(options().create(true))),
        play("`SharedQueueOptions::open` with `create_new`, `unlink_on_drop`", || (), |()| create(options())),
        play(
            "`SharedQueueOptions::open` with `create_new`, `exact_mode`",
            || (),
            |()| kept(options().create_new(true).exact_mode(0o600)),
        ),
        play(
            "`SharedQueueOptions::create_unique`",
            || (),
            |()| options().unlink_on_drop(true).create_unique(name!("/rawipc-test-unique-")).unwrap(),
        ),
        play("`SharedQueueOptions::create_anonymous`", || (), |()| options().create_anonymous().unwrap()),
        play("`SharedQueue::try_clone`", || with(0), |queue| queue.try_clone().unwrap()),
        play(
            "`SharedQueue::try_from` a descriptor",
            || Some(descriptor()),
            |descriptor| SharedQueue::try_from(descriptor.take().unwrap()).unwrap(),
        ),
        play(
            "`SharedQueue::close`",
            || kept(options().create_new(true)),
            |queue| queue.0.take().unwrap().close().unwrap(),
        ),
        play(
            "`SharedQueue::close` with `unlink_on_drop`",
            || Some(create(options())),
            |queue| {
                queue.take().unwrap().close().unwrap();
            },
        ),
        play("`SharedQueue::unlink`", || kept(options().create_new(true)), |_| SharedQueue::unlink(OTHER).unwrap()),
        play("`SharedQueue::is_linked`", || with(0), |queue| assert!(queue.is_linked().unwrap())),
        play("`SharedQueue::inspect`", || with(0), |_| SharedQueue::inspect(NAME).unwrap()),
        play("`SharedQueue::mode`", || with(0), |queue| queue.mode().unwrap()),
    ]
}

fn descriptor() -> OwnedFd {
    options().create_anonymous().unwrap().as_fd().try_clone_to_owned().unwrap()
}

/// A name that is removed in the end, whoever created it.
struct Removed(Option<SharedQueue>);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = SharedQueue::unlink(OTHER);
    }
}

/// A doorbell borrows its queue, so this one is there as long as the process.
static QUEUE: LazyLock<SharedQueue> = LazyLock::new(|| options().create_anonymous().unwrap());

fn doorbells() -> Vec<Play> {
    let bell = || {
        while QUEUE.try_receive(&mut [0; 8]).is_ok() {}
        QUEUE.doorbell().unwrap()
    };
    let armed = move || {
        let mut bell = bell();
        let _ = bell.arm().unwrap();
        Some(bell)
    };
    vec![
        play("`SharedQueue::doorbell`", || LazyLock::force(&QUEUE), |queue| queue.doorbell().unwrap()),
        play("`Doorbell::arm`", bell, |bell| assert!(bell.arm().unwrap().is_armed())),
        play("`Doorbell::arm_timeout`", bell, |bell| {
            assert!(bell.arm_timeout(Duration::ZERO).unwrap().is_armed());
        }),
        play("`SharedQueue::send`, the doorbell armed", armed, |_| QUEUE.send(b"x", MIN).unwrap()),
        play("`Doorbell` dropped", armed, |bell| drop(bell.take())),
    ]
}

fn messages() -> Vec<Play> {
    vec![
        play("`SharedQueue::send`", || with(1), |queue| queue.send(b"x", MIN).unwrap()),
        play("`SharedQueue::try_send`", || with(1), |queue| queue.try_send(b"x", MIN).unwrap()),
        play("`SharedQueue::send_timeout`", || with(1), |queue| queue.send_timeout(b"x", MIN, LATE).unwrap()),
        play(
            "`SharedQueue::send_deadline`",
            || with(1),
            |queue| {
                queue.send_deadline(b"x", MIN, Deadline::after(LATE)).unwrap();
            },
        ),
        play("`SharedQueue::receive`", || with(1), |queue| queue.receive(&mut [0; 8]).map(drop).unwrap()),
        play("`SharedQueue::try_receive`", || with(1), |queue| queue.try_receive(&mut [0; 8]).map(drop).unwrap()),
        play(
            "`SharedQueue::receive_timeout`",
            || with(1),
            |queue| {
                queue.receive_timeout(&mut [0; 8], LATE).map(drop).unwrap();
            },
        ),
        play(
            "`SharedQueue::receive_deadline`",
            || with(1),
            |queue| {
                queue.receive_deadline(&mut [0; 8], Deadline::after(LATE)).map(drop).unwrap();
            },
        ),
        play("`SharedQueue::try_send`, full", || with(3), |queue| queue.try_send(b"x", MIN).unwrap_err()),
        play(
            "`SharedQueue::try_receive`, empty",
            || with(0),
            |queue| queue.try_receive(&mut [0; 8]).map(drop).unwrap_err(),
        ),
        play(
            "`Listing::shared_queues`, `Listing::next` until the end",
            || with(0),
            |_| {
                let mut buffer = [MaybeUninit::uninit(); 4096];
                let mut listing = Listing::shared_queues(&mut buffer).unwrap();
                while let Some(entry) = listing.next() {
                    assert_eq!(entry.unwrap().name(), NAME);
                }
            },
        ),
        play("`SharedQueue::attributes`", || with(0), |queue| queue.attributes().unwrap()),
        play("`SharedQueue::len`", || with(0), |queue| queue.len().unwrap()),
        play("`SharedQueue::is_empty`", || with(0), |queue| queue.is_empty().unwrap()),
    ]
}
