//! Builds without std and without libc, for every architecture.
//!
//! `tests/nostd` is built, not only checked: its machine code must be made, the inline assembly's too. The standard
//! library's part comes from its source (`-Zbuild-std`), since no toolchain has all these targets. That is not stable;
//! as it is about checks alone, `RUSTC_BOOTSTRAP` lets the stable compiler do it.

use anyhow::{Context, Result, ensure};
use xshell::{Cmd, Shell, cmd};

use crate::steps::Steps;

/// Frame pointers and no optimisation are what leaves inline assembly the fewest registers.
struct Target {
    triple: &'static str,
    with_frame_pointers: bool,
}

const fn target(triple: &'static str) -> Target {
    Target { triple, with_frame_pointers: false }
}

const fn few_registers(triple: &'static str) -> Target {
    Target { triple, with_frame_pointers: true }
}

const TARGETS: [Target; 11] = [
    target("x86_64-unknown-linux-none"),
    target("aarch64-unknown-linux-musl"),
    target("aarch64-unknown-linux-gnu"),
    few_registers("armv7-unknown-linux-musleabihf"),
    target("armv7-unknown-linux-gnueabihf"),
    few_registers("thumbv7neon-unknown-linux-musleabihf"),
    target("thumbv7neon-unknown-linux-gnueabihf"),
    few_registers("i686-unknown-linux-musl"),
    target("i686-unknown-linux-gnu"),
    target("riscv64gc-unknown-linux-musl"),
    target("riscv64gc-unknown-linux-gnu"),
];

/// A target that Rust knows and rawipc does not, and what the compiler must say first.
const UNSUPPORTED: &str = "s390x-unknown-linux-gnu";
const SENTENCE: &str = "error: rawipc makes Linux system calls by itself and knows how on";

pub fn all(shell: &Shell, steps: &mut Steps) -> Result<()> {
    for target in &TARGETS {
        steps.run(&format!("no_std {}", target.triple), || build(shell, target))?;
    }
    steps.run("no_std with alloc", || {
        let triple = TARGETS[0].triple;
        unstable(cmd!(shell, "cargo build --quiet --lib --features alloc,zerocopy --target {triple}"), "core,alloc")
    })?;
    steps.run(&format!("no support for {UNSUPPORTED}"), || refuse(shell))
}

fn build(shell: &Shell, target: &Target) -> Result<()> {
    no_libc(shell, target.triple)?;
    for optimisation in ["0", "3", "s"] {
        probe(shell, target.triple, optimisation, "")?;
    }
    if target.with_frame_pointers {
        for optimisation in ["0", "3"] {
            probe(shell, target.triple, optimisation, "-Cforce-frame-pointers=yes")?;
        }
    }
    Ok(())
}

/// Builds the static library. Only our own code is optimised, so core is built once for all.
fn probe(shell: &Shell, triple: &str, optimisation: &str, flags: &str) -> Result<()> {
    let ours =
        ["profile.dev", "profile.dev.package.rawipc"].map(|key| format!("{key}.opt-level={}", quoted(optimisation)));
    let [probe, library] = ours;
    let others = "profile.dev.package.\"*\".opt-level=0";
    let command = cmd!(
        shell,
        "cargo build --quiet --manifest-path tests/nostd/Cargo.toml --target-dir target/nostd --target {triple}
            --config {probe} --config {library} --config {others}"
    );
    unstable(command.env("RUSTFLAGS", flags), "core")
        .with_context(|| format!("{triple} at optimisation {optimisation}, flags {flags:?}"))
}

/// Levels are numbers in TOML, but `s` is a string.
fn quoted(optimisation: &str) -> String {
    if optimisation == "s" { "\"s\"".into() } else { optimisation.into() }
}

/// Runs a cargo command with the given parts of the standard library built from source. Warnings are errors.
fn unstable(command: Cmd<'_>, parts: &str) -> Result<()> {
    let command = command.arg(format!("-Zbuild-std={parts}")).arg("-Zwarnings");
    Ok(command.env("RUSTC_BOOTSTRAP", "1").env("CARGO_BUILD_WARNINGS", "deny").run()?)
}

/// rustix must make its own system calls on this target: the tree of dependencies has no libc.
fn no_libc(shell: &Shell, triple: &str) -> Result<()> {
    let tree =
        cmd!(shell, "cargo tree --edges normal --no-default-features --prefix none --package rawipc --target {triple}");
    let tree = tree.quiet().read()?;
    ensure!(tree.starts_with("rawipc v"), "`cargo tree` shows no tree of rawipc's");
    let libc = tree.lines().find(|line| line.starts_with("libc "));
    ensure!(libc.is_none(), "rawipc depends on {libc:?} on {triple}");
    Ok(())
}

/// An architecture without system calls of our own gives one sentence, before any other error.
fn refuse(shell: &Shell) -> Result<()> {
    let command = cmd!(shell, "cargo check --lib --no-default-features --target {UNSUPPORTED} -Zbuild-std=core");
    let output = command.env("RUSTC_BOOTSTRAP", "1").ignore_status().output()?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(!output.status.success(), "{UNSUPPORTED} is built, though it is not supported");
    let first = errors.lines().find(|line| line.starts_with("error")).unwrap_or_default();
    ensure!(first.starts_with(SENTENCE), "the first error is not ours:\n{errors}");
    Ok(())
}
