//! The page of all records.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::record::{Record, Where};

const HEAD: &str = "# What was tested where

`cargo xtask evidence` has made this page of the runs of `tests/bare`, the tests of the whole public API in a static
program without libc, std and allocation. Nothing in it is written by hand. CI makes some of the runs anew and fails if
they say anything else than the page. `cargo xtask cross` makes the runs on the processor at hand and in qemu's user
mode, `cargo xtask kernel` those on real kernels: Debian's, in qemu, where the tests are the first and only process.

A test that needs what a place lacks is not counted as passed there. On every architecture but those of the second tier,
each test has passed in at least one place; else the page could not be made. The second tier is not supported: its runs
show that nothing depends on the order of bytes.
";

/// The page, of all records in the order they come in.
pub fn of_records(records: &[Record]) -> String {
    let mut page = HEAD.to_owned();
    page += "\n## Runs\n\
             | architecture | target | where | tests passed | lacking there | list of tests | system | date |\n\
             |---|---|---|---|---|---|---|---|\n";
    for record in records {
        let _ = writeln!(page, "{} {} | {} |", stable_part(record), record.system, record.date);
    }
    page += "\n## Subjects\nTests of each subject, and where on an architecture all of them passed.\n\n";
    page += &subjects(records);
    page
}

/// What of a run's row is the same on another day and another machine.
pub fn stable_part(record: &Record) -> String {
    let Record { architecture, triple, place, outcome, .. } = record;
    let (passed, tests) = (outcome.passed.len(), outcome.tests());
    let mut lacking = BTreeMap::new();
    for (_, call) in &outcome.unsupported {
        *lacking.entry(call.as_str()).or_insert(0) += 1;
    }
    let lacking: Vec<_> = lacking.iter().map(|(call, count)| format!("{call} ({count})")).collect();
    let (lacking, digest) = (lacking.join(", "), digest(&tests));
    format!("| {architecture} | `{triple}` | {place} | {passed} of {} | {lacking} | {digest:08x} |", tests.len())
}

/// A number that differs if the names do (FNV-1a).
fn digest(names: &BTreeSet<&str>) -> u32 {
    let bytes = names.iter().flat_map(|name| name.bytes().chain([b'\n']));
    bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// A row a subject, a column an architecture.
fn subjects(records: &[Record]) -> String {
    let subject_of = |test: &str| test.split("::").next().unwrap_or_default().to_owned();
    let mut architectures: Vec<&str> = records.iter().map(|record| record.architecture.as_str()).collect();
    architectures.dedup();
    let subjects: BTreeSet<String> = records.iter().flat_map(|record| record.outcome.tests()).map(subject_of).collect();
    let mut table =
        format!("| subject | {} |\n|---|{}\n", architectures.join(" | "), "---|".repeat(architectures.len()));
    for subject in subjects {
        let _ = write!(table, "| {subject} |");
        for architecture in &architectures {
            let runs = records.iter().filter(|record| record.architecture == *architecture);
            let cells: Vec<_> = runs.filter_map(|record| cell(record, &subject)).collect();
            let _ = write!(table, " {} |", cells.join(", "));
        }
        table.push('\n');
    }
    table
}

/// How many tests of a subject passed in a run, if all did.
fn cell(record: &Record, subject: &str) -> Option<String> {
    let is_of_it = |test: &str| test.split("::").next() == Some(subject);
    let all = record.outcome.tests().into_iter().filter(|test| is_of_it(test)).count();
    let passed = record.outcome.passed.iter().filter(|test| is_of_it(test)).count();
    let place = match record.place {
        Where::Native => "native",
        Where::Emulated => "emulated",
        Where::Kernel => "kernel",
    };
    (all > 0 && all == passed).then(|| format!("{place} {passed}"))
}
