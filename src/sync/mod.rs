//! Synchronization in shared memory that survives the death of any process.

mod lock;
#[cfg(all(test, loom))]
pub(crate) mod loom_tests;
mod mutex;
mod peers;

pub(crate) use lock::{Acquired, Liveness, Lock};
pub use mutex::{RobustGuard, RobustMutex};
pub(crate) use peers::{Peer, PeerId, PeerTable, Peers, count, error_of};
