//! Synchronization in shared memory that survives the death of any process.

mod guard;
mod lock;
#[cfg(all(test, loom))]
pub(crate) mod loom_tests;
mod mutex;
mod peers;

pub use guard::{InconsistentGuard, Locked, RobustMutexGuard};
pub(crate) use lock::{Acquired, Liveness, Lock};
pub use mutex::RobustMutex;
pub(crate) use peers::{Peer, PeerId, PeerTable, Peers, count, error_of};
