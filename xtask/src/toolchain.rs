//! What the installed Rust toolchain says of itself.

use anyhow::{Context, Result};
use std::path::PathBuf;
use xshell::{Shell, cmd};

/// The compiler's release, like `1.95.0`.
pub fn release(shell: &Shell) -> Result<String> {
    verbose_version(shell, "release")
}

/// The target that the compiler itself runs on.
pub fn host(shell: &Shell) -> Result<String> {
    verbose_version(shell, "host")
}

/// The LLVM that the compiler is made with, like `22.1.2`.
pub fn llvm(shell: &Shell) -> Result<String> {
    verbose_version(shell, "LLVM version")
}

/// The toolchain's folder.
pub fn sysroot(shell: &Shell) -> Result<PathBuf> {
    Ok(cmd!(shell, "rustc --print sysroot").quiet().read()?.into())
}

fn verbose_version(shell: &Shell, key: &str) -> Result<String> {
    let text = cmd!(shell, "rustc --version --verbose").quiet().read()?;
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
    value.map(str::to_owned).with_context(|| format!("`rustc --version --verbose` tells no {key}"))
}
