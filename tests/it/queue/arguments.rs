//! Mistakes in a call's arguments are reported first, in every form of every call.

use std::ops::ControlFlow::Continue;
use std::time::Duration;

use rawipc::error::{Bounds, TransferError};
use rawipc::time::{Clock, Time};
use rawipc::{Deadline, ErrorKind, MessageBuffer, Name, Priority, Receiver, Result, Sender, name};

use super::{Queue, QueueOptions, name_of, own_forms, small};

crate::tests!(queue_checks_arguments_before_it_waits);

/// The length of the queue's longest message.
const SIZE: usize = 16;

/// What a form does with right arguments where there is no room, or no message.
#[derive(Clone, Copy)]
pub enum Otherwise {
    Waits,
    Fails(ErrorKind),
    /// Succeeds without having done anything.
    Ends,
}

use ErrorKind::{BadDescriptor, BufferTooSmall, MessageTooLong, TimedOut, WouldBlock};
use Otherwise::{Ends, Fails, Waits};

/// The bytes to be sent, or the buffer.
pub type Call<H> = fn(&H, &mut [u8]) -> Result<()>;

/// One form of sending or receiving. Some take bytes of any number.
pub struct Form<H> {
    pub name: &'static str,
    pub otherwise: Otherwise,
    pub takes_any_length: bool,
    pub call: Call<H>,
}

pub const fn form<H>(name: &'static str, otherwise: Otherwise, call: Call<H>) -> Form<H> {
    Form { name, otherwise, takes_any_length: false, call }
}

impl<H> Form<H> {
    pub const fn of_any_length(self) -> Self {
        Self { takes_any_length: true, ..self }
    }
}

const MIN: Priority = Priority::MIN;
const LATE: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_millis(1);

/// The first moment of a clock.
pub fn past(clock: Clock) -> Deadline {
    let start = Time::new(0, 0).expect("no nanoseconds are a valid number of them");
    if clock == Clock::Realtime { Deadline::Realtime(start) } else { Deadline::Monotonic(start) }
}

fn error_of<T>(result: core::result::Result<T, TransferError>) -> Result<()> {
    result.map(drop).map_err(|incomplete| incomplete.error)
}

/// The forms that a queue and its sending end have in common.
macro_rules! sending {
    ($handle:ty) => {
        vec![
            form::<$handle>("send", Waits, |queue, bytes| queue.send(bytes, MIN)),
            form("try_send", Fails(WouldBlock), |queue, bytes| queue.try_send(bytes, MIN)),
            form("send_timeout(0)", Fails(TimedOut), |queue, bytes| queue.send_timeout(bytes, MIN, Duration::ZERO)),
            form("send_timeout(1 ms)", Fails(TimedOut), |queue, bytes| queue.send_timeout(bytes, MIN, SOON)),
            form("send_timeout(10 s)", Waits, |queue, bytes| queue.send_timeout(bytes, MIN, LATE)),
            form("send_deadline(past)", Fails(TimedOut), |queue, bytes| {
                queue.send_deadline(bytes, MIN, past(Clock::Monotonic))
            }),
            form("send_deadline(past, realtime)", Fails(TimedOut), |queue, bytes| {
                queue.send_deadline(bytes, MIN, past(Clock::Realtime))
            }),
            form("send_deadline(10 s)", Waits, |queue, bytes| queue.send_deadline(bytes, MIN, Deadline::after(LATE))),
            form("send_deadline(10 s, realtime)", Waits, |queue, bytes| {
                queue.send_deadline(bytes, MIN, Deadline::realtime_after(LATE))
            }),
            form("try_send_many", Ends, |queue, bytes| queue.try_send_many(&[&*bytes, b"second"], MIN).map(drop)),
            form("try_send_many(nothing)", Ends, |queue: &$handle, _| queue.try_send_many::<&[u8]>(&[], MIN).map(drop))
                .of_any_length(),
            form("send_truncated", Waits, |queue: &$handle, bytes| queue.send_truncated(bytes, MIN).map(drop))
                .of_any_length(),
            form("send_all", Waits, |queue: &$handle, bytes| error_of(queue.send_all(bytes, MIN))).of_any_length(),
            form("send_all(nothing)", Waits, |queue: &$handle, _| error_of(queue.send_all(&[], MIN))).of_any_length(),
            form("send_all_deadline(past)", Fails(TimedOut), |queue: &$handle, bytes| {
                error_of(queue.send_all_deadline(bytes, MIN, past(Clock::Monotonic)))
            })
            .of_any_length(),
            form("send_all_deadline(10 s, realtime)", Waits, |queue: &$handle, bytes| {
                error_of(queue.send_all_deadline(bytes, MIN, Deadline::realtime_after(LATE)))
            })
            .of_any_length(),
            form("try_send_all", Ends, |queue: &$handle, bytes| error_of(queue.try_send_all(bytes, MIN)))
                .of_any_length(),
            form("try_send_all(nothing)", Ends, |queue: &$handle, _| error_of(queue.try_send_all(&[], MIN)))
                .of_any_length(),
        ]
    };
}

