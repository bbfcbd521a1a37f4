//! The standard library's source, for targets of which the toolchain has no compiled one.
//!
//! It belongs into the toolchain. What lies there already is used, as `rustup component add rust-src` puts it there.
//! Else it is taken from Debian's package `rust-src` of exactly this version, which the machine's own release need not
//! have.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::apt::Apt;
use crate::{toolchain, workspace};

/// The suite that has new compilers for a Debian release.
const SUITE: &str = "trixie-backports";

/// Says in the copied source which compiler it is of: rustup does not know of it and leaves it behind at an update.
const MARK: &str = "copied-by-xtask";

pub fn install(shell: &Shell) -> Result<()> {
    let release = toolchain::release(shell)?;
    let library = toolchain::sysroot(shell)?.join("lib/rustlib/src/rust/library");
    if library.join("Cargo.lock").exists() {
        match fs::read_to_string(library.join(MARK)) {
            Ok(copied) if copied != release => fs::remove_dir_all(&library)?,
            _ => return Ok(()),
        }
    }
    let source = from_debian(shell, &release).with_context(|| {
        format!(
            "the standard library's source of {release} is missing; elsewhere `rustup component add rust-src` adds it"
        )
    })?;
    copy(shell, &source, &library, &release)?;
    Ok(shell.remove_path(workspace().join("apt"))?)
}

/// Copies under another name first, so that a half copy is never taken for a whole one.
fn copy(shell: &Shell, source: &Path, library: &Path, release: &str) -> Result<()> {
    let partial = library.with_extension("partial");
    let parent = library.parent().context("the toolchain's folder is no root")?;
    shell.remove_path(&partial)?;
    shell.create_dir(parent)?;
    cmd!(shell, "cp -r {source} {partial}").run()?;
    fs::write(partial.join(MARK), release)?;
    fs::rename(&partial, library)?;
    Ok(())
}

/// Downloads and unpacks the package; returns the folder of the library.
fn from_debian(shell: &Shell, release: &str) -> Result<PathBuf> {
    let apt = Apt::new(shell, "apt", &[SUITE])?;
    let versions = apt.versions("rust-src")?;
    let ours = |version: &&String| version.strip_prefix(release).is_some_and(|rest| rest.starts_with(['+', '-', '~']));
    let version = versions.iter().find(ours).with_context(|| format!("{SUITE} has only {versions:?}"))?;
    let library = apt.unpack(&[format!("rust-src={version}")])?.join(format!("usr/src/rustc-{release}/library"));
    ensure!(library.join("Cargo.lock").exists(), "the package has no {}", library.display());
    Ok(library)
}
