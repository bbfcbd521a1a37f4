//! The standard library's source, for targets of which the toolchain has no compiled one.
//!
//! It belongs into the toolchain. What lies there already is used, as `rustup component add rust-src` puts it there.
//! Else it is taken from Debian's package `rust-src` of exactly this version, which the machine's own release need not
//! have: apt is run with lists and sources of its own, so the machine's are left as they are.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::{toolchain, workspace};

/// The suite that has new compilers for a Debian release.
const SUITE: &str = "trixie-backports";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

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
    let apt = workspace().join("apt");
    let sources = apt.join("sources.list");
    shell.remove_path(&apt)?;
    for folder in ["lists/partial", "cache/archives/partial"] {
        shell.create_dir(apt.join(folder))?;
    }
    fs::write(&sources, format!("deb [signed-by={KEYRING}] {} {SUITE} main\n", mirror(shell)?))?;

    let settings = [
        format!("Dir::Etc::sourcelist={}", sources.display()),
        "Dir::Etc::sourceparts=-".into(),
        format!("Dir::State::lists={}", apt.join("lists").display()),
        format!("Dir::Cache={}", apt.join("cache").display()),
        // As root, apt would download as a user who may not write here.
        "APT::Sandbox::User=root".into(),
    ];
    let settings = &settings.map(|setting| format!("--option={setting}"));
    cmd!(shell, "apt-get {settings...} --quiet update").run()?;
    let versions = cmd!(shell, "apt-cache {settings...} madison rust-src").read()?;
    let versions = versions.lines().filter_map(|line| line.split('|').nth(1)).map(str::trim);
    let ours = |version: &&str| version.strip_prefix(release).is_some_and(|rest| rest.starts_with(['+', '-', '~']));
    let version = versions.clone().find(ours);
    let version = version.with_context(|| format!("{SUITE} has only {:?}", versions.collect::<Vec<_>>()))?;

    let _folder = shell.push_dir(&apt);
    cmd!(shell, "apt-get {settings...} --quiet download rust-src={version}").run()?;
    let packages = shell.read_dir(&apt)?.into_iter().filter(|path| path.extension().is_some_and(|ext| ext == "deb"));
    let packages: Vec<_> = packages.collect();
    cmd!(shell, "dpkg -x {packages...} unpacked").run()?;
    let library = apt.join(format!("unpacked/usr/src/rustc-{release}/library"));
    ensure!(library.join("Cargo.lock").exists(), "the package has no {}", library.display());
    Ok(library)
}

/// Where this machine gets Debian's packages from.
fn mirror(shell: &Shell) -> Result<String> {
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let codename = system.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let codename = codename.context("this machine is no Debian")?;
    let format = "$(REPO_URI) $(RELEASE)";
    let targets = cmd!(shell, "apt-get indextargets --format {format} 'Created-By: Packages'").read()?;
    let mut mirrors = targets.lines().filter_map(|line| line.strip_suffix(codename)?.strip_suffix(' '));
    mirrors.next().map(str::to_owned).with_context(|| format!("apt has no source of {codename}"))
}
