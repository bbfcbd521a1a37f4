//! How often a signal's handler does not interrupt the wait that it runs in; by hand, since that is a matter of chance.

use std::fs;

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

use crate::stress::head;
use crate::{root, steps::Steps};

/// The table of the last run that was recorded.
const RECORD: &str = "benches/signals.txt";

/// Lets so many processes wait in each way and each class of times. Also a run that fails is recorded.
pub fn all(shell: &Shell, steps: &mut Steps, processes: u32, record: bool) -> Result<()> {
    steps.run("signals: build", || {
        let build =
            cmd!(shell, "cargo build --quiet --release --manifest-path benches/Cargo.toml --no-default-features");
        Ok(build.args(["--bin", "signals"]).run()?)
    })?;
    steps.run("signals", || {
        let (program, processes) = (root().join("benches/target/release/signals"), processes.to_string());
        let run = cmd!(shell, "{program} {processes}");
        if !record {
            return Ok(run.run()?);
        }
        let output = run.ignore_status().output()?;
        let table = String::from_utf8_lossy(&output.stdout);
        print!("{table}");
        fs::write(root().join(RECORD), head(shell, &format!("signals {processes}"))? + &table)?;
        ensure!(output.status.success(), "handlers did not do what they must: {}", output.status);
        Ok(())
    })
}
