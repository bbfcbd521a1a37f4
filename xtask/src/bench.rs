//! rawipc beside its peers, in one run; by hand, since times are noisy.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use xshell::{Shell, cmd};

use crate::steps::Steps;
use crate::{root, setup, workspace};

/// The recorded run, and the page made of it.
const RECORD: &str = "benches/record.json";
const PAGE: &str = "docs/performance.md";

#[derive(Args)]
pub struct Options {
    /// Only these parts, such as `pairs` or `hand-off`.
    parts: Vec<String>,
    /// A tenth of the rounds.
    #[arg(long)]
    quick: bool,
    /// Writes the figures into this file too, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Keeps the figures in benches/record.json, and makes the tables and plots of docs/performance.md anew.
    #[arg(long, conflicts_with_all = ["parts", "quick", "json"])]
    record: bool,
    /// Measures nothing, and makes those tables and plots of the figures that are kept.
    #[arg(long, conflicts_with_all = ["parts", "quick", "json", "record"])]
    page: bool,
}

pub fn all(shell: &Shell, steps: &mut Steps, options: &Options) -> Result<()> {
    steps.run("bench: build", || {
        Ok(cmd!(shell, "cargo build --quiet --release --manifest-path benches/Cargo.toml").run()?)
    })?;
    if !options.page {
        // A peer that cannot be had is said to be missing in the tables too; the others are measured all the same.
        for (peer, result) in [
            ("setup", setup::for_benches(shell, steps)),
            ("Boost", steps.run("bench: Boost", || boost(shell))),
            ("small programs", steps.run("bench: programs that send one message", || starts(shell))),
        ] {
            if let Err(error) = result {
                eprintln!("\n!!! NOT COMPLETE: {peer}: {error:#}\n");
            }
        }
        steps.run("bench: measure", || measure(shell, options))?;
    }
    if options.record || options.page {
        let program = compare();
        steps.run("bench: page", || Ok(cmd!(shell, "{program} report {RECORD}").run()?))?;
        println!("{RECORD}, {PAGE} and its plots are new.");
    }
    Ok(())
}

fn compare() -> PathBuf {
    root().join("benches/target/release/compare")
}

fn measure(shell: &Shell, options: &Options) -> Result<()> {
    let (program, parts) = (compare(), &options.parts);
    let mut run = cmd!(shell, "{program} measure {parts...}");
    run = run.env("RAWIPC_PYTHON", setup::python()).env("RAWIPC_BOOST", library()).env("RAWIPC_STARTS", programs());
    if options.quick {
        run = run.arg("--quick");
    }
    let json = if options.record { Some(root().join(RECORD)) } else { options.json.clone() };
    if let Some(file) = json {
        run = run.arg("--json").arg(file);
    }
    Ok(run.run()?)
}

fn library() -> PathBuf {
    workspace().join("peers/libboost_queue.so")
}

fn programs() -> PathBuf {
    workspace().join("starts")
}

/// Boost's queue, as a library that is loaded where it is measured.
fn boost(shell: &Shell) -> Result<()> {
    let library = library();
    shell.create_dir(workspace().join("peers"))?;
    cmd!(shell, "c++ -O2 -DNDEBUG -fPIC -shared -pthread -o {library} benches/peers/boost.cpp -lrt")
        .run()
        .context("Boost's queue cannot be built")
}

/// The programs whose start is measured; what each is called is in `benches/compare/start.rs`.
fn starts(shell: &Shell) -> Result<()> {
    let folder = programs();
    shell.create_dir(&folder)?;
    let (python, source) = (setup::python(), "benches/peers/send.c");
    let alone = ["-DALONE", "-nostdlib", "-static", "-fno-pie", "-no-pie", "-fno-stack-protector"];
    let smaller = [
        "-ffreestanding",
        "-fno-tree-loop-distribute-patterns",
        "-fno-asynchronous-unwind-tables",
        "-Wl,--build-id=none",
        "-Wl,-z,noseparate-code",
    ];
    cmd!(shell, "cc -O2 -s {alone...} {smaller...} -o {folder}/c-alone {source}").run()?;
    cmd!(shell, "cc -O2 -s -static -o {folder}/c-glibc-static {source}").run()?;
    cmd!(shell, "cc -O2 -s -o {folder}/c-glibc {source}").run()?;
    cmd!(shell, "{python} -m ziglang cc -target x86_64-linux-musl -static -O2 -s -o {folder}/c-musl {source}").run()?;
    shell.copy_file(root().join("benches/target/release/send"), folder.join("rust-std"))?;
    // As `tests/freestanding` says itself: its settings are those of the folder that cargo is started in.
    let (target, triple) = (root().join("target/freestanding"), "x86_64-unknown-linux-musl");
    let _folder = shell.push_dir(root().join("tests/freestanding"));
    let build = cmd!(shell, "cargo build --quiet --release --bin send --target {triple} --target-dir {target}");
    build.env("RUSTC_BOOTSTRAP", "1").run()?;
    Ok(cmd!(shell, "strip --strip-all -o {folder}/rawipc-alone {target}/{triple}/release/send").run()?)
}
