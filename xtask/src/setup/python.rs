//! The Python peer: an environment of our own with `posix_ipc`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::workspace;

const POSIX_IPC: &str = "posix_ipc==1.3.2";

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
    cmd!(shell, "{python} -m pip install --quiet {POSIX_IPC}").run().context("posix_ipc cannot be installed")?;
    anyhow::ensure!(is_complete(shell)?, "posix_ipc is installed, but cannot be imported");
    Ok(())
}

fn is_complete(shell: &Shell) -> Result<bool> {
    let python = python();
    if !python.exists() {
        return Ok(false);
    }
    let output = cmd!(shell, "{python} -c 'import posix_ipc; print(posix_ipc.__version__)'").quiet().ignore_status();
    let version = String::from_utf8(output.output()?.stdout)?;
    Ok(POSIX_IPC.ends_with(&format!("=={}", version.trim())))
}
