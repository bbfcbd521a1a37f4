//! What cargo's own tools check: format, lints, documentation, features, the package.

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::root;
use crate::tests::programs;

/// The features of the library that can be chosen one by one.
const FEATURES: [&str; 3] = ["alloc", "std", "zerocopy"];

/// The packages outside of the workspace.
const OTHER_MANIFESTS: [&str; 7] = [
    "benches/Cargo.toml",
    "examples/programs/Cargo.toml",
    "fuzz/Cargo.toml",
    "tests/bare/Cargo.toml",
    "tests/freestanding/Cargo.toml",
    "tests/freestanding/origin/Cargo.toml",
    "tests/nostd/Cargo.toml",
];

pub fn fmt(shell: &Shell) -> Result<()> {
    cmd!(shell, "cargo fmt --all --check").run()?;
    for manifest in OTHER_MANIFESTS {
        cmd!(shell, "cargo fmt --all --manifest-path {manifest} --check").run()?;
    }
    Ok(())
}

/// `incompatible_msrv` is named since it is what stands for a build with the oldest compiler.
pub fn clippy(shell: &Shell) -> Result<()> {
    for features in ["--all-features", "--no-default-features"] {
        cmd!(
            shell,
            "cargo clippy --quiet --workspace --all-targets {features} -- -D warnings -D clippy::incompatible_msrv"
        )
        .run()?;
    }
    cmd!(shell, "cargo clippy --quiet --manifest-path benches/Cargo.toml --all-targets -- -D warnings").run()?;
    cmd!(
        shell,
        "cargo clippy --quiet --manifest-path fuzz/Cargo.toml --no-default-features --all-targets -- -D warnings"
    )
    .run()?;
    programs(shell, "clippy", &["--all-targets", "--", "-D", "warnings"])?;
    // Its tests would need std.
    programs(shell, "clippy", &["--package", "sensor", "--release", "--", "-D", "warnings"])
}

pub fn doc(shell: &Shell) -> Result<()> {
    let flags = "-D warnings -D missing_docs";
    cmd!(shell, "cargo doc --quiet --package rawipc --lib --no-deps --all-features")
        .env("RUSTDOCFLAGS", flags)
        .run()?;
    Ok(())
}

/// Every subset of the features: each compiles, and without a warning.
pub fn features(shell: &Shell) -> Result<()> {
    for subset in 0..1 << FEATURES.len() {
        let chosen = FEATURES.iter().enumerate().filter(|(bit, _)| subset & (1 << bit) != 0).map(|(_, name)| *name);
        let chosen = chosen.collect::<Vec<_>>().join(",");
        cmd!(shell, "cargo clippy --quiet --lib --no-default-features --features {chosen} -- -D warnings").run()?;
    }
    cmd!(shell, "cargo clippy --quiet --package rawipc-cli --features completions -- -D warnings").run()?;
    Ok(())
}

/// The package holds what a user needs, and builds from nothing else.
pub fn package(shell: &Shell) -> Result<()> {
    let list = cmd!(shell, "cargo package --list --allow-dirty --package rawipc").read()?;
    for file in ["Cargo.toml", "README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "src/lib.rs"] {
        ensure!(list.lines().any(|line| line == file), "the package lacks {file}");
    }
    let ours = ["xtask/", "benches/", "cli/", "fuzz/", ".ci/", ".cargo/", ".github/", "api.txt"];
    let foreign = list.lines().find(|line| ours.iter().any(|at| line.starts_with(at)));
    ensure!(foreign.is_none(), "the package has {foreign:?}, which only this repository needs");
    cmd!(shell, "cargo package --quiet --allow-dirty --package rawipc").run().context("the package does not build")?;
    let examples = root().join("examples");
    if examples.is_dir() {
        cmd!(shell, "cargo build --quiet --examples --all-features").run()?;
    }
    Ok(())
}
