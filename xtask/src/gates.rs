//! What the hot operations cost, by numbers that are the same on every run, however busy the machine: instructions in
//! user space, counted by valgrind's callgrind, and bytes of machine code, as the symbol table has them.
//!
//! System calls and allocations are counted by tests: `tests/it/system_calls.rs`, `tests/it/allocation.rs`.

use anyhow::{Context, Result, bail, ensure};
use xshell::{Shell, cmd};

use crate::root;
use crate::steps::Steps;

/// An operation of `benches/gates/instructions.rs`, and the most instructions that it may take, its loop included.
const INSTRUCTIONS: [(&str, u64); 13] = [
    ("queue", 25),
    ("queue-timeout", 53),
    ("queue-try", 106),
    ("queue-try-empty", 98),
    ("queue-many", 72),
    ("robust", 30),
    ("shared-queue", 275),
    ("shared-queue-queued", 342),
    ("shared-queue-long", 970),
    ("semaphore", 16),
    ("semaphore-five", 20),
    ("semaphore-named", 28),
    ("semaphore-try", 14),
];

/// A function of `benches/gates/sizes.rs`, and the most bytes of machine code that may be inlined into it.
const SIZES: [(&str, u64); 12] = [
    ("hot_send", 96),
    ("hot_try_send", 184),
    ("hot_send_timeout", 232),
    ("hot_receive", 160),
    ("hot_try_receive", 240),
    ("hot_receive_timeout", 312),
    ("hot_post", 136),
    ("hot_wait", 64),
    ("hot_try_wait", 56),
    ("hot_wait_timeout", 64),
    ("hot_named_post", 312),
    ("hot_named_wait", 168),
];

/// The lengths of the two runs whose difference is counted.
const SHORT: u64 = 1_000;
const LONG: u64 = 6_000;

/// Fails if an operation costs more than its gate.
pub fn all(shell: &Shell, steps: &mut Steps) -> Result<()> {
    steps.run("gates: build", || {
        let build =
            cmd!(shell, "cargo build --quiet --release --manifest-path benches/Cargo.toml --no-default-features");
        Ok(build.args(["--bin", "instructions", "--bin", "sizes"]).run()?)
    })?;
    steps.run("gates: instructions", || {
        within("instructions", &INSTRUCTIONS, |operation| {
            let more = count(shell, operation, LONG)? - count(shell, operation, SHORT)?;
            Ok((more as f64 / (LONG - SHORT) as f64).round() as u64)
        })
    })?;
    steps.run("gates: code size", || {
        let program = program("sizes");
        let symbols = cmd!(shell, "nm --print-size --radix=d {program}").quiet().read()?;
        within("bytes", &SIZES, |function| size(&symbols, function))
    })
}

/// Measures each, and compares it with the most that it may be.
fn within(unit: &str, gates: &[(&str, u64)], measure: impl Fn(&str) -> Result<u64>) -> Result<()> {
    let mut faults = Vec::new();
    for (name, most) in gates {
        let cost = measure(name)?;
        println!("{name:20} {cost:4} {unit}, at most {most}");
        faults.extend((cost > *most).then_some(*name));
    }
    ensure!(faults.is_empty(), "too many {unit}: {}", faults.join(", "));
    Ok(())
}

fn program(name: &str) -> String {
    root().join("benches/target/release").join(name).display().to_string()
}

/// The instructions of a whole run.
fn count(shell: &Shell, operation: &str, times: u64) -> Result<u64> {
    let (program, times) = (program("instructions"), times.to_string());
    let run = cmd!(shell, "valgrind --tool=callgrind --callgrind-out-file=/dev/null {program} {operation} {times}");
    let output = run.quiet().output().context("valgrind does not run")?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{operation} fails: {text}");
    }
    let collected = text.lines().find_map(|line| line.split_once("Collected :")).context("valgrind counts nothing")?;
    Ok(collected.1.trim().parse()?)
}

/// The size of a function, from lines of address, size, sort and name.
fn size(symbols: &str, function: &str) -> Result<u64> {
    let of_line = |line: &str| -> Option<u64> {
        let fields: Vec<_> = line.split(' ').collect();
        let &[_, size, _, name] = fields.as_slice() else { return None };
        (name == function).then(|| size.parse().ok())?
    };
    symbols.lines().find_map(of_line).with_context(|| format!("there is no function {function}"))
}
