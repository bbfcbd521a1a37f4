//! The robust mutex, and who lives.

pub mod kills;
pub mod liveness;
pub mod liveness_locks;
pub mod lock_words;
pub mod robust_mutex;
pub mod signals;
pub mod support;
pub mod threads;
pub mod wait_signals;

use crate::harness::{Role, Test};

pub const ROLES: &[&[Role]] = &[kills::ROLES, support::ROLES, wait_signals::ROLES];

pub fn tests() -> Vec<Test> {
    let tests = [
        kills::tests(),
        liveness::tests(),
        liveness_locks::tests(),
        lock_words::tests(),
        robust_mutex::tests(),
        signals::tests(),
        threads::tests(),
        wait_signals::tests(),
    ];
    tests.into_iter().flatten().collect()
}
