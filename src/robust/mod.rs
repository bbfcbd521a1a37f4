//! A lock in shared memory that survives its holder.

mod lock;
#[cfg(all(test, loom))]
pub(crate) mod loom_tests;
mod mutex;
mod once;
mod owner;
mod participant;
mod presence;
mod table;

pub(crate) use lock::{Lock, Others, Taken};
pub use mutex::{RobustGuard, RobustMutex};
pub(crate) use owner::Owner;
pub(crate) use participant::{Everybody, Participant, count, error_of};
pub(crate) use table::Table;
