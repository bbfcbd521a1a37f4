//! Transfers of more than a message, whatever the queue.

use core::fmt;

use crate::buffer::{Buffer, Incoming};
use crate::error::{Error, ErrorKind, Result};

/// A transfer of several messages that failed on its way, and how far it had got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Incomplete {
    /// How many bytes had been sent, or received into the start of the buffer, when it failed.
    pub bytes: usize,
    /// Why it failed.
    pub error: Error,
}

/// What [`MessageQueue::drain`](crate::MessageQueue::drain) received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained<'buffer> {
    /// The messages, joined.
    pub payload: &'buffer [u8],
    /// Why it stopped there.
    pub stop: Stop,
}

/// Why [`MessageQueue::drain`](crate::MessageQueue::drain) stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stop {
    /// An empty message came: the end of the stream.
    End,
    /// The queue is empty.
    Empty,
    /// The rest of the buffer could not hold the queue's longest message.
    Full,
}

/// Sends a payload in pieces of at most so many bytes, by a way to send one.
pub(crate) fn cut(
    payload: &[u8],
    size: impl FnOnce() -> Result<usize>,
    send: impl Fn(&[u8]) -> Result<()>,
) -> core::result::Result<(), Incomplete> {
    if payload.is_empty() {
        return send(payload).map_err(Incomplete::at(0));
    }
    let mut sent = 0;
    for chunk in payload.chunks(size().map_err(Incomplete::at(0))?) {
        send(chunk).map_err(Incomplete::at(sent))?;
        sent += chunk.len();
    }
    Ok(())
}

/// How many bytes of a payload are sent by so many messages of this size, the last one perhaps shorter; or why the next
/// one is not.
pub(crate) fn sent(
    payload: &[u8],
    size: usize,
    (count, failure): (usize, Option<Error>),
) -> core::result::Result<usize, Incomplete> {
    let bytes = payload.len().min(count.saturating_mul(size));
    failure.map_or(Ok(bytes), |error| Err(Incomplete { bytes, error }))
}

/// Joins in a buffer what `receive` receives, until it says why it stops.
pub(crate) fn join<'buffer, B: Buffer + ?Sized>(
    buffer: &'buffer mut B,
    receive: impl FnOnce(&mut Incoming<'buffer, B>) -> Result<Stop>,
) -> core::result::Result<Drained<'buffer>, Incomplete> {
    let mut incoming = Incoming::new(buffer);
    let result = receive(&mut incoming);
    let payload = incoming.finish().payload();
    match result {
        Ok(stop) => Ok(Drained { payload, stop }),
        Err(error) => Err(Incomplete { bytes: payload.len(), error }),
    }
}

/// As much of a message as the queue's messages can hold, if sending all of it failed for its length; else the error.
pub(crate) fn what_fits(message: &[u8], error: Error) -> Result<&[u8]> {
    match (error.kind(), error.bounds()) {
        (ErrorKind::MessageTooLong, Some(bounds)) => Ok(message.get(..bounds.bound as usize).unwrap_or(message)),
        _ => Err(error),
    }
}

impl Incomplete {
    pub(crate) fn at(bytes: usize) -> impl FnOnce(Error) -> Self {
        move |error| Self { bytes, error }
    }
}

impl fmt::Display for Incomplete {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "after {} bytes: {}", self.bytes, self.error)
    }
}

impl core::error::Error for Incomplete {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl From<Incomplete> for Error {
    fn from(incomplete: Incomplete) -> Self {
        incomplete.error
    }
}
