//! Shared memory, and the values in it.

pub mod anonymous;
pub mod bytes;
pub mod errors;
pub mod full;
pub mod hostile;
pub mod mapping;
pub mod objects;
pub mod ownership;
pub mod peers;
pub mod race;
pub mod remap;
pub mod resize;
pub mod shared;
pub mod sizes;
pub mod support;
pub mod tracing;

use crate::harness::{Role, Test};

pub const ROLES: &[&[Role]] = &[anonymous::ROLES, race::ROLES, tracing::ROLES];

pub fn tests() -> Vec<Test> {
    let tests = [
        anonymous::tests(),
        bytes::tests(),
        errors::tests(),
        full::tests(),
        hostile::tests(),
        mapping::tests(),
        objects::tests(),
        ownership::tests(),
        peers::tests(),
        peers::c::tests(),
        peers::posix_ipc::tests(),
        peers::multiprocessing::tests(),
        race::tests(),
        remap::tests(),
        resize::tests(),
        shared::tests(),
        sizes::tests(),
        tracing::tests(),
    ];
    tests.into_iter().flatten().collect()
}
