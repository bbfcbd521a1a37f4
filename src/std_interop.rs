//! Conversions to and from `std`'s types (feature `std`).

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::TransferError;
use crate::error::{Cause, Error, ErrorKind, RejectedError};
use crate::time::{Deadline, Time};

impl From<Error> for io::Error {
    /// Keeps the errno, or the whole error where it knows more than the errno: then it is the `io::Error`'s inner
    /// error.
    ///
    /// Errors that steer a program (would block, timed out, interrupted) never allocate.
    fn from(error: Error) -> Self {
        if error.cause() == Cause::System {
            return Self::from_raw_os_error(error.errno().raw_os_error());
        }
        let kind = match error.kind() {
            ErrorKind::InvalidName
            | ErrorKind::InvalidInput
            | ErrorKind::MessageTooLong
            | ErrorKind::BufferTooSmall => io::ErrorKind::InvalidInput,
            ErrorKind::LimitExceeded(_) => io::ErrorKind::QuotaExceeded,
            ErrorKind::Malformed => io::ErrorKind::InvalidData,
            ErrorKind::Unsupported => io::ErrorKind::Unsupported,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

impl From<TransferError> for io::Error {
    fn from(error: TransferError) -> Self {
        error.error.into()
    }
}

impl<T> From<RejectedError<T>> for io::Error {
    fn from(error: RejectedError<T>) -> Self {
        error.error.into()
    }
}

impl From<SystemTime> for Deadline {
    /// A moment of the wall clock.
    fn from(time: SystemTime) -> Self {
        let epoch = Time::ZERO;
        match time.duration_since(UNIX_EPOCH) {
            Ok(since) => Self::Realtime(epoch.saturating_add(since)),
            // Before 1970 is as past as 1970.
            Err(_) => Self::Realtime(epoch),
        }
    }
}
