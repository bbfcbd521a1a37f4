//! What sends or receives more than one message of a shared queue: each by itself, and what is done until a call fails
//! is counted.

use std::ops::ControlFlow;

use rawipc::error::{Operation, TransferError};
use rawipc::{Deadline, Errno, Error, Priority};

use super::case::Left::{Before, Done, Shows};
use super::case::Told::{Nothing, Usually};
use super::case::{ALL, Case, Prepared, Unusual, case, on};
use super::shared_queue::{Arena, SIZE, SOON, UNKNOWN, on_arena};
use Operation::{Receive, Send};

fn on_arena_whole<K: std::marker::Send + 'static>(arena: Arena, act: fn(&Arena) -> rawipc::Result<K>) -> Prepared {
    on(arena, Arena::look, move |arena| act(arena))
}

fn incomplete(TransferError { bytes, error }: TransferError) -> Error {
    assert_eq!(bytes, 0);
    error
}

pub fn cases() -> Vec<Case> {
    const ASKING: &[&str] = &["fcntl 0"];
    // A queue that is full or empty ends a batch, and is no error.
    const FULL: Unusual = ("fcntl 0", &[Errno::AGAIN], Nothing, Before);
    vec![
        case("SharedQueue try_send_many, left by the dead", Send, || {
            on_arena(Arena::new(0).left(), |queue| queue.try_send_many(&["x", "y"], Priority::MIN))
        })
        .only(ASKING)
        .unless(&[UNKNOWN, FULL]),
        case("SharedQueue try_send_many, left by the dead after the first", Send, || {
            on_arena_whole(Arena::new(0), |arena| {
                let messages = [Leaving(None), Leaving(Some(arena))];
                arena.queue.try_send_many(&messages, Priority::MIN)
            })
        })
        .only(ASKING)
        .unless(&[("fcntl 0", ALL, Nothing, Shows("[([120], Priority(0))], room for 2"))]),
        case("SharedQueue try_receive_many, left by the dead", Receive, || {
            on_arena(Arena::new(2).left(), |queue| {
                queue.try_receive_many(&mut [0; SIZE], |_| ControlFlow::Continue(()))
            })
        })
        .only(ASKING)
        .unless(&[UNKNOWN, FULL]),
        case("SharedQueue try_receive_many, left by the dead after the first", Receive, || {
            on_arena_whole(Arena::new(2), |arena| {
                arena.queue.try_receive_many(&mut [0; SIZE], |_| {
                    arena.leave();
                    ControlFlow::Continue(())
                })
            })
        })
        .only(ASKING)
        .unless(&[("fcntl 0", ALL, Nothing, Shows("[([1, 1, 1, 1, 1], Priority(0))], room for 2"))]),
        case("SharedQueue try_send_all, left by the dead", Send, || {
            on_arena(Arena::new(0).left(), |queue| {
                queue.try_send_all(&[1; 2 * SIZE], Priority::MIN).map_err(incomplete)
            })
        })
        .only(ASKING)
        .unless(&[UNKNOWN, FULL]),
        case("SharedQueue try_receive_all, left by the dead", Receive, || {
            on_arena(Arena::new(2).left(), |queue| queue.try_receive_all(&mut [0; 64]).map(drop).map_err(incomplete))
        })
        .only(ASKING)
        .unless(&[UNKNOWN, FULL]),
        case("SharedQueue send_all_deadline, full after two", Send, || {
            on_arena(Arena::new(0), |queue| {
                let sent = queue.send_all_deadline(&[1; 3 * SIZE], Priority::MIN, Deadline::after(SOON));
                sent.map_err(|TransferError { bytes, error }| {
                    assert_eq!(bytes, 2 * SIZE);
                    error
                })
            })
        })
        .unless(&[("futex", &[Errno::AGAIN, Errno::TIMEDOUT], Nothing, Done), ("futex", ALL, Usually, Done)]),
    ]
}

/// A message; when it is about to be sent, somebody has left the lock.
struct Leaving<'a>(Option<&'a Arena>);

impl AsRef<[u8]> for Leaving<'_> {
    fn as_ref(&self) -> &[u8] {
        self.0.inspect(|arena| arena.leave());
        b"x"
    }
}
