//! Transfers of more than a message, whatever the queue.

use crate::buffer::{Buffer, Incoming};
use crate::error::{Error, ErrorKind, Result, TransferError};

/// What [`MessageQueue::try_receive_all`](crate::MessageQueue::try_receive_all) received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received<'buffer> {
    /// The messages, joined.
    pub payload: &'buffer [u8],
    /// Why it stopped there.
    pub stop: StopReason,
}

/// Why [`MessageQueue::try_receive_all`](crate::MessageQueue::try_receive_all) stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// An empty message came: the end of the stream.
    End,
    /// The queue is empty.
    Empty,
    /// The rest of the buffer could not hold the queue's longest message.
    Full,
}

/// Sends a payload in pieces that `send` accepts.
pub(crate) fn cut(
    payload: &[u8],
    size: impl FnOnce() -> Result<usize>,
    send: impl Fn(&[u8]) -> Result<()>,
) -> core::result::Result<(), TransferError> {
    if payload.is_empty() {
        return send(payload).map_err(TransferError::at(0));
    }
    let mut sent = 0;
    for chunk in payload.chunks(size().map_err(TransferError::at(0))?) {
        send(chunk).map_err(TransferError::at(sent))?;
        sent += chunk.len();
    }
    Ok(())
}

/// Returns how many bytes of a payload are sent by `count` messages of this size, the last one perhaps shorter; or why
/// the next one is not.
pub(crate) fn sent(
    payload: &[u8],
    size: usize,
    (count, failure): (usize, Option<Error>),
) -> core::result::Result<usize, TransferError> {
    let bytes = payload.len().min(count.saturating_mul(size));
    failure.map_or(Ok(bytes), |error| Err(TransferError { bytes, error }))
}

/// Joins in a buffer what `receive` receives, until it says why it stops.
pub(crate) fn join<'buffer, B: Buffer + ?Sized>(
    buffer: &'buffer mut B,
    receive: impl FnOnce(&mut Incoming<'buffer, B>) -> Result<StopReason>,
) -> core::result::Result<Received<'buffer>, TransferError> {
    let mut incoming = Incoming::new(buffer);
    let result = receive(&mut incoming);
    let payload = incoming.finish().payload();
    match result {
        Ok(stop) => Ok(Received { payload, stop }),
        Err(error) => Err(TransferError { bytes: payload.len(), error }),
    }
}

/// As much of a message as the queue's messages can hold, if sending all of it failed for its length; else the error.
pub(crate) fn what_fits(message: &[u8], error: Error) -> Result<&[u8]> {
    match (error.kind(), error.bounds()) {
        (ErrorKind::MessageTooLong, Some(bounds)) => Ok(message.get(..bounds.bound as usize).unwrap_or(message)),
        _ => Err(error),
    }
}
