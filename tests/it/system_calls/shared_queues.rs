//! Queues in shared memory: no call for a message unless somebody sleeps.

use std::mem::MaybeUninit;
use std::time::Duration;

use rawipc::{Deadline, Listing, Name, Priority, SharedQueue, SharedQueueOptions, name};

use super::{Play, play};

const NAME: &Name = name!("/rawipc-test-shared");
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
