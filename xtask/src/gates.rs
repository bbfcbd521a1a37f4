//! What the hot operations cost in user-space instructions, counted by valgrind's callgrind: a number that is the same
//! on every run, however busy the machine.

use anyhow::{Context, Result, bail, ensure};
use xshell::{Shell, cmd};

use crate::steps::Steps;

/// An operation of `benches/instructions.rs`, and the most instructions that one of it may take, its loop included.
const GATES: [(&str, u64); 6] = [
    ("queue", 25),
    ("queue-timeout", 56),
    ("semaphore", 16),
    ("semaphore-five", 20),
    ("semaphore-named", 28),
    ("semaphore-try", 20),
];

/// The lengths of the two runs that are compared.
const SHORT: u64 = 1_000;
const LONG: u64 = 11_000;

/// Fails if an operation costs more than its gate.
pub fn all(shell: &Shell, steps: &mut Steps) -> Result<()> {
    steps.run("gates", || {
        let (program, mut faults) = (program(shell)?, Vec::new());
        for (operation, most) in GATES {
            let more = count(shell, &program, operation, LONG)? - count(shell, &program, operation, SHORT)?;
            let cost = (more as f64 / (LONG - SHORT) as f64).round() as u64;
            println!("{operation:16} {cost:3} instructions, at most {most}");
            faults.extend((cost > most).then_some(operation));
        }
        ensure!(faults.is_empty(), "too many instructions: {}", faults.join(", "));
        Ok(())
    })
}

/// Builds the program; cargo says where it is.
fn program(shell: &Shell) -> Result<String> {
    let build = cmd!(shell, "cargo bench --no-run --bench instructions --message-format=json");
    let messages = build.quiet().ignore_stderr().read().context("benches/instructions.rs does not build")?;
    let executable = messages.lines().rev().find_map(|line| {
        let rest = line.split_once("\"executable\":\"")?.1;
        rest.split('"').next().map(str::to_owned)
    });
    executable.context("cargo does not say where the program is")
}

/// The instructions of a whole run.
fn count(shell: &Shell, program: &str, operation: &str, times: u64) -> Result<u64> {
    let times = times.to_string();
    let run = cmd!(shell, "valgrind --tool=callgrind --callgrind-out-file=/dev/null {program} {operation} {times}");
    let output = run.quiet().output().context("valgrind does not run")?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{operation} fails: {text}");
    }
    let collected = text.lines().find_map(|line| line.split_once("Collected :")).context("valgrind counts nothing")?;
    Ok(collected.1.trim().parse()?)
}
