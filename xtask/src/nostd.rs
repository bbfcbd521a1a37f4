//! Builds without std and without libc, for every architecture.
//!
//! `tests/nostd` is built, not only checked: its machine code must be made, the inline assembly's too. The standard
//! library's part comes from its source (`-Zbuild-std`), since no toolchain has all these targets. That is not stable;
//! as it is about checks alone, `RUSTC_BOOTSTRAP` lets the stable compiler do it.

use anyhow::{Context, Result, ensure};
use xshell::{Cmd, Shell, cmd};

use crate::setup;
use crate::steps::Steps;

/// How much is done for a target.
enum Depth {
    /// Machine code at several optimisations, and again with frame pointers: they and no optimisation are what leaves
    /// inline assembly the fewest registers.
    FewRegisters,
    /// Machine code at several optimisations, and again with registers that the kernel does not keep.
    ScalableVectors,
    /// Machine code at several optimisations.
    Code,
    /// Checked alone: the C library's name could make a difference to the dependencies, but makes none to the code.
    Checked,
}

use Depth::{Checked, Code, FewRegisters, ScalableVectors};

const TARGETS: [(&str, Depth); 13] = [
    ("x86_64-unknown-linux-none", Code),
    ("aarch64-unknown-linux-musl", ScalableVectors),
    ("armv7-unknown-linux-musleabihf", FewRegisters),
    ("thumbv7neon-unknown-linux-musleabihf", FewRegisters),
    ("i686-unknown-linux-musl", FewRegisters),
    ("riscv64gc-unknown-linux-musl", Code),
    ("x86_64-unknown-linux-musl", Checked),
    ("x86_64-unknown-linux-gnu", Checked),
    ("aarch64-unknown-linux-gnu", Checked),
    ("armv7-unknown-linux-gnueabihf", Checked),
    ("thumbv7neon-unknown-linux-gnueabihf", Checked),
    ("i686-unknown-linux-gnu", Checked),
    ("riscv64gc-unknown-linux-gnu", Checked),
];

/// Targets that Rust knows and rawipc does not, and what the compiler must say: of dependencies too nothing else.
const UNSUPPORTED: [&str; 4] = [
    "s390x-unknown-linux-gnu",
    "riscv32gc-unknown-linux-gnu",
    "riscv32imac-unknown-none-elf",
    "x86_64-unknown-linux-gnux32",
];
const SENTENCE: &str = "error: rawipc makes Linux system calls by itself and knows how on";
const SUMMARY: &str = "error: could not compile `rawipc` (lib) due to 1 previous error";

/// Every target. `quick` makes for each the code that is hardest to make, with one build of core.
pub fn all(shell: &Shell, steps: &mut Steps, quick: bool) -> Result<()> {
    for (triple, depth) in TARGETS.iter().filter(|(_, depth)| !matches!(depth, Checked)) {
        steps.run(&format!("no_std {triple}"), || build(shell, triple, depth, quick))?;
    }
    steps.run("no_std by the C libraries' names", || check(shell))?;
    let (triple, _) = TARGETS[0];
    steps.run("no_std with alloc", || {
        unstable(cmd!(shell, "cargo check --quiet --lib --features alloc,zerocopy --target {triple}"), "core,alloc")
    })?;
    steps.run("no support for other targets", || UNSUPPORTED.iter().try_for_each(|triple| refuse(shell, triple)))
}

/// All at once, so that they share what is built for this machine.
fn check(shell: &Shell) -> Result<()> {
    setup::standard_library_source(shell)?;
    let checked = TARGETS.iter().filter(|(_, depth)| matches!(depth, Checked));
    let triples: Vec<&str> = checked.map(|(triple, _)| *triple).collect();
    triples.iter().try_for_each(|triple| no_libc(shell, triple))?;
    let command = cmd!(shell, "cargo check --quiet --manifest-path tests/nostd/Cargo.toml --target-dir target/nostd");
    unstable(command.args(triples.iter().flat_map(|triple| ["--target", triple])), "core")
}

fn build(shell: &Shell, triple: &str, depth: &Depth, quick: bool) -> Result<()> {
    setup::standard_library_source(shell)?;
    no_libc(shell, triple)?;
    let (optimisations, flags): (&[&str], _) = match depth {
        FewRegisters => (&["0", "3"], "-Cforce-frame-pointers=yes"),
        ScalableVectors => (&["3"], "-Ctarget-feature=+sve"),
        Code | Checked => (&["0", "3"], ""),
    };
    for optimisation in optimisations {
        probe(shell, triple, optimisation, flags)?;
    }
    if !quick {
        for optimisation in ["0", "3", "s"] {
            probe(shell, triple, optimisation, "")?;
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

/// A target without system calls of our own gives one error, which is ours.
fn refuse(shell: &Shell, triple: &str) -> Result<()> {
    let command = cmd!(shell, "cargo check --lib --no-default-features --target {triple} -Zbuild-std=core");
    let output = command.env("RUSTC_BOOTSTRAP", "1").ignore_status().output()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(!output.status.success(), "{triple} is built, though it is not supported");
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error")).collect();
    let is_ours = matches!(errors[..], [ours, SUMMARY] if ours.starts_with(SENTENCE));
    ensure!(is_ours, "the only error on {triple} is not ours:\n{text}");
    Ok(())
}
