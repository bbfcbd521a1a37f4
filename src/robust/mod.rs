//! A lock in shared memory that survives its holder.

mod lock;
mod mutex;
mod owner;
mod participant;
mod presence;

pub use mutex::{RobustGuard, RobustMutex};
