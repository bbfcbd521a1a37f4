//! What the checks need beyond a Rust toolchain: looked for, installed if it is missing, else named in an error.

mod debian;
mod python;
mod rust_src;

use anyhow::Result;
use xshell::Shell;

use crate::steps::Steps;

pub use debian::install_one;
pub use python::python;
pub use rust_src::install as standard_library_source;

pub fn all(shell: &Shell, steps: &mut Steps) -> Result<()> {
    steps.run("setup: Debian packages", || debian::install(shell, debian::NEEDS))?;
    steps.run("setup: Python packages", || python::install(shell))?;
    steps.run("setup: the standard library's source", || standard_library_source(shell))
}

/// What the benches compare with.
pub fn for_benches(shell: &Shell, steps: &mut Steps) -> Result<()> {
    steps.run("setup: Debian packages", || {
        debian::install(shell, debian::NEEDS)?;
        debian::install(shell, debian::OF_BENCHES)
    })?;
    steps.run("setup: Python packages", || python::install(shell))
}
