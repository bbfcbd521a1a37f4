//! apt with sources and lists of its own: for packages of another release or architecture than the machine's, whose own
//! settings are left as they are.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The packages of one suite.
pub struct Apt<'shell> {
    shell: &'shell Shell,
    folder: PathBuf,
    settings: Vec<String>,
}

impl<'shell> Apt<'shell> {
    /// Gets the lists of a suite; of the machine's own architecture, or of another one. Everything is kept in the
    /// folder, which is emptied before.
    pub fn new(shell: &'shell Shell, folder: &Path, suite: &str, architecture: Option<&str>) -> Result<Self> {
        let sources = folder.join("sources.list");
        shell.remove_path(folder)?;
        for part in ["lists/partial", "cache/archives/partial"] {
            shell.create_dir(folder.join(part))?;
        }
        fs::write(&sources, format!("deb [signed-by={KEYRING}] {} {suite} main\n", mirror(shell)?))?;
        // No package is installed as far as this apt knows.
        fs::write(folder.join("status"), "")?;

        let mut settings = vec![
            format!("Dir::Etc::sourcelist={}", sources.display()),
            "Dir::Etc::sourceparts=-".into(),
            format!("Dir::State::lists={}", folder.join("lists").display()),
            format!("Dir::State::status={}", folder.join("status").display()),
            format!("Dir::Cache={}", folder.join("cache").display()),
            // As root, apt would download as a user who may not write here.
            "APT::Sandbox::User=root".into(),
        ];
        if let Some(architecture) = architecture {
            settings.push(format!("APT::Architecture={architecture}"));
            settings.push(format!("APT::Architectures={architecture}"));
        }
        let settings = settings.iter().map(|setting| format!("--option={setting}")).collect();
        let apt = Self { shell, folder: folder.to_owned(), settings };
        let settings = &apt.settings;
        cmd!(shell, "apt-get {settings...} --quiet update").run().context("Debian's package lists cannot be had")?;
        Ok(apt)
    }

    /// The versions there are of a package.
    pub fn versions(&self, package: &str) -> Result<Vec<String>> {
        let (shell, settings) = (self.shell, &self.settings);
        let table = cmd!(shell, "apt-cache {settings...} madison {package}").read()?;
        Ok(table.lines().filter_map(|line| Some(line.split('|').nth(1)?.trim().to_owned())).collect())
    }

    /// The first package that another one depends on: what a package without content stands for.
    pub fn first_dependency(&self, package: &str) -> Result<String> {
        let (shell, settings) = (self.shell, &self.settings);
        let list = cmd!(shell, "apt-cache {settings...} depends {package}").read()?;
        let name = list.lines().find_map(|line| line.trim_start().strip_prefix("Depends: "));
        name.map(str::to_owned).with_context(|| format!("{package} depends on nothing"))
    }

    /// Downloads a package (or `PACKAGE=VERSION`) and unpacks it; returns the folder of its files.
    pub fn unpack(&self, package: &str) -> Result<PathBuf> {
        let (shell, settings) = (self.shell, &self.settings);
        let _folder = shell.push_dir(&self.folder);
        cmd!(shell, "apt-get {settings...} --quiet download {package}").run()?;
        let files = shell.read_dir(&self.folder)?.into_iter();
        let files: Vec<_> = files.filter(|path| path.extension().is_some_and(|extension| extension == "deb")).collect();
        ensure!(files.len() == 1, "{package} is not one file, but {files:?}");
        cmd!(shell, "dpkg -x {files...} unpacked").run()?;
        Ok(self.folder.join("unpacked"))
    }
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
