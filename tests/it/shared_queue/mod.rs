//! Queues in shared memory.

pub mod bells;
pub mod bounds;
pub mod calls;
pub mod damage;
pub mod doorbell;
pub mod hostile;
pub mod in_place;
pub mod kills;
pub mod like_a_queue;
pub mod objects;
pub mod order;
pub mod peers;
pub mod steps;
pub mod support;

use crate::harness::{Role, Test};

pub const ROLES: &[&[Role]] = &[calls::ROLES, kills::ROLES, peers::ROLES, steps::ROLES];

pub fn tests() -> Vec<Test> {
    let tests = [
        bells::tests(),
        bounds::tests(),
        calls::tests(),
        damage::tests(),
        doorbell::tests(),
        hostile::tests(),
        in_place::tests(),
        kills::tests(),
        like_a_queue::tests(),
        objects::tests(),
        order::tests(),
        peers::tests(),
        steps::tests(),
    ];
    tests.into_iter().flatten().collect()
}
