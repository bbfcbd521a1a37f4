//! The tests without libc, `tests/bare`: where they are built for and how.

mod outcome;

use std::path::PathBuf;

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::{setup, workspace};

pub use outcome::Outcome;

/// A target of the tests.
pub struct Target {
    /// What its users call it.
    pub architecture: &'static str,
    pub triple: &'static str,
    /// What the user-mode emulator calls it: `qemu-NAME`.
    pub emulator: &'static str,
    /// The machines that run its programs without an emulator, as their own target's triple begins.
    pub native_on: &'static str,
    /// Flags beyond those in `tests/bare/.cargo/config.toml`.
    flags: &'static str,
    /// Supported, so also run on a real kernel. Else it shows only that nothing depends on the order of bytes.
    pub is_first_tier: bool,
}

const fn first_tier(
    architecture: &'static str,
    triple: &'static str,
    emulator: &'static str,
    native_on: &'static str,
) -> Target {
    Target { architecture, triple, emulator, native_on, flags: "", is_first_tier: true }
}

pub const TARGETS: [Target; 7] = [
    first_tier("x86_64", "x86_64-unknown-linux-musl", "x86_64", "x86_64"),
    first_tier("aarch64", "aarch64-unknown-linux-musl", "aarch64", "aarch64"),
    first_tier("armv7", "armv7-unknown-linux-musleabihf", "arm", "armv7"),
    first_tier("thumbv7", "thumbv7neon-unknown-linux-musleabihf", "arm", "armv7"),
    first_tier("i686", "i686-unknown-linux-musl", "i386", "x86_64"),
    first_tier("riscv64", "riscv64gc-unknown-linux-musl", "riscv64", "riscv64"),
    Target {
        architecture: "s390x",
        triple: "s390x-unknown-linux-musl",
        emulator: "s390x",
        native_on: "s390x",
        flags: "--cfg=rustix_use_experimental_asm",
        is_first_tier: false,
    },
];

/// The target of an architecture.
pub fn target(architecture: &str) -> Result<&'static Target> {
    let names = TARGETS.map(|target| target.architecture).join(", ");
    let found = TARGETS.iter().find(|target| target.architecture == architecture);
    found.with_context(|| format!("there is no architecture `{architecture}`; there are {names}"))
}

/// Builds the program for a target; returns its path.
pub fn build(shell: &Shell, target: &Target) -> Result<PathBuf> {
    setup::standard_library_source(shell)?;
    let Target { triple, flags, .. } = target;
    let folder = workspace().join("bare");
    // Cargo finds the settings from the folder it is run in.
    let _folder = shell.push_dir("tests/bare");
    let mut build = cmd!(shell, "cargo build --quiet --release --target {triple} --target-dir {folder} -Zwarnings")
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_BUILD_WARNINGS", "deny");
    if !flags.is_empty() {
        let flags = format!("target.{triple}.rustflags=['{flags}']");
        build = build.arg("--config").arg(flags);
    }
    build.run().with_context(|| format!("tests/bare cannot be built for {triple}"))?;
    Ok(folder.join(triple).join("release/bare"))
}
