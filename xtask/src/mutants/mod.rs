//! Bugs planted on purpose, one at a time, in a copy: does a test fail? By hand, since each takes a build.

mod bugs;
mod doorbells;
mod waiting;

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use xshell::{Cmd, Shell, cmd};

use crate::{root, setup, workspace};
use bugs::{BUGS, Bug, Finder};
use doorbells::DOORBELLS;
use waiting::WAITING;

/// Where the result of a whole run is kept.
const RECORD: &str = "tests/mutants.txt";

/// All bugs.
fn all() -> impl Iterator<Item = &'static Bug> {
    BUGS.iter().chain(DOORBELLS).chain(WAITING)
}

/// Plants every bug, or those whose sentence holds a text; fails if a bug is not found.
pub fn plant(shell: &Shell, only: Option<&str>) -> Result<()> {
    let bugs: Vec<&Bug> = all().filter(|bug| only.is_none_or(|text| bug.what.contains(text))).collect();
    ensure!(!bugs.is_empty(), "there is no such bug");
    let copy = workspace().join("mutants/copy");
    shell.remove_path(&copy)?;
    shell.create_dir(&copy)?;
    // With the times of the files, so that what is built stays good.
    let pack = format!(
        "git ls-files -z --cached --others --exclude-standard | tar -c --null -T - | tar -x -C {}",
        copy.display()
    );
    cmd!(shell, "sh -c {pack}").quiet().run()?;
    let mut results = Vec::new();
    for (number, bug) in bugs.iter().enumerate() {
        let start = Instant::now();
        let found = find(shell, &copy, bug)?;
        let seconds = start.elapsed().as_secs();
        println!("{:2} of {}: {}: {found} ({seconds} s)", number + 1, bugs.len(), bug.what);
        results.push((bug, found));
        // Each time, so that a run that is ended has a result too.
        if only.is_none() {
            record(shell, &results)?;
        }
    }
    let survivors = results.iter().filter(|(_, found)| found == SURVIVED).count();
    ensure!(survivors == 0, "{survivors} of {} bugs are not found", results.len());
    Ok(())
}

/// The exit code of `timeout`.
const TIMED_OUT: i32 = 124;

const SURVIVED: &str = "NOT FOUND";

/// Plants a bug, runs the tests, and takes it away; says what has found it.
fn find(shell: &Shell, copy: &Path, bug: &Bug) -> Result<String> {
    let file = copy.join(bug.file);
    let right = fs::read_to_string(&file)?;
    ensure!(right.matches(bug.right).count() == 1, "{:?} is not there once in {}", bug.right, bug.file);
    fs::write(&file, right.replace(bug.right, bug.wrong))?;
    let found = match bug.finder {
        Finder::Tests(filter) => {
            build(shell, copy).with_context(|| format!("with the bug it does not compile: {}", bug.what))?;
            match failing_test(shell, copy, FEW, filter)? {
                None => failing_test(shell, copy, ALL, "")?,
                found => found,
            }
        }
        Finder::Models(filter) => failing_model(shell, copy, filter)?,
    };
    fs::write(&file, right)?;
    Ok(found.unwrap_or_else(|| SURVIVED.to_owned()))
}

/// Builds what the named tests need; the tool takes long, and is built only where the whole suite is asked.
fn build(shell: &Shell, copy: &Path) -> Result<()> {
    let build = tests(shell, FEW, "600").arg("--no-run");
    Ok(in_copy(shell, copy, || build.quiet().run())?)
}

const FEW: &str = "--features=std,zerocopy";
const ALL: &str = "--all-features";

/// The first test of these that fails. What hangs because of the bug is ended, and has found it too.
fn failing_test(shell: &Shell, copy: &Path, features: &str, filter: &str) -> Result<Option<String>> {
    let seconds = if filter.is_empty() { "900" } else { "75" };
    let run = tests(shell, features, seconds).args(["--", filter]).env("RAWIPC_PYTHON", setup::python());
    failure(in_copy(shell, copy, || run.quiet().ignore_status().output())?)
}

