//! The checks of this repository. `cargo xtask ci` makes them all; CI does nothing else.

mod api;
mod apt;
mod bare;
mod bench;
mod coverage;
mod cross;
mod deny;
mod dist;
mod docs;
mod evidence;
mod freestanding;
mod fuzz;
mod gates;
mod kernel;
mod kernels;
mod lint;
mod manual;
mod miri;
mod msrv;
mod mutants;
mod nostd;
mod orderings;
mod readme;
mod release;
mod sanitizers;
mod setup;
mod signals;
mod steps;
mod stress;
mod tests;
mod tidy;
mod toolchain;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xshell::Shell;

use steps::Steps;

/// The checks of this repository.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Makes every check, as CI does.
    Ci,
    /// Installs what the checks need and this machine has not.
    Setup,
    /// Runs the README's two commands, xtask's own tests and the fuzz targets' corpora.
    Test,
    /// Runs the commands of README.md and the other documents, and follows their links.
    Docs,
    /// Runs the commands of one document. Only for namespaces of its own, as `docs` makes them.
    #[command(hide = true)]
    RunDocument { path: String },
    /// Checks the formatting.
    Fmt,
    /// Runs clippy with and without features; warnings are errors.
    Clippy,
    /// Builds the documentation; warnings are errors.
    Doc,
    /// Compares the public API with api.txt.
    Api {
        /// Writes api.txt anew.
        #[arg(long)]
        accept: bool,
    },
    /// Checks every combination of features.
    Features,
    /// Makes the package as it would be published, and builds it.
    Package,
    /// Builds with the compilers of Debian's that are next to the promised one. By hand: it downloads much.
    Msrv,
    /// Builds for every architecture without std, without libc.
    Nostd,
    /// Builds and runs programs without libc and std for every architecture; fails where they have grown.
    Freestanding {
        /// Keeps the sizes in tests/freestanding/sizes.txt.
        #[arg(long)]
        record: bool,
    },
    /// Builds the tool as one small static file for each architecture, tries them and writes checksums. By hand.
    Dist {
        /// The beginning of a target's name; all of them if it is not given.
        target: Option<String>,
    },
    /// Runs the tests without libc on every architecture, natively or in qemu's user mode.
    Cross {
        /// The architecture, like `aarch64`; all of them if it is not given.
        architecture: Option<String>,
    },
    /// Runs the tests without libc under filters that answer as older or smaller kernels, and as sandboxes, would.
    Kernels,
    /// Runs the tests without libc, and the tool, on real kernels in qemu.
    Kernel {
        /// The machine: Debian's name of its architecture, like `arm64`, or `amd64-5.10`; all of them if not given.
        machine: Option<String>,
    },
    /// Writes docs/evidence.md, of the runs of `cross` and `kernel`.
    Evidence {
        /// Only makes sure that the page says what the runs say that were made here.
        #[arg(long)]
        check: bool,
    },
    /// Counts the instructions and the bytes of code of the hot operations against their bounds.
    Gates,
    /// Model-checks the semaphores, the robust lock and the shared queue with loom, as deep as the models say: minutes.
    /// CI allows a preemption less.
    Loom,
    /// Measures rawipc beside its peers, and says which targets are met. By hand, on a quiet machine: minutes.
    Bench(bench::Options),
    /// Races many processes for one shared value, with random kills, a thousand times; and lets eight processes open or
    /// create one object of each named type at once, 20,000 times. By hand: minutes.
    Race,
    /// Kills processes of a shared queue at random moments, ten thousand times. By hand: minutes.
    Kills {
        /// Keeps the totals in tests/kills.txt.
        #[arg(long)]
        record: bool,
    },
    /// Counts handlers of signals that do not interrupt their wait, for each way to wait, beside C. By hand: minutes.
    Signals {
        /// How many processes wait in each way and each class of times.
        #[arg(default_value_t = 2000)]
        processes: u32,
        /// Keeps the table in benches/signals.txt.
        #[arg(long)]
        record: bool,
    },
    /// Plants bugs in a copy, one at a time, and fails if the tests do not find one. By hand: half an hour.
    Mutants {
        /// Only those whose sentence holds this.
        only: Option<String>,
    },
    /// Weakens every ordering of an atomic operation in the models, one at a time, and fails if no model does and no
    /// comment says why. By hand: minutes.
    Orderings {
        /// Only those in files whose path holds this.
        only: Option<String>,
        /// Keeps the result in tests/orderings.txt.
        #[arg(long)]
        record: bool,
    },
    /// Looks at the licenses, sources and versions of all dependencies.
    Deny,
    /// Measures which lines and branches of the library the tests reach. By hand: minutes.
    Coverage {
        /// Reports on the last run anew.
        #[arg(long)]
        last: bool,
    },
    /// Runs the tests under AddressSanitizer. By hand: minutes.
    Asan,
    /// Runs the tests under ThreadSanitizer. By hand: minutes.
    Tsan,
    /// Runs tests of what is unsafe under valgrind. By hand: minutes.
    Valgrind,
    /// Runs the unit tests under Miri, where it is installed. By hand.
    Miri,
    /// Lets many processes use everything at once, with random kills and stops; a failure prints its seed.
    Stress {
        /// For how long.
        #[arg(default_value_t = 60)]
        seconds: u32,
        /// Begins with the round of this seed.
        #[arg(long)]
        seed: Option<u64>,
        /// Keeps the totals in tests/it/stress/record.txt.
        #[arg(long)]
        record: bool,
    },
    /// Checks the rules of this code base that no other tool knows.
    Tidy,
    /// Checks all that must hold before a release, and shows the commands that make it.
    Release,
    /// Builds the documentation as docs.rs does.
    DocsRs,
    /// Runs the package's own tests, unpacked somewhere else.
    PackageTests,
    /// Packs the tool's manual and completions into target/dist.
    Manual,
    /// Fuzzes one target, or each in turn.
    Fuzz {
        /// The target; all of them if it is not given.
        target: Option<String>,
        /// For how long, each.
        #[arg(default_value_t = 10)]
        seconds: u32,
    },
}

