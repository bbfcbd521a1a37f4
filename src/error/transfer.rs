//! The error of a transfer of several messages.

use core::fmt;

use super::Error;

/// A transfer of several messages that failed on its way, and how far it had got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct TransferError {
    /// How many bytes had been sent, or received into the start of the buffer, when it failed.
    pub bytes: usize,
    /// Why it failed.
    pub error: Error,
}

impl TransferError {
    pub(crate) fn at(bytes: usize) -> impl FnOnce(Error) -> Self {
        move |error| Self { bytes, error }
    }
}

impl fmt::Display for TransferError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "after {} bytes: {}", self.bytes, self.error)
    }
}

impl core::error::Error for TransferError {}

impl From<TransferError> for Error {
    fn from(error: TransferError) -> Self {
        error.error
    }
}