fn tests<'shell>(shell: &'shell Shell, features: &str, seconds: &str) -> Cmd<'shell> {
    let target = workspace().join("mutants/target");
    // What a test that hangs leaves when it is ended goes with its namespaces.
    let apart = "mount -t tmpfs none /dev/shm && exec cargo test --quiet --test it \"$@\"";
    let command =
        cmd!(shell, "timeout {seconds} unshare --mount --ipc sh -c {apart} sh {features} --target-dir {target}");
    // Warnings come with the bugs, and nobody debugs.
    command.env("RUSTFLAGS", "-Awarnings").env("CARGO_PROFILE_DEV_DEBUG", "0")
}

fn failing_model(shell: &Shell, copy: &Path, filter: &str) -> Result<Option<String>> {
    let target = workspace().join("mutants/loom");
    let filter = format!("loom_tests::models::{filter}");
    let run = cmd!(shell, "cargo test --quiet --release --lib --target-dir {target} {filter}");
    let run = run.env("RUSTFLAGS", "--cfg loom").env("RAWIPC_FEWER_PREEMPTIONS", "1");
    failure(in_copy(shell, copy, || run.quiet().ignore_status().output())?)
}

fn in_copy<T>(shell: &Shell, copy: &Path, work: impl FnOnce() -> T) -> T {
    let _inside = shell.push_dir(copy);
    work()
}

/// The name of a test that failed, from what the test program has printed.
fn failure(output: std::process::Output) -> Result<Option<String>> {
    let text = String::from_utf8_lossy(&output.stdout);
    if output.status.code() == Some(TIMED_OUT) {
        return Ok(Some("a test that hangs".to_owned()));
    }
    if output.status.success() {
        ensure!(!text.contains("running 0 tests"), "no test has run:\n{text}");
        return Ok(None);
    }
    let name = first_failure(&text).map(str::to_owned);
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(name.is_some() || !errors.contains("error[E"), "it does not compile:\n{errors}");
    Ok(Some(name.unwrap_or_else(|| "the end of the test program".to_owned())))
}

/// The first test whose failure is described.
fn first_failure(text: &str) -> Option<&str> {
    let mut lines = text.lines().skip_while(|line| *line != "failures:");
    lines.find_map(|line| line.strip_prefix("---- ")?.split(' ').next())
}

fn record(shell: &Shell, results: &[(&&Bug, String)]) -> Result<()> {
    let commit = cmd!(shell, "git rev-parse --short HEAD").quiet().read()?;
    let date = cmd!(shell, "date --utc --iso-8601=minutes").quiet().read()?;
    let mut text = format!("command: cargo xtask mutants\ndate: {date}\ncommit: {commit}\n\nbug, file: found by\n");
    for (bug, found) in results {
        text.push_str(&format!("{}, {}: {found}\n", bug.what, bug.file));
    }
    let found = results.iter().filter(|(_, found)| found != SURVIVED).count();
    text.push_str(&format!("\n{found} found of {} that were planted; {} are listed\n", results.len(), all().count()));
    Ok(fs::write(root().join(RECORD), text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_is_named() {
        let text = "running 2 tests\n.F\n\nfailures:\n\n---- waits::one ----\nwhy\n\n---- waits::two ----\n";
        assert_eq!(first_failure(text), Some("waits::one"));
        assert_eq!(first_failure("test result: ok. 2 passed"), None);
    }

    #[test]
    fn every_bug_can_be_planted() {
        let is_plantable = |bug: &&Bug| {
            let text = fs::read_to_string(root().join(bug.file)).unwrap_or_default();
            text.matches(bug.right).count() == 1 && bug.right != bug.wrong
        };
        let stale: Vec<_> = all().filter(|bug| !is_plantable(bug)).map(|bug| (bug.file, bug.right)).collect();
        assert!(stale.is_empty(), "not there exactly once: {stale:#?}");
    }
}
