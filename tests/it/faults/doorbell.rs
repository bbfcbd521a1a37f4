//! The operations of doorbells, all of one queue that is there as long as the process: a doorbell borrows its queue.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rawipc::error::{Limit, Operation};
use rawipc::shared_queue::Doorbell;
use rawipc::{Errno, ErrorKind, Mapping, MessageQueue, Name, Priority, SharedMemory, SharedQueue};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::AsFd;
use rustix::fs::{Mode, fchmod};

use super::case::Left::{Before, Done, Shows};
use super::case::Told::{Kind, Nothing, Usually};
use super::case::{ALL, Case, Left, Prepared, case, on};
use super::shared_queue::{content, options};
use crate::shared_queue::support::bell_name;
use Operation::{Doorbell as Bell, Send};

static QUEUE: LazyLock<(SharedQueue, Mapping)> = LazyLock::new(|| {
    let queue = options().create_anonymous().unwrap();
    // So that its bells have the mode that they are created with.
    fchmod(&queue, Mode::RUSR | Mode::WUSR).unwrap();
    let memory = SharedMemory::try_from(queue.as_fd().try_clone_to_owned().unwrap()).unwrap();
    (queue, memory.map().unwrap())
});

/// Where the queue says that its bell is armed, see `src/shared_queue/protocol/layout.rs`.
const ARMED: usize = 120;

/// It is armed, and has no name that could be rung by.
const SILENT: Left = Shows("armed: 1, rung: Some(false), []");

pub fn cases() -> Vec<Case> {
    LazyLock::force(&QUEUE);
    [making_and_arming(), ringing_and_dropping()].concat()
}

fn making_and_arming() -> Vec<Case> {
    vec![
        case("SharedQueue doorbell", Bell, || {
            reset();
            on(
                Swept(None),
                |bell| look(&bell.0),
                |bell| {
                    bell.0 = Some(QUEUE.0.doorbell()?);
                    Ok(())
                },
            )
        })
        .unless(&[
            // Another number is free.
            ("mq_open", &[Errno::EXIST], Nothing, Done),
            ("mq_open", &[Errno::NOSPC], Kind(ErrorKind::LimitExceeded(Limit::Queues)), Before),
            // A descriptor can be had here, so it is the other cause.
            ("mq_open", &[Errno::MFILE], Kind(ErrorKind::LimitExceeded(Limit::QueueBytes)), Before),
            // The command is not known.
            ("fcntl", &[Errno::INVAL], Kind(ErrorKind::Unsupported), Before),
            // Another doorbell has been faster, whose bell that is.
            ("fcntl", &[Errno::AGAIN], Nothing, Done),
            // Too many are watched, which is no limit of queues.
            ("epoll_ctl", &[Errno::NOSPC], Kind(ErrorKind::Other), Before),
        ]),
        case("Doorbell arm", Bell, || on_bell(|bell| bell.as_mut().expect("it is there").arm())).unless(&[
            ("mq_timedreceive", &[Errno::AGAIN], Nothing, Done),
            ("mq_timedreceive", &[Errno::MSGSIZE], Kind(ErrorKind::MessageTooLong), Before),
            // It only says whether the name is there still.
            ("stat", ALL, Usually, Shows("armed: 1")),
        ]),
        // A stranger has removed the name. What fails is done by the next arming.
        case("Doorbell arm, its name gone", Bell, || {
            reset();
            let bell = QUEUE.0.doorbell().unwrap();
            MessageQueue::unlink(Name::new(&bell_name(0)[..]).unwrap()).unwrap();
            on(Some(bell), look, |bell| bell.as_mut().expect("it is there").arm())
        })
        .only(&["mq_open", "fchmod", "epoll_ctl", "close"])
        .unless(&[
            ("mq_open", &[Errno::EXIST], Nothing, Done),
            ("mq_open", &[Errno::NOSPC], Kind(ErrorKind::LimitExceeded(Limit::Queues)), SILENT),
            ("mq_open", &[Errno::MFILE], Kind(ErrorKind::LimitExceeded(Limit::QueueBytes)), SILENT),
            ("epoll_ctl 0", &[Errno::NOSPC], Kind(ErrorKind::Other), SILENT),
            // The old bell is closed, which does the same as long as no child has it open.
            ("epoll_ctl 1", ALL, Nothing, Done),
            ("close", ALL, Nothing, Done),
            ("mq_open", ALL, Usually, SILENT),
            ("fchmod", ALL, Usually, SILENT),
            ("epoll_ctl 0", ALL, Usually, SILENT),
        ]),
    ]
}

