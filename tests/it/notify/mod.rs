//! Notification: being told that a message arrived.

pub mod errors;
pub mod fork;
pub mod producers;
pub mod registration;
pub mod signal;
pub mod socket;
pub mod support;
#[cfg(feature = "std")]
pub mod thread;
pub mod wait;

use crate::harness::{Role, Test};

pub const ROLES: &[&[Role]] = &[producers::ROLES, support::ROLES];

pub fn tests() -> Vec<Test> {
    let tests = [
        errors::tests(),
        fork::tests(),
        producers::tests(),
        registration::tests(),
        signal::tests(),
        socket::tests(),
        #[cfg(feature = "std")]
        thread::tests(),
        wait::tests(),
    ];
    tests.into_iter().flatten().collect()
}
