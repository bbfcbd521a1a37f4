//! The protocol of the shared queue, as the loom models see it: layout, order, lock, waiting, recovery.

pub(super) mod arming;
pub(super) mod guard;
pub(super) mod layout;
#[cfg(all(test, loom))]
mod loom_tests;
pub(super) mod priority_order;
pub(super) mod recovery;
pub(super) mod session;
pub(super) mod slot_state;
pub(super) mod view;
mod wait;
pub(super) mod wait_limit;
