//! The tests under tools that watch memory and threads. By hand: each builds the standard library too, which takes
//! minutes.

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::tests::test_programs;
use crate::{setup, toolchain, workspace};

/// Tests that a tool cannot run, by the start of their path, and why.
type Excluded = (&'static str, &'static str);

const CALLS: &str = "the tool's own system calls show among those that are counted, filtered or made to fail";
const PROGRAMS: &str = "most of it happens in other programs, which are built without the tool";

const NOT_UNDER_ASAN: &[Excluded] = &[
    ("faults::", CALLS),
    ("mqueue::tracing::", CALLS),
    ("semaphore::calls::", CALLS),
    ("shm::errors::failures_of_the_kernel", CALLS),
    ("examples::", PROGRAMS),
    ("semaphore::images::files", PROGRAMS),
    ("semaphore::interop::", PROGRAMS),
    ("semaphore::static_programs::", PROGRAMS),
];

/// The tests of threads in one process, which are what ThreadSanitizer is for. It delays signals to threads that are in
/// system calls it does not know, as ours are, and does not look into other processes; so the rest would hang or show
/// nothing.
const UNDER_TSAN: [&str; 12] = [
    "threads",
    "batch::looks",
    "shared_queue::doorbell::",
    "shared_queue::in_place::",
    "semaphore::memory::",
    "semaphore::named::two_handles",
    "semaphore::errors::many_posters",
    "semaphore::errors::posters_and_takers",
    "shm::mapping::mappings_may",
    "shm::bytes::a_race",
    "notify::thread::rearming",
    "notify::thread::stopping",
];

/// Looks for accesses beyond what was allocated, and after it was freed.
pub fn address(shell: &Shell) -> Result<()> {
    NOT_UNDER_ASAN.iter().for_each(|(tests, reason)| println!("without {tests}: {reason}"));
    let skips: Vec<&str> = NOT_UNDER_ASAN.iter().flat_map(|(tests, _)| ["--skip", tests]).collect();
    // The library allocates nothing, so there is nothing to leak.
    run(shell, "address", &[("ASAN_OPTIONS", "detect_leaks=0")], &skips)
}

/// Looks for accesses of threads that nothing orders.
pub fn thread(shell: &Shell) -> Result<()> {
    let options = [("TSAN_OPTIONS", "halt_on_error=1 die_after_fork=0")];
    UNDER_TSAN.iter().try_for_each(|filter| run(shell, "thread", &options, &[*filter]))
}

/// Runs tests with a standard library that is built for the tool too.
fn run(shell: &Shell, sanitizer: &str, environment: &[(&str, &str)], arguments: &[&str]) -> Result<()> {
    setup::standard_library_source(shell)?;
    let (host, target) = (toolchain::host(shell)?, workspace().join(sanitizer));
    let flags = format!("-Zsanitizer={sanitizer} -Cunsafe-allow-abi-mismatch=sanitizer");
    let run = cmd!(
        shell,
        "cargo test --all-features --test it -Zbuild-std --target {host} --target-dir {target} -- {arguments...}"
    );
    let run = run.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", flags).envs(environment.iter().copied());
    // What the machine lacks is a failure.
    Ok(run.env("RAWIPC_STRICT", "1").env("RAWIPC_PYTHON", setup::python()).run()?)
}

/// The tests that valgrind's memcheck can run: those in which no clock is read and no page size asked for. It hides the
/// kernel's own code from the program, which rustix looks into for both, as the kernel says where it is. Tests in
/// processes of their own run without it.
const UNDER_VALGRIND: [&str; 13] = [
    "buffers::",
    "descriptor::",
    "list_files::",
    "names::",
    "options::",
    "ownership::",
    "semaphore_malformed::",
    "shared_queue::batch::",
    "shared_queue::in_place::nothing_outside",
    "shared_queue::in_place::what_is_put_back",
    "shm::bytes::every",
    "shm_objects::",
    "status::",
];

/// Looks for accesses to what is not there, and for decisions by what was never written.
pub fn valgrind(shell: &Shell) -> Result<()> {
    let program = tests(shell)?;
    for filter in UNDER_VALGRIND {
        println!("{filter}");
        let run = cmd!(shell, "valgrind --quiet --error-exitcode=9 {program} --test-threads=1 {filter}");
        run.run()?;
    }
    Ok(())
}

/// Builds the test program; cargo says where it is.
fn tests(shell: &Shell) -> Result<String> {
    let build = cmd!(shell, "cargo test --all-features --test it --no-run --message-format=json");
    let messages = build.quiet().ignore_stderr().read().context("the tests do not build")?;
    test_programs(&messages).pop().context("cargo does not say where the program is")
}
