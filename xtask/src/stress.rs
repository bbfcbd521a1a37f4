//! The stress run: processes that use everything at once, and are killed and stopped at random.

use std::fs;

use anyhow::Result;
use xshell::{Shell, cmd};

/// Where a recorded run is kept.
const RECORD: &str = "tests/it/stress/record.txt";

/// Runs for so many seconds, from a seed on if one is given; keeps what the run says, with what it ran on, if asked to.
pub fn stress(shell: &Shell, seconds: u32, seed: Option<u64>, record: bool) -> Result<()> {
    let (seconds, seed) = (seconds.to_string(), seed.map(|seed| seed.to_string()));
    // It is a part that the test program plays.
    let run = cmd!(shell, "cargo test --quiet --all-features --test it -- {seconds} {seed...}");
    let run = run.env("RAWIPC_ROLE", "stress");
    if !record {
        return Ok(run.run()?);
    }
    let totals = run.read()?;
    println!("{totals}");
    let of = |command: &str| cmd!(shell, "sh -c {command}").quiet().read();
    let head = format!(
        "command: cargo xtask stress {seconds} --record\ndate: {}\ncommit: {}\nkernel: {}, {} processors\n",
        of("date --utc --iso-8601=minutes")?,
        of("git rev-parse --short HEAD")?,
        of("uname --kernel-release")?,
        of("nproc")?,
    );
    Ok(fs::write(crate::root().join(RECORD), head + &totals + "\n")?)
}
