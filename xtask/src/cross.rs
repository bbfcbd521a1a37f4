//! The tests without libc on every architecture: natively where this machine can, else in qemu's user mode.

use std::path::Path;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use xshell::{Shell, cmd};

use crate::bare::{self, Outcome, TARGETS, Target};
use crate::evidence::{Record, Where, emulator_version};
use crate::steps::Steps;
use crate::{setup, toolchain};

/// What cannot be had on a machine that others use too. On a real kernel of its own, `cargo xtask kernel`, all of it
/// can.
const NOT_OURS: [&str; 1] = ["clock_settime"];

/// What only root may do.
const PRIVILEGED: [&str; 3] = ["mount", "setuid", "unshare"];

/// What qemu's user mode does not have. (Of `mmap2` it cuts offsets of 4 GiB and more.)
const NOT_EMULATED: [&str; 4] = ["fsopen", "mmap2", "mq_notify", "seccomp"];

/// No run takes longer, not in an emulator on a machine that is busy either.
const MOST_SECONDS: &str = "300";

/// Builds and runs all tests for one architecture, or for each.
pub fn all(shell: &Shell, steps: &mut Steps, architecture: Option<&str>) -> Result<()> {
    let only = architecture.map(bare::target).transpose()?;
    let targets = only.map_or(&TARGETS[..], std::slice::from_ref);
    steps.run("setup: qemu's user mode", || setup::install_one(shell, "qemu-user", "qemu-aarch64 --version"))?;
    let mut programs = Vec::new();
    for target in targets {
        steps.run(&format!("tests without libc: build for {}", target.architecture), || {
            programs.push((target, bare::build(shell, target)?));
            Ok(())
        })?;
    }
    // At the same time, since they mostly wait.
    steps.run("tests without libc", || {
        thread::scope(|scope| {
            let start = |(target, program)| scope.spawn(move || one(target, program));
            let runs: Vec<_> = programs.iter().map(|(target, program)| start((*target, program))).collect();
            let ends = runs.into_iter().zip(targets).map(|(run, target)| {
                let result = run.join().map_err(|_| anyhow!("xtask panicked"))?;
                result.with_context(|| target.architecture)
            });
            ends.collect::<Vec<Result<()>>>().into_iter().collect()
        })
    })
}

fn one(target: &Target, program: &Path) -> Result<()> {
    let shell = &Shell::new()?;
    let is_native = toolchain::host(shell)?.starts_with(target.native_on);
    let is_root = is_root(shell)?;
    let mut lacking = lacking(shell)?;
    lacking.extend(if is_native { &[][..] } else { &NOT_EMULATED });

    let emulator = format!("qemu-{}", target.emulator);
    let outcome = run(shell, (!is_native).then_some(emulator.as_str()), program, &lacking)?;
    println!("{}: {} passed, {} unsupported", target.architecture, outcome.passed.len(), outcome.unsupported.len());
    // Less is proved without root's rights, so that is not kept.
    if !is_root {
        return Ok(());
    }
    let kernel = format!("Linux {}", cmd!(shell, "uname --kernel-release").quiet().read()?);
    let (place, system) = if is_native {
        (Where::Native, kernel)
    } else {
        let version = cmd!(shell, "{emulator} --version").quiet().read()?;
        (Where::Emulated, format!("{} on {kernel}", emulator_version(&version)?))
    };
    Record::new(shell, target, place, system, outcome)?.keep(shell)
}

/// What a machine lacks that others use too.
pub fn lacking(shell: &Shell) -> Result<Vec<&'static str>> {
    let privileged = if is_root(shell)? { &[][..] } else { &PRIVILEGED };
    Ok([&NOT_OURS, privileged].concat())
}

fn is_root(shell: &Shell) -> Result<bool> {
    Ok(cmd!(shell, "id --user").quiet().read()? == "0")
}

/// Runs the program; its output tells how the tests ended, and its exit code has to agree.
fn run(shell: &Shell, emulator: Option<&str>, program: &Path, lacking: &[&str]) -> Result<Outcome> {
    let allowed = lacking.iter().map(|call| format!("-{call}"));
    let output = cmd!(shell, "timeout --kill-after=10 {MOST_SECONDS}").args(emulator).arg(program).args(allowed);
    let output = output.quiet().ignore_status().output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let outcome = Outcome::parse(&text)
        .with_context(|| format!("it ended with {}; {}", output.status, String::from_utf8_lossy(&output.stderr)))?;
    ensure!(output.status.success(), "all tests passed, and yet it ended with {}", output.status);
    Ok(outcome)
}
