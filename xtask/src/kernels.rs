//! The tests without libc under filters that answer as older or smaller kernels, and as sandboxes, would.
//!
//! `tests/bare/src/kernels.rs` is the table: what answers, and which features and tests are to be missing then.

use std::path::Path;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use xshell::{Shell, cmd};

use crate::bare::{self, Outcome};
use crate::cross::lacking;
use crate::steps::Steps;

/// The architectures whose programs this machine runs and whose numbers the table has.
const ARCHITECTURES: [&str; 2] = ["x86_64", "i686"];

/// No run takes longer, also on a machine that is busy.
const MOST_SECONDS: &str = "300";

/// Runs the tests on every kernel of the table, for each architecture.
pub fn all(shell: &Shell, steps: &mut Steps) -> Result<()> {
    let mut programs = Vec::new();
    for architecture in ARCHITECTURES {
        steps.run(&format!("other kernels: build for {architecture}"), || {
            programs.push((architecture, bare::build(shell, bare::target(architecture)?)?));
            Ok(())
        })?;
    }
    for (architecture, program) in &programs {
        steps.run(&format!("other kernels: {architecture}"), || on_each(shell, program))?;
    }
    Ok(())
}

/// All kernels at the same time, since the tests mostly wait.
fn on_each(shell: &Shell, program: &Path) -> Result<()> {
    let names = cmd!(shell, "{program} +kernels").quiet().read()?;
    let kernels: Vec<&str> = names.lines().collect();
    ensure!(kernels.len() > 10, "the program knows {kernels:?} only");
    thread::scope(|scope| {
        let runs: Vec<_> = kernels.iter().map(|kernel| scope.spawn(|| one(program, kernel))).collect();
        let ends = runs.into_iter().zip(&kernels).map(|(run, kernel)| {
            run.join().map_err(|_| anyhow!("xtask panicked"))?.with_context(|| format!("as {kernel}"))
        });
        ends.collect::<Vec<Result<()>>>().into_iter().collect()
    })
}

fn one(program: &Path, kernel: &str) -> Result<()> {
    let shell = &Shell::new()?;
    let allowed = lacking(shell)?.into_iter().map(|call| format!("-{call}"));
    let command = cmd!(shell, "timeout --kill-after=10 {MOST_SECONDS} {program} +kernel={kernel}").args(allowed);
    let output = command.quiet().ignore_status().output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let outcome = Outcome::parse(&text).with_context(|| format!("it ended with {}", output.status))?;
    ensure!(output.status.success(), "all tests passed, and yet it ended with {}", output.status);
    println!("{kernel}: {} passed, {} refused or unsupported", outcome.passed.len(), outcome.unsupported.len());
    Ok(())
}
