//! The message queues of the kernel.

pub mod buffers;
pub mod descriptor;
pub mod fork_exec;
pub mod kill;
pub mod message_queue;
pub mod names;
pub mod nonblocking;
pub mod options;
pub mod ownership;
pub mod peers;
pub mod processes;
pub mod signals;
pub mod status;
pub mod tracing;

use crate::harness::{Role, Test};

pub const ROLES: &[&[Role]] = &[fork_exec::ROLES, kill::ROLES, processes::ROLES, tracing::ROLES];

pub fn tests() -> Vec<Test> {
    let tests = [
        buffers::tests(),
        #[cfg(feature = "alloc")]
        buffers::vectors::tests(),
        descriptor::tests(),
        fork_exec::tests(),
        kill::tests(),
        message_queue::tests(),
        names::tests(),
        nonblocking::tests(),
        options::tests(),
        ownership::tests(),
        peers::c::tests(),
        peers::python::tests(),
        processes::tests(),
        signals::tests(),
        status::tests(),
        tracing::tests(),
    ];
    tests.into_iter().flatten().collect()
}
