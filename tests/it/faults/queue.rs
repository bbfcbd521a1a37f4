//! The operations of message queues.

use std::ops::ControlFlow;
use std::time::Duration;

use rawipc::error::{Limit, Operation, RejectedError};
use rawipc::mqueue::MessageQueueOptions;
use rawipc::{Deadline, Errno, ErrorKind, MessageQueue, Name, Priority, Sender, name};
use rustix::fd::OwnedFd;

use super::case::Left::{Before, Done, DoneNameStays};
use super::case::Told::{As, Kind, Nothing, Usually};
use super::case::{ALL, Case, Prepared, Unusual, case, freely, on};
use crate::harness::name_of;
use Operation::{AdoptQueue, CloneQueue, CloseQueue, CreateQueue, OpenQueue, QueueStatus, SetNonblocking, UnlinkQueue};

pub fn cases() -> Vec<Case> {
    [opening(), diagnoses(), sending(), receiving(), looking(), closing()].concat()
}

fn options() -> MessageQueueOptions {
    MessageQueue::options().read(true).write(true).max_messages(2).max_message_size(16).unlink_on_drop(true)
}

const NAME: &Name = name!("/rawipc-test-queue");
const OTHER: &Name = name!("/rawipc-test-other");
const UNIQUE: &Name = name!("/rawipc-test-unique-");
const SOON: Duration = Duration::from_millis(10);
const LATE: Duration = Duration::from_secs(60);

pub fn empty() -> MessageQueue {
    options().create_new(true).open(NAME).unwrap()
}

/// A queue with one message in it and room for another.
pub fn queue() -> MessageQueue {
    let queue = empty();
    queue.send(b"first", Priority::MIN).unwrap();
    queue
}

fn full() -> MessageQueue {
    let queue = queue();
    queue.send(b"second", Priority::MIN).unwrap();
    queue
}

/// All that can be seen of a queue.
pub fn look(queue: &MessageQueue) -> String {
    format!("{:?} {:?} {:?}", queue.attributes().unwrap(), queue.status().unwrap(), queue.mode().unwrap())
}

pub fn on_queue<K: Send + 'static>(queue: MessageQueue, act: fn(&MessageQueue) -> rawipc::Result<K>) -> Prepared {
    on(queue, look, move |queue| act(queue))
}

/// A queue that is removed with its handle after all, if it is not yet.
struct Owned(MessageQueue);

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = MessageQueue::unlink(name_of(&self.0));
    }
}

/// A call that opens what exists needs no bytes, so there can only be too few descriptors.
const fn no_descriptor(call: &'static str) -> Unusual {
    (call, &[Errno::MFILE], Kind(ErrorKind::LimitExceeded(Limit::Descriptors)), Before)
}

fn opening() -> Vec<Case> {
    vec![
        case("open", OpenQueue, || on_queue(queue(), |_| options().open(NAME))).unless(&[no_descriptor("mq_open")]),
        case("create", CreateQueue, || freely(|| options().unlink_on_drop(false).create(true).open(OTHER).map(Owned))),
        case("create to own", CreateQueue, || freely(|| options().create(true).open(OTHER))).unless(&[(
            "mq_open",
            &[Errno::EXIST],
            Nothing,
            Done,
        )]),
        case("create what exists", CreateQueue, || on_queue(queue(), |_| options().create(true).open(NAME)))
            .unless(&[("mq_open 0", &[Errno::EXIST], Nothing, Done), ("mq_open 1", &[Errno::NOENT], Nothing, Done)])
            .unless(&[no_descriptor("mq_open 1")]),
        case("create exclusively", CreateQueue, || freely(|| options().create_new(true).open(OTHER))),
        case("create of an exact mode", CreateQueue, || {
            freely(|| options().create_new(true).exact_mode(0o666).open(OTHER))
        }),
        case("create of a default size", CreateQueue, || {
            freely(|| MessageQueue::options().read(true).max_messages(1).create(true).open(OTHER).map(Owned))
        })
        .unless(&[
            ("open", ALL, Kind(ErrorKind::Unsupported), Before),
            ("read", ALL, Kind(ErrorKind::Unsupported), Before),
            ("close", ALL, Nothing, Done),
        ]),
        case("create of a new name", CreateQueue, || freely(|| options().create_unique(UNIQUE))).unless(&[(
            "mq_open",
            &[Errno::EXIST],
            Nothing,
            Done,
        )]),
    ]
}

