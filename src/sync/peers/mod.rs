//! The peers attached to an object in shared memory, and which of them live.

mod id;
mod liveness_token;
pub(super) mod once;
mod peer;
pub(super) mod table;

pub(crate) use id::PeerId;
pub(crate) use peer::{Peer, Peers, count, error_of};
pub(crate) use table::PeerTable;
