//! What holds for the project as a whole: its dependencies, its version, no build script.

use std::fs;

use anyhow::{Context, Result};

use crate::root;

/// What the library and the tool may depend on; DESIGN.md has the reason for each.
const DEPENDENCIES: [&str; 9] =
    ["bitflags", "clap", "clap_complete", "clap_mangen", "heapless", "rustix", "signal-hook", "strsim", "zerocopy"];

/// Of those, the ones that a user gets who asks for nothing.
const ALWAYS: [&str; 3] = ["bitflags", "heapless", "rustix"];

/// What CI does at GitHub: the compiler's parts that its image has not, and then what runs at home too.
const WORKFLOW: &str = ".github/workflows/ci.yml";
const RUN: [&str; 2] = ["rustup component add clippy rustfmt rust-src", "cargo xtask ci"];

pub fn faults() -> Result<Vec<String>> {
    let read = |name: &str| fs::read_to_string(root().join(name)).with_context(|| format!("{name} cannot be read"));
    let mut faults = of_manifest(&read("Cargo.toml")?);
    faults.extend(of_changelog(&read("Cargo.toml")?, &read("CHANGELOG.md")?));
    faults.extend(of_workflow(&read(WORKFLOW)?));
    if root().join("build.rs").exists() {
        faults.push("build.rs: there is to be no build script".into());
    }
    Ok(faults)
}

fn of_manifest(manifest: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if section(manifest, "dependencies").next().is_none() {
        faults.push("Cargo.toml: there are no dependencies".into());
    }
    for (name, value) in section(manifest, "dependencies") {
        if !DEPENDENCIES.contains(&name) {
            faults.push(format!("Cargo.toml: `{name}` is no dependency that was agreed on"));
        } else if !ALWAYS.contains(&name) && !value.contains("optional = true") {
            faults.push(format!("Cargo.toml: `{name}` must be optional"));
        }
    }
    for name in ALWAYS {
        let mut dependencies = section(manifest, "dependencies");
        if !dependencies.any(|(key, value)| key == name && value.contains("default-features = false")) {
            faults.push(format!("Cargo.toml: `{name}` must be a dependency without its default features"));
        }
    }
    if !section(manifest, "package").any(|(key, _)| key == "rust-version") {
        faults.push("Cargo.toml: `rust-version` is missing".into());
    }
    if section(manifest, "package").any(|(key, _)| key == "build") {
        faults.push("Cargo.toml: there is to be no build script".into());
    }
    faults
}

fn of_changelog(manifest: &str, changelog: &str) -> Vec<String> {
    let version =
        section(manifest, "package").find(|(key, _)| *key == "version").map(|(_, value)| value.trim_matches('"'));
    let is_heading = |line: &str| line.starts_with("## ") && version.is_some_and(|version| line.contains(version));
    if changelog.lines().any(is_heading) {
        return Vec::new();
    }
    vec![format!("CHANGELOG.md: no heading has the version {}", version.unwrap_or_default())]
}

fn of_workflow(workflow: &str) -> Vec<String> {
    let run = workflow.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("run:"));
    if run.map(str::trim).eq(RUN) { Vec::new() } else { vec![format!("{WORKFLOW}: it runs {RUN:?} and nothing else")] }
}

/// The keys and values of a section; each is on one line, as `cargo add` writes them. The dependencies are in one for
/// the targets that the library can be built for.
fn section<'text>(manifest: &'text str, name: &str) -> impl Iterator<Item = (&'text str, &'text str)> + use<'text> {
    let (heading, ending) = (format!("[{name}]"), format!("'.{name}]"));
    let is_heading =
        move |line: &str| line == heading || line.starts_with("[target.'cfg(all(") && line.ends_with(&ending);
    let lines = manifest.lines().skip_while(move |line| !is_heading(line)).skip(1);
    lines.take_while(|line| !line.starts_with('[')).filter_map(|line| line.split_once(" = "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str = r#"[package]
version = "1.2.3"
rust-version = "1.87"

[target.'cfg(all(target_os = "linux", any(unix)))'.dependencies]
bitflags = { version = "2", default-features = false }
clap = { version = "4", optional = true }
heapless = { version = "0.9", default-features = false }
rustix = { version = "1", default-features = false }

[dev-dependencies]
libc = "0.2"
"#;

    #[test]
    fn a_right_manifest_has_no_faults() {
        assert_eq!(of_manifest(RIGHT), [""; 0]);
        assert_eq!(of_changelog(RIGHT, "# Changelog\n\n## 1.2.3 (unreleased)\n"), [""; 0]);
    }

    #[test]
    fn a_workflow_has_no_logic() {
        let right = format!("  - run: {}\n  - name: x\n    run: {}\n", RUN[0], RUN[1]);
        assert_eq!(of_workflow(&right), [""; 0]);
        for wrong in ["", "- run: cargo xtask ci\n", &format!("{right}- run: make\n"), &right.replace("ci", "test")] {
            assert_eq!(of_workflow(wrong).len(), 1, "{wrong}");
        }
    }

    #[test]
    fn each_fault_is_found() {
        for (right, wrong) in [
            ("[dev-dependencies]\n", ""),
            (", optional = true", ""),
            ("rustix", "nix"),
            ("bitflags = { version = \"2\", default-features = false }", "bitflags = \"2\""),
            ("rust-version = \"1.87\"\n", ""),
            ("[package]\n", "[package]\nbuild = \"make.rs\"\n"),
        ] {
            assert!(!of_manifest(&RIGHT.replace(right, wrong)).is_empty(), "{wrong:?} in place of {right:?}");
        }
        assert_eq!(of_changelog(RIGHT, "# Changelog\n\n## 1.2.2\n\nBetter than 1.2.3.\n").len(), 1);
    }
}
