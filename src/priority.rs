//! Priorities of messages.

use core::fmt;

use crate::error::{Argument, Error, Operation, Result};

/// A message's priority: 0 to 32767, higher ones are received first, equal ones in the order they were sent.
///
/// ```
/// use rawipc::Priority;
/// assert!(Priority::new(32_768).is_err());
/// assert!(Priority::MIN < Priority::from(3u8) && Priority::from(3u8) < Priority::MAX);
/// ```
#[doc(alias = "MQ_PRIO_MAX")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(u16);

impl Priority {
    /// The lowest priority, 0: what a message has that needs none.
    pub const MIN: Self = Self(0);
    /// The highest priority, 32767 (`MQ_PRIO_MAX` − 1).
    #[doc(alias = "QUEUE_PRIORITY_MAX")]
    pub const MAX: Self = Self(32_767);

    /// Checks a priority.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) above 32767.
    pub const fn new(priority: u32) -> Result<Self> {
        if priority > Self::MAX.0 as u32 {
            Err(Error::argument(Operation::MakePriority, Argument::Priority, priority))
        } else {
            Ok(Self(priority as u16))
        }
    }

    /// Returns the number.
    #[must_use]
    #[inline]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// What the kernel gave with a message; it never gives more than the maximum.
    #[inline]
    pub(crate) const fn of_kernel(priority: u32) -> Self {
        Self(priority as u16)
    }
}

impl From<u8> for Priority {
    #[inline]
    fn from(priority: u8) -> Self {
        Self(priority.into())
    }
}

impl TryFrom<u32> for Priority {
    type Error = Error;

    fn try_from(priority: u32) -> Result<Self> {
        Self::new(priority)
    }
}

impl From<Priority> for u32 {
    #[inline]
    fn from(priority: Priority) -> Self {
        priority.0.into()
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
