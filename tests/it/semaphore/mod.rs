//! Semaphores, in memory and by name.

pub mod c;
pub mod calls;
pub mod errors;
pub mod images;
pub mod interop;
pub mod kills;
pub mod machine;
pub mod malformed;
pub mod memory;
pub mod named;
pub mod peers;
pub mod races;
pub mod sandbox;
pub mod static_programs;
pub mod stress;
pub mod support;
pub mod time;

use crate::harness::{Role, Test};

pub const ROLES: &[&[Role]] = &[calls::ROLES, kills::ROLES, races::ROLES, stress::ROLES, time::ROLES];

pub fn tests() -> Vec<Test> {
    let tests = [
        c::tests(),
        calls::tests(),
        errors::tests(),
        images::tests(),
        interop::tests(),
        kills::tests(),
        machine::tests(),
        malformed::tests(),
        memory::tests(),
        named::tests(),
        races::tests(),
        sandbox::tests(),
        static_programs::tests(),
        time::tests(),
    ];
    tests.into_iter().flatten().collect()
}
