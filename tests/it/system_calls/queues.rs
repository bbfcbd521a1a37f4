//! Message queues, their notification, limits and lists.

use std::mem::MaybeUninit;
use std::ops::ControlFlow;
use std::time::Duration;

use rawipc::inspect::{Limits, Listing, Platform, QueueSizes};
use rawipc::mqueue::{MessageQueueOptions, Notify};
use rawipc::{Deadline, MessageQueue, Name, NotificationSocket, Priority, name};
use rustix::fd::OwnedFd;

use super::{Play, play};

const NAME: &Name = name!("/rawipc-test-queue");
const OTHER: &Name = name!("/rawipc-test-other");
const LATE: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_millis(5);
const MIN: Priority = Priority::MIN;

pub fn plays() -> Vec<Play> {
    [opening(), messages(), full_and_empty(), many(), status(), notification(), elsewhere()]
        .into_iter()
        .flatten()
        .collect()
}

fn options() -> MessageQueueOptions {
    MessageQueue::options().read(true).write(true).max_messages(3).max_message_size(8)
}

/// A queue with so many messages of the three that it can hold.
fn with(messages: usize) -> MessageQueue {
    let queue = options().unlink_on_drop(true).create_new(true).open(NAME).unwrap();
    (0..messages).for_each(|_| queue.send(b"message", MIN).unwrap());
    queue
}

fn nonblocking(messages: usize) -> MessageQueue {
    let queue = with(messages);
    queue.set_nonblocking(true).unwrap();
    queue
}

/// A name that is removed in the end, whoever created it.
struct Removed {
    _queue: MessageQueue,
}

/// Opens or creates it by a name that is removed in the end.
fn removed(options: MessageQueueOptions) -> Removed {
    Removed { _queue: options.open(OTHER).unwrap() }
}

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = MessageQueue::unlink(OTHER);
    }
}

fn opening() -> Vec<Play> {
    vec![
        play("`MessageQueueOptions::open` of what is there", || with(0), |_| options().open(NAME).unwrap()),
        play("`MessageQueueOptions::open` with `create`", || (), |()| removed(options().create(true))),
        play("`MessageQueueOptions::open` with `create_new`", || (), |()| removed(options().create_new(true))),
        play(
            "`MessageQueueOptions::open` with `create`, `unlink_on_drop`",
            || (),
            |()| options().create(true).unlink_on_drop(true).open(OTHER).unwrap(),
        ),
        play(
            "`MessageQueueOptions::open` with `create_new`, `group`",
            || (),
            |()| removed(options().create_new(true).group(0)),
        ),
        play(
            "`MessageQueueOptions::open` with `create_new`, `exact_mode`",
            || (),
            |()| removed(options().create_new(true).exact_mode(0o660)),
        ),
        play(
            "`MessageQueueOptions::create_unique`",
            || (),
            |()| options().unlink_on_drop(true).create_unique(name!("/rawipc-test-unique-")).unwrap(),
        ),
        play("`MessageQueue::try_clone`", || with(0), |queue| queue.try_clone().unwrap()),
        play(
            "`MessageQueue::try_from` a descriptor",
            || Some(OwnedFd::from(with(0).try_clone().unwrap())),
            |queue| MessageQueue::try_from(queue.take().unwrap()).unwrap(),
        ),
        play(
            "`MessageQueue::close`",
            || Some(with(0).try_clone().unwrap()),
            |queue| {
                queue.take().unwrap().close().unwrap();
            },
        ),
        play(
            "`MessageQueue::close` with `unlink_on_drop`",
            || Some(with(0)),
            |queue| {
                queue.take().unwrap().close().unwrap();
            },
        ),
        play(
            "`MessageQueue::unlink`",
            || removed(options().create(true)),
            |_| {
                MessageQueue::unlink(OTHER).unwrap();
            },
        ),
    ]
}

