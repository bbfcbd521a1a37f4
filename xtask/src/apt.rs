//! Debian's packages for the checks alone: downloaded and unpacked, never installed.
//!
//! apt is run with lists and sources of its own, so the machine's are left as they are, and the release can be another.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::workspace;

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

pub struct Apt<'shell> {
    shell: &'shell Shell,
    folder: PathBuf,
    settings: Vec<String>,
}

impl<'shell> Apt<'shell> {
    /// Reads what these suites have. All is kept in a folder of this name.
    pub fn new(shell: &'shell Shell, name: &str, suites: &[&str]) -> Result<Self> {
        Self::with_settings(shell, name, suites, Vec::new())
    }

    /// Like `new`, for packages of another architecture, as Debian calls it.
    pub fn of_architecture(shell: &'shell Shell, name: &str, suites: &[&str], architecture: &str) -> Result<Self> {
        let settings = ["APT::Architecture", "APT::Architectures"].map(|setting| format!("{setting}={architecture}"));
        Self::with_settings(shell, name, suites, settings.into())
    }

    fn with_settings(shell: &'shell Shell, name: &str, suites: &[&str], more: Vec<String>) -> Result<Self> {
        let folder = workspace().join(name);
        let sources = folder.join("sources.list");
        shell.remove_path(&folder)?;
        for part in ["lists/partial", "cache/archives/partial", "packages"] {
            shell.create_dir(folder.join(part))?;
        }
        let mirror = mirror(shell)?;
        let lines = suites.iter().map(|suite| format!("deb [signed-by={KEYRING}] {mirror} {suite} main\n"));
        fs::write(&sources, lines.collect::<String>())?;
        // As if nothing were installed: that may be of another architecture.
        fs::write(folder.join("status"), "")?;
        let settings = [
            format!("Dir::State::status={}", folder.join("status").display()),
            format!("Dir::Etc::sourcelist={}", sources.display()),
            "Dir::Etc::sourceparts=-".into(),
            format!("Dir::State::lists={}", folder.join("lists").display()),
            format!("Dir::Cache={}", folder.join("cache").display()),
            // As root, apt would download as a user who may not write here.
            "APT::Sandbox::User=root".into(),
        ];
        let settings = settings.iter().chain(&more).map(|setting| format!("--option={setting}")).collect();
        let apt = Self { shell, folder, settings };
        let settings = &apt.settings;
        cmd!(shell, "apt-get {settings...} --quiet --quiet update").run()?;
        Ok(apt)
    }

    /// The versions of a package.
    pub fn versions(&self, package: &str) -> Result<Vec<String>> {
        let Self { shell, settings, .. } = self;
        let versions = cmd!(shell, "apt-cache {settings...} madison {package}").read()?;
        Ok(versions.lines().filter_map(|line| Some(line.split('|').nth(1)?.trim().to_owned())).collect())
    }

    /// A package and all that it depends on.
    pub fn with_dependencies(&self, package: &str) -> Result<Vec<String>> {
        let Self { shell, settings, .. } = self;
        let tree = cmd!(shell, "apt-cache {settings...} depends --recurse --important {package}").read()?;
        Ok(tree.lines().filter(|line| !line.starts_with([' ', '<', '|'])).map(str::to_owned).collect())
    }

    /// Downloads packages, each given by its name or as `NAME=VERSION`; returns the folder that they are unpacked into.
    pub fn unpack(&self, packages: &[String]) -> Result<PathBuf> {
        let Self { shell, folder, settings } = self;
        let downloads = folder.join("packages");
        let _folder = shell.push_dir(&downloads);
        cmd!(shell, "apt-get {settings...} --quiet --quiet download {packages...}").run()?;
        let unpacked = folder.join("unpacked");
        for package in shell.read_dir(&downloads)? {
            cmd!(shell, "dpkg -x {package} {unpacked}").quiet().run()?;
        }
        shell.remove_path(&downloads)?;
        ensure!(unpacked.is_dir(), "nothing was downloaded");
        Ok(unpacked)
    }

    /// The folder of what has been downloaded.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Where this machine gets Debian's packages from.
fn mirror(shell: &Shell) -> Result<String> {
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let codename = system.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let codename = codename.context("this machine is no Debian")?;
    let format = "$(REPO_URI) $(RELEASE)";
    let targets = cmd!(shell, "apt-get indextargets --format {format} 'Created-By: Packages'").quiet().read()?;
    let mut mirrors = targets.lines().filter_map(|line| line.strip_suffix(codename)?.strip_suffix(' '));
    mirrors.next().map(str::to_owned).with_context(|| format!("apt has no source of {codename}"))
}
