//! Running the tests, and what the README promises.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use xshell::{Shell, cmd};

use crate::steps::Steps;
use crate::{fuzz, readme, setup, workspace};

/// How often to look again for objects that are left; each look takes a while.
const LOOKS: u32 = 50;

pub fn all(shell: &Shell, steps: &mut Steps) -> Result<()> {
    let commands = readme::commands()?;
    steps.run("tests, by the README's command", || {
        let before = objects(shell)?;
        strictly(shell, &commands.tests)?;
        let mut left: BTreeSet<String> = objects(shell)?.difference(&before).cloned().collect();
        // What somebody else's tests have made at the same time goes by itself.
        for _ in 0..LOOKS {
            if left.is_empty() {
                return Ok(());
            }
            left = left.intersection(&objects(shell)?).cloned().collect();
        }
        bail!("the tests leave behind: {left:?}")
    })?;
    steps.run("main job, by the README's command", || strictly(shell, &commands.main_job))?;
    steps.run("examples/programs", || programs(shell, "test", &[]))?;
    steps.run("xtask's tests", || Ok(cmd!(shell, "cargo test --quiet --package xtask").run()?))?;
    steps.run("fuzz corpora", || fuzz::replay(shell))
}

/// Runs a cargo command on the examples that are a workspace of their own.
pub fn programs(shell: &Shell, command: &str, arguments: &[&str]) -> Result<()> {
    let run = cmd!(shell, "cargo {command} --quiet --locked --manifest-path examples/programs/Cargo.toml");
    Ok(run.args(["--target-dir", "target/programs"]).args(arguments).run()?)
}

/// Runs the models of the semaphores, the lock and the queue; they are compiled apart, since loom's atomics take the
/// place of the real ones.
/// With `fewer` preemptions than the models' own bounds it is done much sooner.
pub fn loom(shell: &Shell, fewer: u32) -> Result<()> {
    let target = workspace().join("loom");
    let run = cmd!(shell, "cargo test --quiet --release --lib --target-dir {target} loom_tests");
    Ok(run.env("RUSTFLAGS", "--cfg loom").env("RAWIPC_FEWER_PREEMPTIONS", fewer.to_string()).run()?)
}

/// The race for a shared value at its full length, and the common starts of all named types; a part of both is in the
/// usual tests.
pub fn race(shell: &Shell) -> Result<()> {
    let starts = cmd!(shell, "cargo test --release --all-features --test it -- common_starts --nocapture");
    starts.env("RAWIPC_ROUNDS", "20000").env("RAWIPC_PROCESSES", "8").run()?;
    let race = cmd!(shell, "cargo test --release --all-features --test it -- racing");
    Ok(race.env("RAWIPC_ROUNDS", "1000").env("RAWIPC_PROCESSES", "64").run()?)
}

/// The names of all objects that were made by tests, as far as this user can see them.
fn objects(shell: &Shell) -> Result<BTreeSet<String>> {
    let list = cmd!(shell, "cargo run --quiet --package rawipc-cli -- list").quiet().ignore_status().output()?;
    let text = String::from_utf8_lossy(&list.stdout).into_owned();
    let names = text.split_whitespace().filter(|word| word.starts_with("/rawipc-"));
    Ok(names.map(str::to_owned).collect())
}

/// The test programs among what cargo says it has built, with `--message-format=json`.
pub fn test_programs(messages: &str) -> Vec<String> {
    // The profile's end, since a target has a field of this name too.
    let lines = messages.lines().filter(|line| line.contains("\"test\":true},\"features\""));
    let path = |line: &str| Some(line.split_once("\"executable\":\"")?.1.split('"').next()?.to_owned());
    lines.filter_map(path).collect()
}

/// Runs a command line as a user would, but what the machine lacks is a failure and no test is skipped.
fn strictly(shell: &Shell, line: &str) -> Result<()> {
    let python = setup::python();
    cmd!(shell, "sh -c {line}").env("RAWIPC_STRICT", "1").env("RAWIPC_PYTHON", python).run()?;
    Ok(())
}