fn messages() -> Vec<Play> {
    vec![
        play("`MessageQueue::send`", || with(1), |queue| queue.send(b"x", MIN).unwrap()),
        play("`MessageQueue::try_send`", || with(1), |queue| queue.try_send(b"x", MIN).unwrap()),
        play(
            "`MessageQueue::try_send`, nonblocking queue",
            || nonblocking(1),
            |queue| {
                queue.try_send(b"x", MIN).unwrap();
            },
        ),
        play("`MessageQueue::send_timeout`", || with(1), |queue| queue.send_timeout(b"x", MIN, LATE).unwrap()),
        play(
            "`MessageQueue::send_deadline`",
            || with(1),
            |queue| {
                queue.send_deadline(b"x", MIN, Deadline::after(LATE)).unwrap();
            },
        ),
        play("`MessageQueue::receive`", || with(1), |queue| queue.receive(&mut [0; 8]).map(drop).unwrap()),
        play("`MessageQueue::try_receive`", || with(1), |queue| queue.try_receive(&mut [0; 8]).map(drop).unwrap()),
        play(
            "`MessageQueue::try_receive`, nonblocking queue",
            || nonblocking(1),
            |queue| {
                queue.try_receive(&mut [0; 8]).map(drop).unwrap();
            },
        ),
        play(
            "`MessageQueue::receive_timeout`",
            || with(1),
            |queue| {
                queue.receive_timeout(&mut [0; 8], LATE).map(drop).unwrap();
            },
        ),
        play(
            "`MessageQueue::receive_deadline`",
            || with(1),
            |queue| {
                queue.receive_deadline(&mut [0; 8], Deadline::realtime_after(LATE)).map(drop).unwrap();
            },
        ),
    ]
}

/// Where the call would have to wait.
fn full_and_empty() -> Vec<Play> {
    vec![
        play("`MessageQueue::try_send`, full", || with(3), |queue| queue.try_send(b"x", MIN).unwrap_err()),
        play(
            "`MessageQueue::try_receive`, empty",
            || with(0),
            |queue| queue.try_receive(&mut [0; 8]).map(drop).unwrap_err(),
        ),
        play(
            "`MessageQueue::send_timeout`, full until the end",
            || with(3),
            |queue| queue.send_timeout(b"x", MIN, SOON).unwrap_err(),
        ),
        play(
            "`MessageQueue::receive_timeout`, empty until the end",
            || with(0),
            |queue| queue.receive_timeout(&mut [0; 8], SOON).map(drop).unwrap_err(),
        ),
        play(
            "`MessageQueue::receive_timeout`, empty, of zero",
            || with(0),
            |queue| queue.receive_timeout(&mut [0; 8], Duration::ZERO).map(drop).unwrap_err(),
        ),
        play(
            "`MessageQueue::receive_deadline`, empty until the end, by the wall clock",
            || with(0),
            |queue| queue.receive_deadline(&mut [0; 8], Deadline::realtime_after(SOON)).map(drop).unwrap_err(),
        ),
        play(
            "`MessageQueue::spin_until_readable` three times, no message",
            || with(0),
            |queue| {
                assert!(!queue.spin_until_readable(3).unwrap());
            },
        ),
        play("`MessageQueue::spin_until_room`", || with(0), |queue| assert!(queue.spin_until_room(3).unwrap())),
    ]
}

fn many() -> Vec<Play> {
    vec![
        play(
            "`MessageQueue::try_send_many` of two",
            || with(0),
            |queue| {
                assert_eq!(queue.try_send_many(&["1", "2"], MIN), Ok(2));
            },
        ),
        play(
            "`MessageQueue::try_receive_many` of two",
            || with(2),
            |queue| {
                assert_eq!(queue.try_receive_many(&mut [0; 8], |_| ControlFlow::Continue(())), Ok(2));
            },
        ),
        play(
            "`MessageQueue::try_send_all` with two",
            || with(0),
            |queue| assert_eq!(queue.try_send_all(&[1; 16], MIN), Ok(16)),
        ),
        play(
            "`MessageQueue::try_receive_all` of two",
            || with(2),
            |queue| queue.try_receive_all(&mut [0; 64]).map(drop).unwrap(),
        ),
        play("`MessageQueue::send_all` of two", || with(0), |queue| queue.send_all(&[1; 16], MIN).unwrap()),
        play(
            "`MessageQueue::send_all_deadline` of two",
            || with(0),
            |queue| {
                queue.send_all_deadline(&[1; 16], MIN, Deadline::after(LATE)).unwrap();
            },
        ),
        play("`MessageQueue::send_truncated`", || with(0), |queue| queue.send_truncated(b"x", MIN).unwrap()),
        play(
            "`MessageQueue::send_truncated` of too much",
            || with(0),
            |queue| queue.send_truncated(&[1; 9], MIN).unwrap(),
        ),
    ]
}

