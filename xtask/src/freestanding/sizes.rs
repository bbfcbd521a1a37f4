//! How large the programs are: recorded in `tests/freestanding/sizes.txt`, and bounded.

use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result, ensure};

use super::{PROGRAMS, TARGETS};
use crate::root;

const RECORD: &str = "tests/freestanding/sizes.txt";

/// By how much a program may be larger than recorded, in percent: another compiler's is never quite the same.
const TOLERANCE: u64 = 5;

/// The bytes of a target's program.
type Size = (&'static str, &'static str, u64);

/// The sizes of the targets that were built.
pub fn check(found: &[Size], record: bool) -> Result<()> {
    let is_built = |target: &str| found.iter().any(|(name, ..)| *name == target);
    let table = table(found, is_built)?;
    print!("{table}");
    for (program, most) in PROGRAMS {
        let size = size_of(found, TARGETS[0].name, program)?;
        ensure!(size <= most, "{program} has {size} bytes on {}, {most} at most", TARGETS[0].name);
    }
    let path = root().join(RECORD);
    if record {
        return Ok(fs::write(path, table)?);
    }
    let recorded = fs::read_to_string(path).with_context(|| format!("{RECORD} cannot be read"))?;
    let mut rows = recorded.lines().map(str::split_whitespace);
    let programs: Vec<&str> = rows.next().with_context(|| format!("{RECORD} is empty"))?.skip(1).collect();
    for mut row in rows {
        let target = row.next().unwrap_or_default();
        if !is_built(target) {
            continue;
        }
        for (program, recorded) in programs.iter().zip(row) {
            let (size, recorded): (u64, u64) = (size_of(found, target, program)?, recorded.parse()?);
            let most = recorded + recorded * TOLERANCE / 100;
            ensure!(
                size <= most,
                "{program} has grown from {recorded} to {size} bytes on {target}; `cargo xtask freestanding --record`"
            );
        }
    }
    Ok(())
}

fn size_of(found: &[Size], target: &str, program: &str) -> Result<u64> {
    let size = found.iter().find(|(at, name, _)| *at == target && *name == program);
    size.map(|(_, _, size)| *size).with_context(|| format!("{program} for {target} is recorded, but not built"))
}

fn table(found: &[Size], is_built: impl Fn(&str) -> bool) -> Result<String> {
    let mut table = format!("{:8}", "bytes");
    for (program, _) in PROGRAMS {
        write!(table, " {program:>9}")?;
    }
    for target in TARGETS.iter().filter(|target| is_built(target.name)) {
        write!(table, "\n{:8}", target.name)?;
        for (program, _) in PROGRAMS {
            write!(table, " {:>9}", size_of(found, target.name, program)?)?;
        }
    }
    table.push('\n');
    Ok(table)
}