/// Looks after the cause of a failure change nothing about it.
fn diagnoses() -> Vec<Case> {
    let create: fn() -> Prepared = || freely(|| options().unlink_on_drop(false).create(true).open(OTHER));
    let defaults: fn() -> Prepared = || freely(|| MessageQueue::options().read(true).create(true).open(OTHER));
    vec![
        case("create beyond a limit", CreateQueue, create)
            .where_calls_fail(|call| (call.number == libc::SYS_mq_open).then_some(Errno::MFILE))
            .unless(&[
                ("eventfd", &[Errno::MFILE], Kind(ErrorKind::LimitExceeded(Limit::Descriptors)), Before),
                ("eventfd", ALL, Nothing, Done),
                ("close", ALL, Nothing, Done),
            ]),
        case("create defaults beyond a limit", CreateQueue, defaults)
            .where_calls_fail(|call| (call.number == libc::SYS_mq_open).then_some(Errno::MFILE))
            .unless(&[
                ("eventfd", &[Errno::MFILE], Kind(ErrorKind::LimitExceeded(Limit::Descriptors)), Before),
                ("eventfd", ALL, Nothing, Done),
                ("open", ALL, Kind(ErrorKind::LimitExceeded(Limit::QueueBytes)), Before),
                ("read", ALL, Kind(ErrorKind::LimitExceeded(Limit::QueueBytes)), Before),
                ("close", ALL, Nothing, Done),
            ]),
        case("create too many", CreateQueue, create)
            .where_calls_fail(|call| (call.number == libc::SYS_mq_open).then_some(Errno::NOSPC))
            .unless(&[
                ("open", ALL, Kind(ErrorKind::LimitExceeded(Limit::Queues)), Before),
                ("read", ALL, Kind(ErrorKind::LimitExceeded(Limit::Queues)), Before),
                ("close", ALL, Nothing, Done),
            ]),
        case("send too much", Operation::Send, || on_queue(queue(), |queue| queue.send(&[0; 17], Priority::MIN)))
            .unless(&[("mq_getsetattr", ALL, Kind(ErrorKind::MessageTooLong), Before)]),
        case("receive into too little", Operation::Receive, || {
            on_queue(queue(), |queue| queue.receive(&mut [0; 15]).map(drop))
        })
        .unless(&[("mq_getsetattr", ALL, Kind(ErrorKind::BufferTooSmall), Before)]),
    ]
}

fn sending() -> Vec<Case> {
    let send = Operation::Send;
    vec![
        case("send", send, || on_queue(queue(), |queue| queue.send(b"x", Priority::MAX))),
        case("try_send", send, || on_queue(queue(), |queue| queue.try_send(b"x", Priority::MAX))).unless(&[(
            "mq_timedsend",
            &[Errno::TIMEDOUT],
            Kind(ErrorKind::WouldBlock),
            Before,
        )]),
        case("send_timeout", send, || on_queue(queue(), |queue| queue.send_timeout(b"x", Priority::MAX, LATE)))
            .unless(&[("mq_timedsend", &[Errno::TIMEDOUT], Nothing, Done)]),
        case("send_timeout, full", send, || on_queue(full(), |queue| queue.send_timeout(b"x", Priority::MAX, SOON))),
        case("send_deadline", send, || {
            on_queue(queue(), |queue| queue.send_deadline(b"x", Priority::MAX, Deadline::after(LATE)))
        })
        .unless(&[("mq_timedsend", &[Errno::TIMEDOUT], Nothing, Done)]),
        case("send_deadline, full", send, || {
            on_queue(full(), |queue| queue.send_deadline(b"x", Priority::MAX, Deadline::realtime_after(SOON)))
        }),
        case("send_all", send, || {
            on_queue(queue(), |queue| queue.send_all(&[1; 10], Priority::MIN).map_err(|incomplete| incomplete.error))
        })
        .unless(&[("mq_getsetattr", ALL, As(QueueStatus), Before)]),
        // Another sender may take the room that was seen: then nothing is sent, which is no error.
        case("try_send_all", send, || {
            on_queue(queue(), |queue| {
                queue.try_send_all(&[1; 10], Priority::MIN).map_err(|incomplete| incomplete.error)
            })
        })
        .unless(&[
            ("mq_getsetattr", ALL, As(QueueStatus), Before),
            ("mq_timedsend", &[Errno::AGAIN, Errno::TIMEDOUT], Nothing, Before),
        ]),
        case("Sender::try_from", QueueStatus, || on_queue(queue(), |queue| Ok(Sender::try_from(queue.try_clone()?)?)))
            .only(&["fcntl 1"]),
        case("try_send_many", send, || on_queue(queue(), |queue| queue.try_send_many(&[b"x", b"y"], Priority::MIN)))
            .unless(&[
                ("mq_getsetattr 0", ALL, As(QueueStatus), Before),
                // What was sent until then is counted.
                ("mq_getsetattr 1", ALL, Nothing, Done),
                ("mq_timedsend", &[Errno::AGAIN, Errno::TIMEDOUT], Nothing, Before),
            ]),
    ]
}

