//! rawipc beside its peers, in one run; by hand, since times are noisy.

use std::fs;

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

/// Where a recorded run is kept.
const RECORD: &str = "benches/record.txt";

/// Runs the comparison; keeps what it says, with what it ran on, if asked to.
pub fn compare(shell: &Shell, record: bool) -> Result<()> {
    let run = cmd!(shell, "cargo bench --quiet --bench compare -- --check");
    if !record {
        return Ok(run.run()?);
    }
    let output = run.ignore_status().output()?;
    let table = String::from_utf8(output.stdout)?;
    print!("{table}");
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    let of = |command: &str| -> Result<String> {
        cmd!(shell, "sh -c {command}").quiet().read().with_context(|| command.to_owned())
    };
    let head = format!(
        "command: cargo xtask bench --record\ndate: {}\ncommit: {}\nkernel: {}\nprocessor{}, {} of them\n\
         C library: {}\n",
        of("date --utc --iso-8601=minutes")?,
        of("git rev-parse --short HEAD")?,
        of("uname --kernel-release")?,
        cpu.trim_start(),
        of("nproc")?,
        of("ldd --version | head --lines=1")?,
    );
    Ok(fs::write(crate::root().join(RECORD), head + &table)?)
}