fn ringing_and_dropping() -> Vec<Case> {
    vec![
        // The message is sent in any case. What could not be rung stays armed.
        case("SharedQueue send, the bell armed", Send, || on_bell_armed(|_| QUEUE.0.send(b"x", Priority::MIN))).unless(
            &[
                ("stat", ALL, Nothing, Shows("armed: 1, rung: Some(false), [([120], ")),
                ("mq_timedsend", &[Errno::AGAIN], Nothing, Shows("armed: 0, rung: Some(false), [([120], ")),
                ("mq_open", ALL, Nothing, Shows("armed: 1, rung: Some(false), [([120], ")),
                ("fcntl", ALL, Nothing, Shows("armed: 1, rung: Some(false), [([120], ")),
                ("mq_timedsend", ALL, Nothing, Shows("armed: 1, rung: Some(false), [([120], ")),
                ("close", ALL, Nothing, Done),
            ],
        ),
        case("Doorbell dropped", Bell, || {
            on_bell_armed(|bell| {
                drop(bell.take());
                Ok(())
            })
        })
        // The name stays, for the next doorbell of the user to take.
        .only(&["mq_timedsend", "close"])
        .unless(&[("mq_timedsend", ALL, Nothing, Done), ("close", ALL, Nothing, Done)]),
    ]
}

fn armed() -> &'static AtomicU32 {
    QUEUE.1.get(ARMED).unwrap()
}

/// Takes away what the operation before has left.
fn reset() {
    while QUEUE.0.try_receive(&mut [0; 16]).is_ok() {}
    // The count stays: what a handle could not ring it does not try again before another arming.
    armed().fetch_and(!(1 << 31), Relaxed);
}

type Ringing = Option<Doorbell<&'static SharedQueue>>;

/// A doorbell, after which no bell is left: not even one that seems to be another's.
struct Swept(Ringing);

impl Drop for Swept {
    fn drop(&mut self) {
        drop(self.0.take());
        let _ = MessageQueue::unlink(Name::new(&bell_name(0)[..]).unwrap());
    }
}

/// A doorbell that may be armed, and something to be done with it.
fn on_ringing<K: std::marker::Send + 'static>(is_armed: bool, act: fn(&mut Ringing) -> rawipc::Result<K>) -> Prepared {
    reset();
    let mut bell = QUEUE.0.doorbell().unwrap();
    assert!(!is_armed || bell.arm().unwrap().is_armed(), "the queue is empty");
    on(Some(bell), look, act)
}

fn on_bell<K: std::marker::Send + 'static>(act: fn(&mut Ringing) -> rawipc::Result<K>) -> Prepared {
    on_ringing(false, act)
}

fn on_bell_armed<K: std::marker::Send + 'static>(act: fn(&mut Ringing) -> rawipc::Result<K>) -> Prepared {
    on_ringing(true, act)
}

/// Whether it is armed, whether it has been rung, and what lies in the queue.
fn look(bell: &Ringing) -> String {
    let was_armed = armed().swap(0, Relaxed);
    let content = content(&QUEUE.0);
    armed().store(was_armed, Relaxed);
    let is_rung = bell.as_ref().map(|bell| {
        let mut look = [PollFd::new(bell, PollFlags::IN)];
        poll(&mut look, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 1
    });
    format!("armed: {}, rung: {is_rung:?}, {content}", was_armed >> 31)
}
