//! The checks of this repository. `cargo xtask ci` makes them all; CI does nothing else.

mod bench;
mod fuzz;
mod gates;
mod lint;
mod nostd;
mod readme;
mod setup;
mod steps;
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
    /// Checks the formatting.
    Fmt,
    /// Runs clippy with and without features; warnings are errors.
    Clippy,
    /// Builds the documentation; warnings are errors.
    Doc,
    /// Checks every combination of features.
    Features,
    /// Makes the package as it would be published, and builds it.
    Package,
    /// Builds for every architecture without std, without libc.
    Nostd,
    /// Counts the instructions of the hot operations against their bounds.
    Gates,
    /// Model-checks semaphores, the robust lock and the shared queue with loom, as deep as the models say: minutes. CI allows a preemption less.
    Loom,
    /// Measures rawipc beside its peers; fails where a target is missed. By hand, on a quiet machine.
    Bench {
        /// Keeps the figures in benches/record.txt.
        #[arg(long)]
        record: bool,
    },
    /// Races many processes for one shared value, with random kills, a thousand times. By hand: minutes.
    Race,
    /// Kills processes of a shared queue at random moments, ten thousand times. By hand: minutes.
    Kills,
    /// Checks the rules of this code base that no other tool knows.
    Tidy,
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
        Task::Fmt => steps.run("fmt", || lint::fmt(&shell)),
        Task::Clippy => steps.run("clippy", || lint::clippy(&shell)),
        Task::Doc => steps.run("doc", || lint::doc(&shell)),
        Task::Features => steps.run("features", || lint::features(&shell)),
        Task::Package => steps.run("package", || lint::package(&shell)),
        Task::Nostd => nostd::all(&shell, steps),
        Task::Gates => gates::all(&shell, steps),
        Task::Loom => steps.run("loom", || tests::loom(&shell, 0)),
        Task::Bench { record } => steps.run("bench", || bench::compare(&shell, *record)),
        Task::Race => steps.run("race", || tests::race(&shell)),
        Task::Kills => steps.run("kills", || tests::kills(&shell)),
        Task::Tidy => steps.run("tidy", tidy::check),
        Task::Fuzz { target, seconds } => fuzz::fuzz(&shell, steps, target.as_deref(), *seconds),
    }
}

/// The tests come first: where they fail, what the other checks say matters little.
fn ci(shell: &Shell, steps: &mut Steps) -> Result<()> {
    setup::all(shell, steps)?;
    tests::all(shell, steps)?;
    steps.run("fmt", || lint::fmt(shell))?;
    steps.run("tidy", tidy::check)?;
    steps.run("clippy", || lint::clippy(shell))?;
    steps.run("features", || lint::features(shell))?;
    steps.run("doc", || lint::doc(shell))?;
    steps.run("package", || lint::package(shell))?;
    steps.run("loom, with a preemption less", || tests::loom(shell, 1))?;
    gates::all(shell, steps)?;
    nostd::all(shell, steps)?;
    fuzz::fuzz(shell, steps, None, 10)
}

/// The repository's folder.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the repository")
}

/// Where the checks keep what they install and make.
fn workspace() -> PathBuf {
    root().join("target/xtask")
}
