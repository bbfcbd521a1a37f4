//! What the dependencies of everything here are: their licenses, where they come from, and that each is there once.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use spdx::{Expression, ParseMode};
use xshell::{Shell, cmd};

/// The workspaces.
const MANIFESTS: [&str; 4] =
    ["Cargo.toml", "fuzz/Cargo.toml", "tests/nostd/Cargo.toml", "tests/freestanding/Cargo.toml"];

/// Licences that put no duty on who uses the library beyond naming its authors.
const LICENCES: [&str; 4] = ["Apache-2.0", "MIT", "NCSA", "Unicode-3.0"];

/// Packages that are there in several versions, and why.
const SEVERAL: [(&str, &str); 1] = [("syn", "half of the derive macros in use have not gone on to version 3 yet")];

pub fn check(shell: &Shell) -> Result<()> {
    let mut faults = BTreeSet::new();
    for manifest in MANIFESTS {
        let tree = cmd!(
            shell,
            "cargo tree --locked --manifest-path {manifest} --workspace --all-features --target all
                --edges normal,build,dev --prefix none --format {FORMAT}"
        );
        let tree = tree.quiet().ignore_stderr().read()?;
        let packages: BTreeSet<&str> = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
        ensure!(packages.len() > 1, "{manifest}: `cargo tree` shows no packages");
        println!("{manifest}: {} packages", packages.len());
        faults.extend(of_packages(packages).into_iter().map(|fault| format!("{manifest}: {fault}")));
    }
    ensure!(faults.is_empty(), "{} faults:\n{}", faults.len(), Vec::from_iter(faults).join("\n"));
    Ok(())
}

/// The package, and its license.
const FORMAT: &str = "{p};{l}";

fn of_packages<'tree>(packages: impl IntoIterator<Item = &'tree str>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (package, license) in packages.into_iter().filter_map(|line| line.split_once(';')) {
        let mut words = package.split(' ');
        let (name, version) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        versions.entry(name).or_default().insert(version);
        // Only those of crates.io come without the place that they come from.
        match words.find(|word| *word != "(proc-macro)") {
            None if !is_allowed(license) => faults.push(format!("`{name}` has the license {license:?}")),
            None => {}
            Some(place) if place.starts_with("(/") => {}
            Some(place) => faults.push(format!("`{name}` comes from {place}")),
        }
    }
    let several = versions.iter().filter(|(_, versions)| versions.len() > 1);
    let unknown = several.filter(|(name, _)| !SEVERAL.iter().any(|(several, _)| several == *name));
    faults.extend(unknown.map(|(name, versions)| format!("`{name}` is there as {versions:?}")));
    faults
}

/// Whether a license expression can be met by the licenses that are allowed.
fn is_allowed(license: &str) -> bool {
    let Ok(expression) = Expression::parse_mode(license, ParseMode::LAX) else { return false };
    expression.evaluate(|requirement| {
        let name = requirement.license.id().map(|id| id.name);
        requirement.addition.is_none() && name.is_some_and(|name| LICENCES.contains(&name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licenses_are_understood() {
        let both = "(MIT OR Apache-2.0) AND Unicode-3.0";
        for allowed in ["MIT", "MIT OR Apache-2.0", "MIT/Apache-2.0", both, "GPL-2.0-only OR MIT"] {
            assert!(is_allowed(allowed), "{allowed}");
        }
        for refused in ["", "GPL-3.0-only", "MIT AND GPL-3.0-only", "Nobody knows"] {
            assert!(!is_allowed(refused), "{refused}");
        }
    }

    #[test]
    fn each_fault_is_found() {
        let right = ["rawipc v0.1.0 (/home/x);", "a v1.0.0;MIT", "b v1.0.0 (proc-macro);MIT OR Apache-2.0"];
        assert_eq!(of_packages(right), [""; 0]);
        for wrong in ["a v2.0.0;MIT", "c v1.0.0;GPL-3.0-only", "c v1.0.0 (https://example.org/c#1234);MIT"] {
            assert_eq!(of_packages(right.into_iter().chain([wrong])).len(), 1, "{wrong}");
        }
    }
}
