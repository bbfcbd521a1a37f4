//! Pages about more than one item. They are part of the documentation alone: a program has nothing to import here.

// What the pages link to.
#[allow(unused_imports)]
use super::error::Limit;
use super::inspect::{Limits, Listing, Platform};
use super::semaphore::abi::Abi;
use super::shared_queue::{Doorbell, InFlight};
use super::{
    ErrorKind, MessageQueue, NamedSemaphore, NotificationSocket, RobustMutex, Semaphore, Shared, SharedMemory,
    SharedQueue, WaitTuning, fd,
};

#[doc = include_str!("../docs/deployment.md")]
pub mod deployment {}

#[doc = include_str!("../docs/guarantees.md")]
pub mod guarantees {}

#[doc = include_str!("../docs/migration.md")]
pub mod migration {}

#[doc = include_str!("../docs/real-time.md")]
pub mod real_time {}

#[doc = include_str!("../SECURITY.md")]
pub mod security {}