fn main() -> ExitCode {
    let mut steps = Steps::default();
    let result = run(&Arguments::parse().task, &mut steps);
    steps.report();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task, steps: &mut Steps) -> Result<()> {
    let shell = Shell::new()?;
    shell.change_dir(root());
    match task {
        Task::Ci => ci(&shell, steps),
        Task::Setup => setup::all(&shell, steps),
        Task::Test => tests::all(&shell, steps),
        Task::Docs => docs::all(&shell, steps),
        Task::RunDocument { path } => docs::inside(&shell, path),
        Task::Fmt => steps.run("fmt", || lint::fmt(&shell)),
        Task::Clippy => steps.run("clippy", || lint::clippy(&shell)),
        Task::Doc => steps.run("doc", || lint::doc(&shell)),
        Task::Api { accept } => steps.run("api", || api::check(&shell, *accept)),
        Task::Features => steps.run("features", || lint::features(&shell)),
        Task::Package => steps.run("package", || lint::package(&shell)),
        Task::Msrv => msrv::check(&shell, steps),
        Task::Nostd => nostd::all(&shell, steps, false),
        Task::Freestanding { record } => freestanding::all(&shell, steps, *record),
        Task::Dist { target } => dist::all(&shell, steps, target.as_deref()),
        Task::Cross { architecture } => cross::all(&shell, steps, architecture.as_deref()),
        Task::Kernels => kernels::all(&shell, steps),
        Task::Kernel { machine } => kernel::all(&shell, steps, machine.as_deref()),
        Task::Evidence { check: false } => evidence::write(&shell),
        Task::Evidence { check: true } => evidence::check(&shell),
        Task::Gates => gates::all(&shell, steps),
        Task::Loom => steps.run("loom", || tests::loom(&shell, 0)),
        Task::Bench(options) => bench::all(&shell, steps, options),
        Task::Race => steps.run("race", || tests::race(&shell)),
        Task::Kills { record } => steps.run("kills", || stress::kills(&shell, *record)),
        Task::Signals { processes, record } => signals::all(&shell, steps, *processes, *record),
        Task::Mutants { only } => steps.run("mutants", || mutants::plant(&shell, only.as_deref())),
        Task::Orderings { only, record } => {
            steps.run("orderings", || orderings::weaken(&shell, only.as_deref(), *record))
        }
        Task::Deny => steps.run("deny", || deny::check(&shell)),
        Task::Coverage { last } => steps.run("coverage", || coverage::measure(&shell, *last)),
        Task::Asan => steps.run("asan", || sanitizers::address(&shell)),
        Task::Tsan => steps.run("tsan", || sanitizers::thread(&shell)),
        Task::Miri => steps.run("miri", || miri::check(&shell)),
        Task::Valgrind => steps.run("valgrind", || sanitizers::valgrind(&shell)),
        Task::Stress { seconds, seed, record } => {
            steps.run("stress", || stress::stress(&shell, *seconds, *seed, *record))
        }
        Task::Tidy => steps.run("tidy", tidy::check),
        Task::Release => release::check(&shell, steps),
        Task::DocsRs => steps.run("docs.rs", || release::docs_rs(&shell)),
        Task::PackageTests => steps.run("package's tests", || release::package_tests(&shell)),
        Task::Manual => steps.run("manual", || manual::write(&shell)),
        Task::Fuzz { target, seconds } => fuzz::fuzz(&shell, steps, target.as_deref(), *seconds),
    }
}

/// The tests come first: where they fail, what the other checks say matters little.
fn ci(shell: &Shell, steps: &mut Steps) -> Result<()> {
    setup::all(shell, steps)?;
    tests::all(shell, steps)?;
    steps.run("fmt", || lint::fmt(shell))?;
    steps.run("tidy", tidy::check)?;
    steps.run("deny", || deny::check(shell))?;
    steps.run("clippy", || lint::clippy(shell))?;
    steps.run("features", || lint::features(shell))?;
    steps.run("doc", || lint::doc(shell))?;
    steps.run("api", || api::check(shell, false))?;
    docs::all(shell, steps)?;
    steps.run("package", || lint::package(shell))?;
    steps.run("loom, with a preemption less", || tests::loom(shell, 1))?;
    gates::all(shell, steps)?;
    nostd::all(shell, steps, true)?;
    // The others take as long each, and their kernels are larger to download: by hand.
    freestanding::native(shell, steps)?;
    for architecture in ["x86_64", "aarch64"] {
        cross::all(shell, steps, Some(architecture))?;
    }
    kernels::all(shell, steps)?;
    kernel::all(shell, steps, Some("arm64"))?;
    steps.run("evidence", || evidence::check(shell))?;
    steps.run("stress", || stress::stress(shell, 30, None, false))?;
    fuzz::fuzz(shell, steps, None, 1)
}

/// The repository's folder.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the repository")
}

/// Where the checks keep what they install and make.
fn workspace() -> PathBuf {
    root().join("target/xtask")
}
