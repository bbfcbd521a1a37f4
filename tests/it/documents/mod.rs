//! What the documents say.

pub mod migration;
mod namespaces;

use crate::harness::Test;

pub fn tests() -> Vec<Test> {
    [migration::tests(), namespaces::tests()].into_iter().flatten().collect()
}
