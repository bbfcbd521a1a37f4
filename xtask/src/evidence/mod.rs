//! What was run where: each run leaves a record, and the records together make `docs/evidence.md`.

mod page;
mod record;

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, ensure};
use xshell::Shell;

use crate::bare::{TARGETS, Target};
use crate::{root, workspace};

pub use record::{Record, Where};

const PAGE: &str = "docs/evidence.md";

/// Writes the page. Needs all runs, of the program as it is now.
pub fn write(shell: &Shell) -> Result<()> {
    let records = records(shell)?;
    for target in &TARGETS {
        proves_all(target, &records)?;
    }
    shell.write_file(root().join(PAGE), page::of_records(&records))?;
    println!("{PAGE} is written, of {} runs.", records.len());
    Ok(())
}

/// What was run here says the same as the page, but for dates and versions.
pub fn check(shell: &Shell) -> Result<()> {
    let page = fs::read_to_string(root().join(PAGE)).with_context(|| format!("{PAGE} cannot be read"))?;
    let records = records(shell)?;
    for record in &records {
        let row = page::stable_part(record);
        let agrees = page.lines().any(|line| line.starts_with(&row));
        ensure!(agrees, "{PAGE} has no row `{row}`: run `cargo xtask cross`, `kernel` and `evidence`");
    }
    println!("{PAGE} agrees with {} runs.", records.len());
    Ok(())
}

/// The emulator's name and version: what its `--version` begins with, without the packager's part.
pub fn emulator_version(text: &str) -> Result<String> {
    let mut words = text.split_whitespace().skip_while(|word| *word != "version").skip(1);
    Ok(format!("QEMU {}", words.next().context("the emulator has no version")?))
}

/// Every test has passed somewhere on a supported architecture, and none is of an older program.
fn proves_all(target: &Target, records: &[Record]) -> Result<()> {
    let name = target.architecture;
    let runs: Vec<_> = records.iter().filter(|record| record.architecture == name).collect();
    let is_there = |is_kernel| runs.iter().any(|run| (run.place == Where::Kernel) == is_kernel);
    ensure!(is_there(false), "`cargo xtask cross {name}` has not been run here");
    if !target.is_first_tier {
        return Ok(());
    }
    ensure!(is_there(true), "`cargo xtask kernel` has not been run here for {name}");
    let tests = runs[0].outcome.tests();
    ensure!(runs.iter().all(|run| run.outcome.tests() == tests), "the runs for {name} are not of the same tests");
    let passed: BTreeSet<&str> = runs.iter().flat_map(|run| &run.outcome.passed).map(String::as_str).collect();
    let nowhere: Vec<_> = tests.difference(&passed).copied().collect();
    ensure!(nowhere.is_empty(), "on {name} nothing has run {}", nowhere.join(", "));
    Ok(())
}

/// The records of the runs on this machine, in the order of the targets.
fn records(shell: &Shell) -> Result<Vec<Record>> {
    let folder = workspace().join("evidence");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let read = |path| Record::parse(&fs::read_to_string(&path)?).with_context(|| format!("{path:?} is no record"));
    let mut records: Vec<Record> = shell.read_dir(folder)?.into_iter().map(read).collect::<Result<_>>()?;
    let place = |record: &Record| TARGETS.iter().position(|target| target.architecture == record.architecture);
    records.sort_by_key(|record| (place(record), record.place));
    Ok(records)
}