fn receiving() -> Vec<Case> {
    let receive = Operation::Receive;
    vec![
        case("receive", receive, || on_queue(queue(), |queue| queue.receive(&mut [0; 16]).map(drop))),
        case("try_receive", receive, || on_queue(queue(), |queue| queue.try_receive(&mut [0; 16]).map(drop)))
            .unless(&[("mq_timedreceive", &[Errno::TIMEDOUT], Kind(ErrorKind::WouldBlock), Before)]),
        case("receive_timeout", receive, || {
            on_queue(queue(), |queue| queue.receive_timeout(&mut [0; 16], LATE).map(drop))
        })
        .unless(&[("mq_timedreceive", &[Errno::TIMEDOUT], Nothing, Done)]),
        case("receive_timeout, empty", receive, || {
            on_queue(empty(), |queue| queue.receive_timeout(&mut [0; 16], SOON).map(drop))
        }),
        case("receive_deadline", receive, || {
            on_queue(queue(), |queue| queue.receive_deadline(&mut [0; 16], Deadline::after(LATE)).map(drop))
        })
        .unless(&[("mq_timedreceive", &[Errno::TIMEDOUT], Nothing, Done)]),
        // As with `try_send_all`.
        case("try_receive_all", receive, || {
            on_queue(queue(), |queue| {
                queue.try_receive_all(&mut [0; 32]).map(drop).map_err(|incomplete| incomplete.error)
            })
        })
        .unless(&[
            ("mq_getsetattr 0", ALL, As(QueueStatus), Before),
            // What was received until then is in the buffer.
            ("mq_getsetattr 1", ALL, As(QueueStatus), Done),
            ("mq_timedreceive 0", &[Errno::AGAIN, Errno::TIMEDOUT], Nothing, Before),
        ]),
        case("receive_deadline, empty", receive, || {
            on_queue(empty(), |queue| queue.receive_deadline(&mut [0; 16], Deadline::realtime_after(SOON)).map(drop))
        }),
        case("try_receive_many", receive, || {
            on_queue(queue(), |queue| queue.try_receive_many(&mut [0; 16], |_| ControlFlow::Break(())))
        })
        .unless(&[
            ("mq_getsetattr", ALL, As(QueueStatus), Before),
            ("mq_timedreceive", &[Errno::AGAIN, Errno::TIMEDOUT], Nothing, Before),
        ]),
        case("spin_until_readable", QueueStatus, || on_queue(queue(), |queue| queue.spin_until_readable(2))),
    ]
}

fn looking() -> Vec<Case> {
    vec![
        case("attributes", QueueStatus, || on_queue(queue(), |queue| queue.attributes())),
        case("is_linked", QueueStatus, || on_queue(queue(), |queue| queue.is_linked())),
        case("mode", QueueStatus, || on_queue(queue(), |queue| queue.mode())),
        case("flags", QueueStatus, || on_queue(queue(), |queue| queue.flags())),
        case("status", QueueStatus, || on_queue(queue(), |queue| queue.status())),
        case("set_nonblocking", SetNonblocking, || on_queue(queue(), |queue| queue.set_nonblocking(true))),
        case("try_clone", CloneQueue, || on_queue(queue(), |queue| queue.try_clone())),
        case("adopt", AdoptQueue, || {
            let spare = queue().try_clone().unwrap();
            let adopt = |spare: &mut Option<OwnedFd>| {
                MessageQueue::try_from(spare.take().unwrap()).map_err(|RejectedError { error, value }| {
                    *spare = Some(value);
                    error
                })
            };
            on(Some(OwnedFd::from(spare)), |spare| format!("{}", spare.is_some()), adopt)
        })
        .unless(&[("mq_getsetattr", ALL, Kind(ErrorKind::InvalidInput), Before)]),
    ]
}

fn closing() -> Vec<Case> {
    fn close(queue: &mut Option<MessageQueue>) -> rawipc::Result<()> {
        queue.take().map_or(Ok(()), MessageQueue::close)
    }
    vec![
        case("unlink", UnlinkQueue, || {
            let queue = options().unlink_on_drop(false).create(true).open(OTHER).map(Owned).unwrap();
            on(queue, |queue| look(&queue.0), |_| MessageQueue::unlink(OTHER))
        }),
        case("close", CloseQueue, || {
            let queue = queue();
            on((queue.try_clone().ok(), queue), |(_, queue)| look(queue), |(clone, _)| close(clone))
        })
        .unless(&[("close", ALL, Usually, Done)]),
        case("close and unlink", UnlinkQueue, || {
            let queue = queue();
            let name = Owned(queue.try_clone().unwrap());
            on((Some(queue), name), |_| String::new(), |(queue, _)| close(queue))
        })
        .unless(&[
            ("stat", ALL, Usually, DoneNameStays),
            ("mq_unlink", &[Errno::NOENT], Nothing, DoneNameStays),
            ("mq_unlink", ALL, Usually, DoneNameStays),
            ("close", ALL, As(CloseQueue), Done),
        ]),
    ]
}
