//! The error of a call that returns what it was given.

use core::fmt;

use super::Error;

/// An error, together with the value that the failed call had taken and returns.
#[derive(Debug)]
pub struct RejectedError<T> {
    /// Why the call failed.
    pub error: Error,
    /// What the call was given, unchanged.
    pub value: T,
}

impl<T> fmt::Display for RejectedError<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(formatter)
    }
}

impl<T: fmt::Debug> core::error::Error for RejectedError<T> {}

impl<T> From<RejectedError<T>> for Error {
    fn from(error: RejectedError<T>) -> Self {
        error.error
    }
}
