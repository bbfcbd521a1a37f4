//! Fuzzing: libFuzzer by hand, since cargo-fuzz wants a nightly compiler for sanitizers that nothing here needs.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use xshell::{Shell, cmd};

use crate::steps::Steps;
use crate::{root, toolchain, workspace};

/// What makes the compiler tell libFuzzer which code an input reaches; the same as cargo-fuzz gives.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

/// Runs every target on its committed corpus, without the fuzzer.
pub fn replay(shell: &Shell) -> Result<()> {
    Ok(cmd!(shell, "cargo test --quiet --manifest-path fuzz/Cargo.toml --no-default-features").run()?)
}

/// Fuzzes one target, or each in turn, for so many seconds each.
pub fn fuzz(shell: &Shell, steps: &mut Steps, target: Option<&str>, seconds: u32) -> Result<()> {
    let targets = targets(shell)?;
    ensure!(target.is_none_or(|name| targets.iter().any(|target| target == name)), "the targets are {targets:?}");
    let host = toolchain::host(shell)?;
    // With `--target` the flags are not for build scripts, which would not link with them.
    steps.run("fuzz: build", || {
        let build = cmd!(shell, "cargo build --quiet --release --manifest-path fuzz/Cargo.toml --bins --target {host}");
        Ok(build.env("RUSTFLAGS", COVERAGE).run()?)
    })?;
    for name in targets.iter().filter(|name| target.is_none_or(|target| target == *name)) {
        steps.run(&format!("fuzz: {name}"), || run(shell, &host, name, seconds))?;
    }
    Ok(())
}

/// New inputs go to a folder under `target`, crashes to `fuzz/artifacts`. The committed corpus is only read.
fn run(shell: &Shell, host: &str, name: &str, seconds: u32) -> Result<()> {
    let program = root().join(format!("fuzz/target/{host}/release/{name}"));
    let found = workspace().join("corpus").join(name);
    let corpus = root().join("fuzz/corpus").join(name);
    let artifacts = root().join("fuzz/artifacts").join(name);
    shell.create_dir(&found)?;
    shell.create_dir(&artifacts)?;
    // Trailing slash: libFuzzer takes the path as a mere prefix.
    let artifacts = artifacts.join("");
    let seconds = seconds.to_string();
    let seed = (SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u32).to_string();
    let output = cmd!(
        shell,
        "{program} -seed={seed} -max_total_time={seconds} -timeout=60 -artifact_prefix={artifacts} {found} {corpus}"
    );
    let output = output.ignore_status().output()?;
    let log = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        eprintln!("{log}");
        let (program, artifacts) = (program.display(), artifacts.display());
        bail!("{name} fails with seed {seed}; the input is above and in {artifacts}; `{program} FILE` repeats it");
    }
    let last = log.lines().rfind(|line| line.starts_with("Done")).context("libFuzzer did not finish")?;
    println!("{name}: {last}");
    Ok(())
}

/// The targets are the programs in `fuzz/fuzz_targets`.
fn targets(shell: &Shell) -> Result<Vec<String>> {
    let files = shell.read_dir(root().join("fuzz/fuzz_targets"))?;
    let names = files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
    Ok(names.filter_map(|file| Some(file.file_stem()?.to_str()?.to_owned())).collect())
}