/// The forms that a queue and its receiving end have in common.
macro_rules! receiving {
    ($handle:ty) => {
        vec![
            form::<$handle>("receive", Waits, |queue, buffer| queue.receive(buffer).map(drop)),
            form("try_receive", Fails(WouldBlock), |queue, buffer| queue.try_receive(buffer).map(drop)),
            form("receive_timeout(0)", Fails(TimedOut), |queue, buffer| {
                queue.receive_timeout(buffer, Duration::ZERO).map(drop)
            }),
            form("receive_timeout(1 ms)", Fails(TimedOut), |queue, buffer| {
                queue.receive_timeout(buffer, SOON).map(drop)
            }),
            form("receive_timeout(10 s)", Waits, |queue, buffer| queue.receive_timeout(buffer, LATE).map(drop)),
            form("receive_deadline(past)", Fails(TimedOut), |queue, buffer| {
                queue.receive_deadline(buffer, past(Clock::Monotonic)).map(drop)
            }),
            form("receive_deadline(past, realtime)", Fails(TimedOut), |queue, buffer| {
                queue.receive_deadline(buffer, past(Clock::Realtime)).map(drop)
            }),
            form("receive_deadline(10 s)", Waits, |queue, buffer| {
                queue.receive_deadline(buffer, Deadline::after(LATE)).map(drop)
            }),
            form("receive_deadline(10 s, realtime)", Waits, |queue, buffer| {
                queue.receive_deadline(buffer, Deadline::realtime_after(LATE)).map(drop)
            }),
            form("try_receive_many", Ends, |queue, buffer| queue.try_receive_many(buffer, |_| Continue(())).map(drop)),
            form("try_receive_all", Ends, |queue, buffer| error_of(queue.try_receive_all(buffer))),
        ]
    };
}

/// A queue that is empty or full, and handles of it for either direction.
struct Stage {
    queue: Queue,
    nonblocking: bool,
    length: usize,
}

impl Stage {
    fn new(nonblocking: bool, length: usize) -> Self {
        let queue = small().max_messages(2).max_message_size(SIZE).create_unique(name!("/rawipc-test-")).unwrap();
        assert_eq!(queue.try_send_many(&["1"; 2][..length], MIN), Ok(length));
        Self { queue, nonblocking, length }
    }

    fn name(&self) -> &Name {
        name_of(&self.queue)
    }

    /// Handles of one direction, by every way to get one.
    fn handles(&self, access: QueueOptions) -> impl Iterator<Item = (&'static str, Queue)> {
        let opened = access.nonblocking(self.nonblocking).open(self.name()).unwrap();
        let clone = opened.try_clone().unwrap();
        let adopted = super::adopted(&opened).map(|adopted| ("adopted", adopted));
        [("opened", opened), ("cloned", clone)].into_iter().chain(adopted)
    }

    /// Calls a form and looks at its error; says which it was if that is another one, or if the queue is changed.
    fn assert<H>(&self, handle: (&str, &H), form: &Form<H>, length: usize, expected: (Option<ErrorKind>, Option<u64>)) {
        let result = (form.call)(handle.1, &mut [b'x'; 64][..length]);
        let of = format!(
            "{}: {} of {length} bytes by a handle that was {}{}, {} messages there",
            std::any::type_name::<H>(),
            form.name,
            handle.0,
            if self.nonblocking { " and is nonblocking" } else { "" },
            self.length,
        );
        let kind = result.err().map(|error| error.kind());
        let bounds = expected.1.map(|bound| Bounds { given: length as u64, bound });
        assert_eq!((kind, result.err().and_then(|error| error.bounds())), (expected.0, bounds), "{of}");
        assert_eq!(self.queue.len(), Ok(self.length), "{of}");
    }

