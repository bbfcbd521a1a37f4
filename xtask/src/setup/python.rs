//! The Python peer, and a C compiler with a musl of its own: an environment with packages of PyPI's.

use std::path::PathBuf;

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::workspace;

/// What the tests need, each with its version.
const PACKAGES: [&str; 2] = ["posix_ipc==1.3.2", "ziglang==0.17.1"];

/// The interpreter that the tests start.
pub fn python() -> PathBuf {
    workspace().join("venv/bin/python")
}

pub fn install(shell: &Shell) -> Result<()> {
    let python = python();
    if is_complete(shell)? {
        return Ok(());
    }
    let environment = workspace().join("venv");
    cmd!(shell, "python3 -m venv --clear {environment}").run().context("no Python environment can be made")?;
    let packages = PACKAGES.join(", ");
    cmd!(shell, "{python} -m pip install --quiet {PACKAGES...}")
        .run()
        .with_context(|| format!("{packages} cannot be installed"))?;
    anyhow::ensure!(is_complete(shell)?, "{packages} are installed, but cannot be found");
    Ok(())
}

/// Whether these very versions are there.
fn is_complete(shell: &Shell) -> Result<bool> {
    let python = python();
    if !python.exists() {
        return Ok(false);
    }
    let frozen = cmd!(shell, "{python} -m pip freeze").quiet().ignore_stderr().read()?;
    Ok(PACKAGES.iter().all(|package| frozen.lines().any(|line| line == *package)))
}
