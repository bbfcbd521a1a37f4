//! An error together with what the program was about to do.

use core::fmt::{self, Debug, Display, Formatter};

use super::Error;

/// An error with something in front of it that says where it happened, such as a name. Returned by [`Error::context`].
#[derive(Clone, Copy)]
pub struct ContextError<C> {
    /// What stands in front of the error.
    pub context: C,
    /// Why the call failed.
    pub error: Error,
}

impl Error {
    /// Puts something in front of the error, such as the name of the object. No allocation.
    ///
    /// ```
    /// use rawipc::error::ContextError;
    /// use rawipc::{MessageQueue, NameBuf, name};
    /// fn open(name: NameBuf) -> Result<MessageQueue, ContextError<NameBuf>> {
    ///     MessageQueue::options().read(true).open(&name).map_err(|error| error.context(name))
    /// }
    /// let error = open(name!("/rawipc-doc-missing").into()).unwrap_err();
    /// assert_eq!(error.to_string(), "/rawipc-doc-missing: opening the queue: no object has this name (ENOENT)");
    /// ```
    #[must_use]
    pub const fn context<C>(self, context: C) -> ContextError<C> {
        ContextError { context, error: self }
    }
}

impl<C: Display> Display for ContextError<C> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.context, self.error)
    }
}

impl<C: Debug> Debug for ContextError<C> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ContextError").field("context", &self.context).field("error", &self.error).finish()
    }
}

impl<C: Debug + Display> core::error::Error for ContextError<C> {}

impl<C> From<ContextError<C>> for Error {
    fn from(error: ContextError<C>) -> Self {
        error.error
    }
}
