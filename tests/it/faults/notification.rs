//! The operations of notification. `notify_thread` is in `notify_thread.rs`, since std makes calls of its own there.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rawipc::error::Operation;
use rawipc::mqueue::Notify;
use rawipc::{Deadline, Errno, ErrorKind, MessageQueue, NotificationSocket, Priority};

use super::case::Left::{Before, Done, Shows};
use super::case::Told::{Kind, Nothing, Usually};
use super::case::{ALL, Case, Prepared, case, freely, on};
use super::queue::{empty, look, on_queue};
use Operation::{AwaitNotification, NotificationSocket as Making, Notify as Registering};

pub fn cases() -> Vec<Case> {
    [registering(), sockets(), waits()].concat()
}

const SIGNAL: Notify = Notify::Signal { number: 35, value: 1 };
const SOON: Duration = Duration::from_millis(10);
const LATE: Duration = Duration::from_secs(60);

fn registering() -> Vec<Case> {
    vec![
        case("notify", Registering, || on_queue(empty(), |queue| queue.notify(SIGNAL))),
        case("cancel", Registering, || {
            let queue = empty();
            queue.notify(SIGNAL).unwrap();
            on_queue(queue, MessageQueue::cancel_notification)
        }),
        case("replace", Registering, || {
            let queue = empty();
            queue.notify(Notify::None).unwrap();
            on_queue(queue, |queue| queue.replace_notification(SIGNAL))
        })
        .unless(&[("mq_notify 1", ALL, Usually, Shows("registration: None"))]),
    ]
}

type Socket = NotificationSocket<Arc<MessageQueue>>;

/// A socket, armed or not, and something to be done with it.
fn on_socket<K: Send + 'static>(armed: bool, act: fn(&mut Socket) -> rawipc::Result<K>) -> Prepared {
    let mut socket = NotificationSocket::new(Arc::new(empty())).unwrap();
    if armed {
        socket.arm().unwrap();
    }
    on(socket, look_at_socket, act)
}

fn look_at_socket(socket: &Socket) -> String {
    format!("{} armed: {}", look(socket.queue()), socket.is_armed())
}

/// The same with a message in the queue, whose arrival is in the socket.
fn on_arrival<K: Send + 'static>(act: fn(&mut Socket) -> rawipc::Result<K>) -> Prepared {
    let mut socket = NotificationSocket::new(Arc::new(empty())).unwrap();
    socket.arm().unwrap();
    socket.queue().send(b"", Priority::MIN).unwrap();
    on(socket, look_at_socket, act)
}

fn sockets() -> Vec<Case> {
    vec![
        case("NotificationSocket::new", Making, || {
            on(Arc::new(empty()), |queue| look(queue), |queue| Ok(NotificationSocket::new(Arc::clone(queue))?))
        }),
        case("arm", Registering, || on_socket(false, NotificationSocket::arm)),
        case("socket.replace", Registering, || on_socket(true, NotificationSocket::replace)).unless(&[(
            "mq_notify 1",
            ALL,
            Usually,
            Shows("registration: None"),
        )]),
        // What is in the socket only says whether there is still something to cancel.
        case("socket.cancel", Registering, || on_socket(true, NotificationSocket::cancel))
            .unless(&[("recv", ALL, Nothing, Done)]),
        case("drop of a socket", Registering, || {
            freely(|| {
                let mut socket = NotificationSocket::new(empty())?;
                socket.arm()?;
                let socket = Mutex::new(Some(socket));
                drop(socket.lock().expect("nobody panics").take());
                Ok(())
            })
        })
        .where_calls_fail(|_| None)
        .only(&["recv", "mq_notify 1"])
        .unless(&[("recv", ALL, Nothing, Done), ("mq_notify", ALL, Nothing, Done)]),
    ]
}

fn waits() -> Vec<Case> {
    vec![
        case("socket.wait", AwaitNotification, || on_arrival(NotificationSocket::wait)),
        case("socket.try_wait", AwaitNotification, || on_arrival(NotificationSocket::try_wait)),
        case("socket.wait_timeout", AwaitNotification, || on_arrival(|socket| socket.wait_timeout(LATE))).unless(&[(
            "recv",
            &[Errno::AGAIN],
            Nothing,
            Done,
        )]),
        case("socket.wait_timeout, nothing", AwaitNotification, || on_socket(true, |socket| socket.wait_timeout(SOON)))
            .unless(&[("recv", &[Errno::AGAIN], Nothing, Before)]),
        case("socket.wait_deadline, nothing", AwaitNotification, || {
            on_socket(true, |socket| socket.wait_deadline(Deadline::realtime_after(SOON)))
        })
        .unless(&[("recv", &[Errno::AGAIN], Kind(ErrorKind::TimedOut), Before)]),
    ]
}
