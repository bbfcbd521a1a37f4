//! All that must hold before a release, checked. Then the commands that make it are shown, for a person to type.

use std::fs;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::steps::Steps;
use crate::{dist, manual, msrv, root, setup, toolchain, workspace};

pub fn check(shell: &Shell, steps: &mut Steps) -> Result<()> {
    let version = manifest_value("version")?;
    steps.run("release: nothing is uncommitted", || {
        let changes = cmd!(shell, "git status --porcelain").read()?;
        ensure!(changes.is_empty(), "commit or remove:\n{changes}");
        Ok(())
    })?;
    steps.run("release: version and changelog", || {
        ensure!(changelog_has(&fs::read_to_string(root().join("CHANGELOG.md"))?, &version), "{}", heading(&version));
        let tags = cmd!(shell, "git tag --list v{version}").read()?;
        ensure!(tags.is_empty(), "the tag v{version} is there already");
        Ok(())
    })?;
    crate::ci(shell, steps)?;
    steps.run("release: documentation as docs.rs builds it", || docs_rs(shell))?;
    steps.run("release: the package's own tests", || package_tests(shell))?;
    msrv::check(shell, steps)?;
    // Before the programs, whose checksums are made with its own.
    steps.run("release: manual and completions", || manual::write(shell))?;
    dist::all(shell, steps, None)?;
    println!(
        "\nAll holds. To release {version}:\n  git tag --annotate v{version} --message 'rawipc {version}'\n  \
         git push origin v{version}\n  cargo publish --package rawipc\n  cargo publish --package rawipc-cli\n\
         and put the files of target/dist beside the tag."
    );
    Ok(())
}

/// What the changelog must have for this version.
fn heading(version: &str) -> String {
    format!("CHANGELOG.md needs the heading `## [{version}] - YYYY-MM-DD` with a date, and a link for it")
}

fn changelog_has(changelog: &str, version: &str) -> bool {
    let date = changelog.lines().find_map(|line| line.strip_prefix(&format!("## [{version}] - ")));
    let is_date = |date: &str| {
        let parts: Vec<&str> = date.split('-').collect();
        parts.iter().map(|part| part.len()).eq([4, 2, 2]) && parts.iter().all(|part| part.parse::<u16>().is_ok())
    };
    date.is_some_and(is_date) && changelog.lines().any(|line| line.starts_with(&format!("[{version}]: https://")))
}

/// With the features, targets and flags that docs.rs takes from our manifest. Its own compiler is a nightly one; ours
/// may do the same by `RUSTC_BOOTSTRAP`.
pub fn docs_rs(shell: &Shell) -> Result<()> {
    let (target_dir, host) = (workspace().join("docs.rs"), toolchain::host(shell)?);
    let others = manifest_value("targets")?;
    let others = others.trim_matches(['[', ']']).split(", ").map(|name| name.trim_matches('"').to_owned());
    for target in std::iter::once(manifest_value("default-target")?).chain(others) {
        // Of other targets the toolchain has no standard library.
        let library = (target != host).then_some("-Zbuild-std=std");
        let options = ["--target-dir".as_ref(), target_dir.as_os_str(), "--target".as_ref(), target.as_ref()];
        let flags = ["--cfg=docsrs", "-Dwarnings"];
        cmd!(shell, "cargo rustdoc --quiet --lib --all-features {options...} {library...} -- {flags...}")
            .env("RUSTC_BOOTSTRAP", "1")
            .run()?;
    }
    Ok(())
}

/// What a distribution does with a package: unpacks it anywhere and runs its tests.
pub fn package_tests(shell: &Shell) -> Result<()> {
    let version = manifest_value("version")?;
    cmd!(shell, "cargo package --quiet --no-verify --allow-dirty --package rawipc").run()?;
    let package = root().join(format!("target/package/rawipc-{version}.crate"));
    let folder = shell.create_temp_dir()?;
    let unpacked = folder.path();
    cmd!(shell, "tar --extract --file {package} --directory {unpacked} --strip-components 1").run()?;
    let _folder = shell.push_dir(unpacked);
    let target = workspace().join("package");
    let tests = cmd!(shell, "cargo test --quiet --all-features --target-dir {target}");
    // What only the repository has, they may lack.
    Ok(tests.env("RAWIPC_PYTHON", setup::python()).run()?)
}

/// The first value of this key in our manifest, without quotation marks.
fn manifest_value(key: &str) -> Result<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml"))?;
    let value = manifest.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
    let value = value.with_context(|| format!("Cargo.toml has no `{key}`"))?;
    Ok(value.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_in_the_changelog_with_its_date() {
        let right = "## [1.2.3] - 2026-01-31\n[1.2.3]: https://example.com/";
        assert!(changelog_has(right, "1.2.3"));
        for (part, wrong) in [("1.2.3] -", "1.2.3]"), ("2026-01-31", "unreleased"), ("[1.2.3]: ", ""), ("-31", "")] {
            assert!(!changelog_has(&right.replace(part, wrong), "1.2.3"), "{wrong:?} in place of {part:?}");
        }
    }
}
