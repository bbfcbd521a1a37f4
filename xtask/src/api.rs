//! The public API as a list, committed as `api.txt`: whoever changes it sees so in the diff, and so does the reviewer.

use std::fs;

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

use crate::{root, workspace};

const FILE: &str = "api.txt";

/// Compares the API with the committed list, or writes that anew.
pub fn check(shell: &Shell, accept: bool) -> Result<()> {
    let api = list(shell)?;
    if accept {
        return Ok(fs::write(root().join(FILE), api)?);
    }
    let known = fs::read_to_string(root().join(FILE)).unwrap_or_default();
    let gone = known.lines().filter(|line| !api.lines().any(|other| other == *line)).map(|line| format!("- {line}"));
    let new = api.lines().filter(|line| !known.lines().any(|other| other == *line)).map(|line| format!("+ {line}"));
    let changes: Vec<String> = gone.chain(new).collect();
    ensure!(
        changes.is_empty(),
        "the public API is not that of {FILE}:\n{}\nIf that is meant, `cargo xtask api --accept`; see CONTRIBUTING.md",
        changes.join("\n")
    );
    println!("{} lines, as in {FILE}", api.lines().count());
    Ok(())
}

/// rustdoc's JSON is not stable; as it is about a check alone, `RUSTC_BOOTSTRAP` lets the stable compiler write it.
fn list(shell: &Shell) -> Result<String> {
    let target = workspace().join("api");
    cmd!(
        shell,
        "cargo rustdoc --quiet --lib --all-features --target-dir {target} -- -Zunstable-options --output-format=json"
    )
    .env("RUSTC_BOOTSTRAP", "1")
    .run()?;
    let json = target.join("doc/rawipc.json");
    Ok(cmd!(shell, "cargo run --quiet --package api -- {json}").read()? + "\n")
}
