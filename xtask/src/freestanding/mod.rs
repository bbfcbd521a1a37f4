//! Programs without libc, std and allocation, for every architecture: built, looked into, measured and run.
//!
//! `tests/freestanding` says itself how they are built. Here they are stripped of all that no kernel reads, too.

pub mod elf;
mod run;
mod sizes;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::steps::Steps;
use crate::{root, setup, toolchain};

/// A target, and what runs its programs on this machine: nothing, or an emulator.
struct Target {
    name: &'static str,
    triple: &'static str,
    emulator: Option<&'static str>,
}

const TARGETS: [Target; 6] = [
    Target { name: "x86_64", triple: "x86_64-unknown-linux-musl", emulator: None },
    Target { name: "i686", triple: "i686-unknown-linux-musl", emulator: None },
    Target { name: "aarch64", triple: "aarch64-unknown-linux-musl", emulator: Some("qemu-aarch64") },
    Target { name: "armv7", triple: "armv7-unknown-linux-musleabihf", emulator: Some("qemu-arm") },
    Target { name: "thumbv7", triple: "thumbv7neon-unknown-linux-musleabihf", emulator: Some("qemu-arm") },
    Target { name: "riscv64", triple: "riscv64gc-unknown-linux-musl", emulator: Some("qemu-riscv64") },
];

/// The programs, and how large each may be on x86-64.
const PROGRAMS: [(&str, u64); 9] = [
    ("nothing", 512),
    ("send", 2560),
    ("receive", 4160),
    ("semaphore", 4608),
    ("named", 9 << 10),
    ("objects", 21 << 10),
    ("arena", 26 << 10),
    ("beyond", 22 << 10),
    ("jobs", 51 << 10),
];

pub fn all(shell: &Shell, steps: &mut Steps, record: bool) -> Result<()> {
    of_targets(shell, steps, &TARGETS, record)
}

/// Those of this machine alone.
pub fn native(shell: &Shell, steps: &mut Steps) -> Result<()> {
    of_targets(shell, steps, &TARGETS[..1], false)
}

fn of_targets(shell: &Shell, steps: &mut Steps, targets: &[Target], record: bool) -> Result<()> {
    let mut found = Vec::new();
    for target in targets {
        steps.run(&format!("freestanding {}", target.name), || {
            build(shell, target, "tests/freestanding")?;
            for (program, _) in PROGRAMS {
                elf::check_symbols(&target.linked(program)).with_context(|| program.to_owned())?;
                strip(shell, target, program)?;
                let size = elf::check_small(&target.program(program)).with_context(|| program.to_owned())?;
                found.push((target.name, program, size));
            }
            run::all(target)
        })?;
    }
    steps.run("freestanding sizes", || sizes::check(&found, record))?;
    steps.run("freestanding, with an entry by origin", || {
        let (own, program) = (&TARGETS[0], "origin-example");
        build(shell, own, "tests/freestanding/origin")?;
        elf::check_static(&own.linked(program))?;
        let (program, queue) = (own.linked(program), format!("/rawipc-free-origin-{}", std::process::id()));
        Ok(cmd!(shell, "{program} {queue}").quiet().run()?)
    })
}

impl Target {
    /// A program as the linker made it, with symbols.
    fn linked(&self, program: &str) -> PathBuf {
        folder().join(self.triple).join("release").join(program)
    }

    /// A program as it would be installed.
    fn program(&self, program: &str) -> PathBuf {
        folder().join(self.name).join(program)
    }
}

fn folder() -> PathBuf {
    root().join("target/freestanding")
}

fn build(shell: &Shell, target: &Target, package: &str) -> Result<()> {
    setup::standard_library_source(shell)?;
    let (folder, triple) = (folder(), target.triple);
    // The settings for the build are those of the folder that cargo is started in, and of those above it.
    let _folder = shell.push_dir(root().join(package));
    let build = cmd!(shell, "cargo build --quiet --locked --release --target {triple} --target-dir {folder}");
    Ok(build.env("RUSTC_BOOTSTRAP", "1").env("CARGO_BUILD_WARNINGS", "deny").run()?)
}

/// Takes away the symbols and the table of sections, which nothing needs that runs the program.
fn strip(shell: &Shell, target: &Target, program: &str) -> Result<()> {
    let (from, to) = (target.linked(program), target.program(program));
    let sysroot = toolchain::sysroot(shell)?;
    let tool = sysroot.join("lib/rustlib").join(toolchain::host(shell)?).join("bin/rust-objcopy");
    ensure!(tool.exists(), "the toolchain has no {}", tool.display());
    shell.create_dir(folder().join(target.name))?;
    let strip = cmd!(shell, "{tool} --strip-sections {from} {to}").quiet();
    Ok(strip.env("LD_LIBRARY_PATH", sysroot.join("lib")).run()?)
}
