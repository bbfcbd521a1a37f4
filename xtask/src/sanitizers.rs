//! The tests under tools that watch memory and threads. By hand: each builds the standard library too, which takes
//! minutes.

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::{setup, toolchain, workspace};

/// Tests that a tool cannot run, by the start of their path, and why.
type Excluded = (&'static str, &'static str);

const FILTERS: &str = "the tool's own system calls meet the filter, or show among the calls that are counted";
const PROGRAM: &str = "runs programs that are built apart, without the tool";

const NOT_UNDER_ASAN: &[Excluded] = &[
    ("faults::", FILTERS),
    ("tracing::", FILTERS),
    ("shm_tracing::", FILTERS),
    ("semaphore_calls::", FILTERS),
    ("tool::", PROGRAM),
];

const NOT_UNDER_TSAN: &[Excluded] = &[
    ("faults::", FILTERS),
    ("tracing::", FILTERS),
    ("shm_tracing::", FILTERS),
    ("semaphore_calls::", FILTERS),
    ("tool::", PROGRAM),
];

/// Looks for accesses beyond what was allocated, and after it was freed.
pub fn address(shell: &Shell) -> Result<()> {
    // The library allocates nothing, so there is nothing to leak.
    run(shell, "address", ("ASAN_OPTIONS", "detect_leaks=0"), NOT_UNDER_ASAN)
}

/// Looks for accesses of threads that nothing orders.
pub fn thread(shell: &Shell) -> Result<()> {
    run(shell, "thread", ("TSAN_OPTIONS", "die_after_fork=0"), NOT_UNDER_TSAN)
}

fn run(shell: &Shell, sanitizer: &str, options: (&str, &str), excluded: &[Excluded]) -> Result<()> {
    let (host, python, target) = (toolchain::host(shell)?, setup::python(), workspace().join(sanitizer));
    for (tests, reason) in excluded {
        println!("without {tests}: {reason}");
    }
    let skips = excluded.iter().flat_map(|(tests, _)| ["--skip", tests]);
    let run = cmd!(
        shell,
        "cargo test --all-features --test it -Zbuild-std --target {host} --target-dir {target} -- {skips...}"
    );
    let run = run
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", format!("-Zsanitizer={sanitizer} -Cunsafe-allow-abi-mismatch=sanitizer"));
    Ok(run.env(options.0, options.1).env("RAWIPC_PYTHON", python).run()?)
}

/// What of the unsafe parts valgrind's memcheck can run: it knows the calls of queues, but starts other processes
/// without itself, and has one thread run at a time.
const UNDER_VALGRIND: [&str; 8] = [
    "buffers::",
    "send_receive::every",
    "typed::",
    "stream::",
    "descriptor::",
    "shm_mapping::",
    "shm_bytes::every",
    "semaphore_memory::tokens",
];

/// Looks for accesses to what is not there, and for decisions by what was never written.
pub fn valgrind(shell: &Shell) -> Result<()> {
    let program = tests(shell)?;
    for filter in UNDER_VALGRIND {
        println!("{filter}");
        let run = cmd!(shell, "valgrind --quiet --error-exitcode=9 {program} --test-threads=1 {filter}");
        run.env("RAWIPC_PYTHON", setup::python()).run()?;
    }
    Ok(())
}

/// Builds the test program; cargo says where it is.
fn tests(shell: &Shell) -> Result<String> {
    let build = cmd!(shell, "cargo test --all-features --test it --no-run --message-format=json");
    let messages = build.quiet().ignore_stderr().read().context("the tests do not build")?;
    let mut lines = messages.lines().rev();
    let executable = lines.find_map(|line| line.split_once("\"executable\":\"")?.1.split('"').next());
    executable.map(str::to_owned).context("cargo does not say where the program is")
}