fn status() -> Vec<Play> {
    vec![
        play("`MessageQueue::attributes`", || with(0), |queue| queue.attributes().unwrap()),
        play("`MessageQueue::len`", || with(0), |queue| queue.len().unwrap()),
        play("`MessageQueue::is_empty`", || with(0), |queue| queue.is_empty().unwrap()),
        play("`MessageQueue::buffer`", || with(0), |queue| queue.buffer::<8>().unwrap()),
        play("`MessageQueue::is_linked`", || with(0), |queue| assert!(queue.is_linked().unwrap())),
        play("`MessageQueue::mode`", || with(0), |queue| queue.mode().unwrap()),
        play("`MessageQueue::flags`", || with(0), |queue| queue.flags().unwrap()),
        play("`MessageQueue::status`", || with(0), |queue| queue.status().unwrap()),
        play("`MessageQueue::set_nonblocking`", || with(0), |queue| queue.set_nonblocking(true).unwrap()),
        play("`MessageQueue::name`", || with(0), |queue| assert_eq!(queue.name(), Some(NAME))),
    ]
}

fn armed() -> NotificationSocket<MessageQueue> {
    let mut socket = NotificationSocket::new(with(0)).unwrap();
    socket.arm().unwrap();
    socket
}

fn arrived() -> NotificationSocket<MessageQueue> {
    let socket = armed();
    socket.queue().send(b"x", MIN).unwrap();
    socket
}

fn notification() -> Vec<Play> {
    vec![
        play("`MessageQueue::notify`", || with(0), |queue| queue.notify(Notify::None).unwrap()),
        play(
            "`MessageQueue::replace_notification`",
            || with(0),
            |queue| {
                queue.replace_notification(Notify::None).unwrap();
            },
        ),
        play("`MessageQueue::cancel_notification`", || with(0), |queue| queue.cancel_notification().unwrap()),
        play(
            "`NotificationSocket::new`",
            || Some(with(0)),
            |queue| NotificationSocket::new(queue.take().unwrap()).unwrap(),
        ),
        play("`NotificationSocket::arm`", || NotificationSocket::new(with(0)).unwrap(), |socket| socket.arm().unwrap()),
        play(
            "`NotificationSocket::replace`",
            || NotificationSocket::new(with(0)).unwrap(),
            |socket| {
                socket.replace().unwrap();
            },
        ),
        play("`NotificationSocket::cancel`", armed, |socket| socket.cancel().unwrap()),
        play("`NotificationSocket::wait`", arrived, |socket| socket.wait().unwrap()),
        play("`NotificationSocket::try_wait`", arrived, |socket| socket.try_wait().unwrap()),
        play("`NotificationSocket::wait_timeout`", arrived, |socket| socket.wait_timeout(LATE).unwrap()),
        play("`NotificationSocket::wait_deadline`", arrived, |socket| {
            socket.wait_deadline(Deadline::after(LATE)).unwrap()
        }),
        play("`NotificationSocket::is_armed`", armed, |socket| assert!(socket.is_armed())),
        play("`NotificationSocket::queue`", armed, |socket| assert!(socket.queue().name().is_some())),
    ]
}

fn elsewhere() -> Vec<Play> {
    vec![
        play("`Limits::current`", || (), |()| Limits::current().unwrap()),
        play(
            "`Limits::check`",
            || Limits::current().unwrap(),
            |limits| limits.check(QueueSizes { max_messages: 1, max_message_size: 1 }).unwrap(),
        ),
        play("`Platform::probe`", || (), |()| Platform::probe()),
        play(
            "`Listing::queues`, `Listing::next` until the end",
            || with(0),
            |_| {
                let mut buffer = [MaybeUninit::uninit(); 4096];
                let mut listing = Listing::queues(&mut buffer).unwrap();
                while let Some(entry) = listing.next() {
                    assert_eq!(entry.unwrap().name(), NAME);
                }
            },
        ),
        play(
            "`Entry::name`, then `Entry::open_queue` and `Entry::queue_status`",
            || with(0),
            |_| {
                let mut buffer = [MaybeUninit::uninit(); 4096];
                let mut listing = Listing::queues(&mut buffer).unwrap();
                let entry = listing.next().unwrap().unwrap();
                assert_eq!(entry.name(), NAME);
                entry.open_queue().unwrap();
                entry.queue_status().unwrap();
            },
        ),
    ]
}
