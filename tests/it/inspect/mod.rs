//! Limits, lists, and looking at objects from outside.

pub mod limits;
pub mod limits_check;
pub mod limits_read;
pub mod linked;
pub mod list_files;
pub mod list_queues;
pub mod list_support;
pub mod monitoring;

use crate::harness::{Role, Test};

pub const ROLES: &[&[Role]] = &[list_files::ROLES, list_queues::ROLES];

pub fn tests() -> Vec<Test> {
    let tests = [
        limits::tests(),
        limits_check::tests(),
        limits_read::tests(),
        linked::tests(),
        list_files::tests(),
        list_queues::tests(),
        monitoring::tests(),
    ];
    tests.into_iter().flatten().collect()
}
