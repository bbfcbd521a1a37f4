//! Runs in which processes are killed at random, as long as one likes. Each is a role that the test program plays.

use std::fs;

use anyhow::Result;
use xshell::{Cmd, Shell, cmd};

/// Everything at once, for so many seconds, from a seed on if one is given.
pub fn stress(shell: &Shell, seconds: u32, seed: Option<u64>, record: bool) -> Result<()> {
    let (seconds, seed) = (seconds.to_string(), seed.map(|seed| seed.to_string()));
    let run = cmd!(shell, "cargo test --quiet --all-features --test it -- {seconds} {seed...}");
    let command = format!("stress {seconds}");
    keep(shell, run.env("RAWIPC_ROLE", "stress"), record.then_some(("tests/it/stress/record.txt", &command)))
}

/// Those who use a shared queue, as fast as they can; some kills are in the usual tests.
pub fn kills(shell: &Shell, record: bool) -> Result<()> {
    let run = cmd!(shell, "cargo test --quiet --release --all-features --test it -- 10000");
    keep(shell, run.env("RAWIPC_ROLE", "kills"), record.then_some(("tests/kills.txt", "kills")))
}

/// Makes a run. If it is to be recorded: where, and by which command; then the file says what the run says, with what
/// it ran on.
fn keep(shell: &Shell, run: Cmd<'_>, record: Option<(&str, &str)>) -> Result<()> {
    let Some((path, command)) = record else { return Ok(run.run()?) };
    let totals = run.read()?;
    println!("{totals}");
    Ok(fs::write(crate::root().join(path), head(shell, command)? + &totals + "\n")?)
}

/// What a record begins with: the command without `--record`, and what it ran on.
pub fn head(shell: &Shell, command: &str) -> Result<String> {
    let of = |command: &str| cmd!(shell, "sh -c {command}").quiet().read();
    Ok(format!(
        "command: cargo xtask {command} --record\ndate: {}\ncommit: {}\nkernel: {}, {} processors\n",
        of("date --utc --iso-8601=minutes")?,
        of("git rev-parse --short HEAD")?,
        of("uname --kernel-release")?,
        of("nproc")?,
    ))
}
