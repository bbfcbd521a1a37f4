//! The tool as one static file for each architecture, as small as it gets: built, tried on this machine's kernel, and
//! put into `target/dist` with checksums.
//!
//! The standard library is built from its source, for size. The C library below it, musl, and the linker are those of
//! PyPI's `ziglang`, which has them for every target. A user takes an ordinary toolchain: `docs/building.md`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::freestanding::elf;
use crate::steps::Steps;
use crate::{root, setup, workspace};

/// A target: Rust's name for it, the compiler's flags for the C library, and what runs its programs here.
struct Target {
    triple: &'static str,
    c_target: &'static [&'static str],
    /// The compiler's choice among the processor's instructions.
    code: &'static str,
    emulator: Option<&'static str>,
}

/// What the target has by itself.
const USUAL: &str = "-Ctarget-feature=";

const TARGETS: [Target; 4] = [
    Target { triple: "x86_64-unknown-linux-musl", c_target: &["x86_64-linux-musl"], code: USUAL, emulator: None },
    Target {
        triple: "aarch64-unknown-linux-musl",
        c_target: &["aarch64-linux-musl"],
        code: USUAL,
        emulator: Some("qemu-aarch64"),
    },
    Target {
        triple: "armv7-unknown-linux-musleabihf",
        c_target: &["arm-linux-musleabihf", "-mcpu=generic+v7a+vfp3"],
        // Half as long.
        code: "-Ctarget-feature=+thumb-mode",
        emulator: Some("qemu-arm"),
    },
    Target {
        triple: "riscv64gc-unknown-linux-musl",
        c_target: &["riscv64-linux-musl"],
        // Of the four it is the only one that is not static by itself.
        code: "-Ctarget-feature=+crt-static",
        emulator: Some("qemu-riscv64"),
    },
];

/// The most bytes of a file.
const MOST: u64 = 450 << 10;

pub fn all(shell: &Shell, steps: &mut Steps, only: Option<&str>) -> Result<()> {
    shell.create_dir(folder())?;
    for target in TARGETS.iter().filter(|target| only.is_none_or(|only| target.triple.starts_with(only))) {
        steps.run(&format!("dist {}", target.triple), || {
            let file = build(shell, target)?;
            elf::check_static(&file)?;
            attempt(shell, target, &file)?;
            let size = fs::metadata(&file)?.len();
            println!("{} has {size} bytes", file.display());
            ensure!(size <= MOST, "that is more than {MOST}");
            Ok(())
        })?;
    }
    steps.run("dist checksums", || sums(shell))
}

fn folder() -> PathBuf {
    root().join("target/dist")
}

/// Builds the tool; returns where it is.
fn build(shell: &Shell, target: &Target) -> Result<PathBuf> {
    setup::standard_library_source(shell)?;
    let (triple, linker, built) = (target.triple, linker(target)?, workspace().join("dist"));
    let settings = [
        "profile.dist.panic=\"immediate-abort\"".to_owned(),
        format!("target.{triple}.linker={:?}", linker.display().to_string()),
        format!(
            "target.{triple}.rustflags=[\"-Clink-self-contained=no\", \"-Cforce-unwind-tables=no\", \"{}\"]",
            target.code
        ),
    ];
    let settings = &settings.map(|setting| format!("--config={setting}"));
    let unstable = ["-Zpanic-immediate-abort", "-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"];
    let build = cmd!(shell, "cargo build --quiet --locked --package rawipc-cli --profile dist --target {triple}");
    let build = build.arg("--target-dir").arg(&built).args(settings).args(unstable);
    build.env("RUSTC_BOOTSTRAP", "1").env_remove("RUSTFLAGS").run()?;
    let file = folder().join(format!("rawipc-{triple}"));
    fs::copy(built.join(triple).join("dist/rawipc"), &file).context("cargo has built no tool")?;
    Ok(file)
}

/// A script that is the linker: the C compiler, told the target.
fn linker(target: &Target) -> Result<PathBuf> {
    let script = workspace().join(format!("link-{}", target.triple));
    let (python, flags) = (setup::python(), target.c_target.join(" "));
    fs::write(&script, format!("#!/bin/sh\nexec '{}' -m ziglang cc -target {flags} \"$@\"\n", python.display()))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Ok(script)
}

/// Makes, uses and removes an object of each kind.
fn attempt(shell: &Shell, target: &Target, file: &Path) -> Result<()> {
    let name = format!("/rawipc-dist-{}", std::process::id());
    let run = |line: &str, input: &str| {
        let line = line.replace("NAME", &name);
        let words = line.split(' ');
        let command = match target.emulator {
            Some(emulator) => cmd!(shell, "{emulator} {file} {words...}"),
            None => cmd!(shell, "{file} {words...}"),
        };
        command.quiet().stdin(input).read().with_context(|| format!("`rawipc {line}` fails"))
    };
    let kinds: [&[(&str, &str, &str)]; 3] = [
        &[
            ("mq create NAME --max-messages 2 --max-message-size 16", "", ""),
            ("mq send NAME", "hello\n", ""),
            ("mq stat NAME", "", "1"),
            ("mq receive NAME --timeout 5", "", "hello"),
        ],
        &[
            ("sem create NAME", "", ""),
            ("sem post NAME", "", ""),
            ("sem value NAME", "", "1"),
            ("sem wait NAME --timeout 5", "", ""),
        ],
        &[
            ("shm create NAME --size 4096", "", ""),
            ("shm write NAME", "hello", ""),
            ("shm read NAME --length 5", "", "hello"),
            ("shm stat NAME", "", "4096"),
        ],
    ];
    for (kind, steps) in ["mq", "sem", "shm"].into_iter().zip(kinds) {
        let used = steps.iter().try_for_each(|(line, input, expected)| {
            let output = run(line, input)?;
            ensure!(output.contains(expected), "`rawipc {line}` says {output:?}");
            Ok(())
        });
        // In any case.
        let removed = run(&format!("{kind} unlink NAME"), "");
        used?;
        removed?;
    }
    Ok(())
}

/// Writes the checksums of all files that are there.
fn sums(shell: &Shell) -> Result<()> {
    let _folder = shell.push_dir(folder());
    let files = shell.read_dir(".")?.into_iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
    let files: Vec<String> = files.filter(|name| name.starts_with("rawipc-")).collect();
    let sums = cmd!(shell, "sha256sum {files...}").quiet().read()?;
    println!("{sums}");
    Ok(fs::write(folder().join("SHA256SUMS"), sums + "\n")?)
}