    /// All forms by a handle of the right direction.
    fn assert_forms<H>(&self, handle: (&str, &H), forms: &[Form<H>], wrong: (usize, ErrorKind), cannot_go_on: bool) {
        for form in forms {
            if !form.takes_any_length {
                self.assert(handle, form, wrong.0, (Some(wrong.1), Some(SIZE as u64)));
            }
            let otherwise = match form.otherwise {
                Ends => None,
                _ if self.nonblocking => Some(WouldBlock),
                Fails(kind) => Some(kind),
                Waits => continue,
            };
            if cannot_go_on {
                self.assert(handle, form, SIZE, (otherwise, None));
            }
        }
    }

    /// All forms by a handle of the other direction, with a right length and a wrong one.
    fn assert_direction(&self, handle: (&str, &Queue), forms: &[Form<Queue>], wrong: usize) {
        for form in forms {
            self.assert(handle, form, SIZE, (Some(BadDescriptor), None));
            self.assert(handle, form, wrong, (Some(BadDescriptor), None));
        }
    }
}

fn queue_checks_arguments_before_it_waits() {
    let spin_until_room = form("spin_until_room", Ends, |queue: &Queue, _| queue.spin_until_room(3).map(drop));
    let spin_until_readable =
        form("spin_until_readable", Ends, |queue: &Queue, _| queue.spin_until_readable(3).map(drop));
    let (mut to_send, mut to_receive) = own_forms();
    to_send.extend(sending!(Queue).into_iter().chain([spin_until_room.of_any_length()]));
    to_receive.extend(receiving!(Queue).into_iter().chain([spin_until_readable.of_any_length()]));
    let (too_long, too_small) = ((SIZE + 1, MessageTooLong), (SIZE - 1, BufferTooSmall));
    for (nonblocking, length) in [(false, 0), (false, 2), (true, 0), (true, 2)] {
        let stage = Stage::new(nonblocking, length);
        let (is_full, is_empty) = (length == 2, length == 0);
        for (origin, writer) in stage.handles(Queue::options().write(true)) {
            stage.assert_forms((origin, &writer), &to_send, too_long, is_full);
            stage.assert_direction((origin, &writer), &to_receive, too_small.0);
            let writer = Receiver::try_from(writer).map(drop).unwrap_err();
            assert_eq!(writer.error.kind(), BadDescriptor, "Receiver::try_from, {origin}");
            let sender = Sender::try_from(writer.value).unwrap();
            let forms: Vec<Form<Sender<Queue>>> = sending!(Sender<Queue>);
            stage.assert_forms((origin, &sender), &forms, too_long, is_full);
            assert_no_longer_values(sender);
        }
        for (origin, reader) in stage.handles(Queue::options().read(true)) {
            stage.assert_forms((origin, &reader), &to_receive, too_small, is_empty);
            stage.assert_direction((origin, &reader), &to_send, too_long.0);
            let small: Result<MessageBuffer<{ SIZE - 1 }>> = reader.buffer();
            assert_eq!(small.unwrap_err().kind(), BufferTooSmall, "buffer, {origin}");
            let reader = Sender::try_from(reader).map(drop).unwrap_err();
            assert_eq!(reader.error.kind(), BadDescriptor, "Sender::try_from, {origin}");
            let receiver = Receiver::try_from(reader.value).unwrap();
            let forms: Vec<Form<Receiver<Queue>>> = receiving!(Receiver<Queue>);
            stage.assert_forms((origin, &receiver), &forms, too_small, is_empty);
            assert_no_shorter_values(receiver);
        }
        super::assert_own_calls(&stage.queue, SIZE);
    }
}

/// Typed ends look at the length when they are made, so none of their calls can have a wrong one.
#[cfg(feature = "zerocopy")]
fn assert_no_longer_values(sender: Sender<Queue>) {
    let refused = rawipc::TypedSender::<[u8; SIZE + 1], Queue>::new(sender).unwrap_err();
    assert_eq!(refused.error.kind(), ErrorKind::InvalidInput, "TypedSender::new");
}

#[cfg(feature = "zerocopy")]
fn assert_no_shorter_values(receiver: Receiver<Queue>) {
    let refused = rawipc::TypedReceiver::<[u8; SIZE - 1], Queue>::new(receiver).unwrap_err();
    assert_eq!(refused.error.kind(), ErrorKind::InvalidInput, "TypedReceiver::new");
}

#[cfg(not(feature = "zerocopy"))]
fn assert_no_longer_values(_: Sender<Queue>) {}

#[cfg(not(feature = "zerocopy"))]
fn assert_no_shorter_values(_: Receiver<Queue>) {}
