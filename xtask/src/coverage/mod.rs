//! Which lines and branches of the library the tests reach, and why the others are not reached.

mod unreached;

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use xshell::{PushEnv, Shell, cmd};

use crate::tests::test_programs;
use crate::{root, setup, toolchain, workspace};
use unreached::reason;

/// Where the result is kept.
const RECORD: &str = "tests/coverage.txt";

/// Runs the suite, or takes its last run, and keeps what it reaches; fails if nobody knows why a line is not reached.
pub fn measure(shell: &Shell, last: bool) -> Result<()> {
    let llvm = toolchain::llvm(shell)?;
    let major = llvm.split('.').next().context("LLVM has a version")?;
    setup::install_one(shell, &format!("llvm-{major}"), &format!("llvm-cov-{major} --version"))?;
    let folder = workspace().join("coverage");
    let _environment = instrumented(shell, &folder);
    let programs = build(shell, &folder)?;
    let passed = last || run(shell, &folder)?;
    let lines = report(shell, &folder, major, &programs)?;
    let files = files(&lines)?;
    let (text, unknown) = record(shell, &files)?;
    print!("{text}");
    fs::write(root().join(RECORD), &text)?;
    ensure!(passed, "the tests fail, so what they reach may be less than it could be");
    ensure!(unknown == 0, "{unknown} lines are not reached, and nobody has said why");
    Ok(())
}

const TESTS: [&str; 5] = ["--all-features", "--lib", "--test", "it", "--target-dir"];

/// What the compiler and its programs need to know, for as long as it is held.
fn instrumented<'shell>(shell: &'shell Shell, folder: &Path) -> [PushEnv<'shell>; 3] {
    let flags = "-Cinstrument-coverage -Zcoverage-options=branch -Cllvm-args=-runtime-counter-relocation";
    [
        // `%c`: the counters lie in a mapped file, so those of a process that is killed or leaves by `_exit` count too.
        shell.push_env("LLVM_PROFILE_FILE", folder.join("profiles/%c%m.profraw")),
        shell.push_env("RUSTFLAGS", flags),
        // For the branches.
        shell.push_env("RUSTC_BOOTSTRAP", "1"),
    ]
}

/// Builds the unit tests and the suite; returns the programs.
fn build(shell: &Shell, folder: &Path) -> Result<Vec<String>> {
    let target = folder.join("target");
    let build = cmd!(shell, "cargo test {TESTS...} {target} --no-run --message-format=json");
    let messages = build.ignore_stderr().read().context("the tests do not build")?;
    let programs = test_programs(&messages);
    ensure!(programs.len() == 2, "there are the programs {programs:?}");
    Ok(programs)
}

/// Whether all tests pass.
fn run(shell: &Shell, folder: &Path) -> Result<bool> {
    let target = folder.join("target");
    shell.remove_path(folder.join("profiles"))?;
    let run = cmd!(shell, "cargo test --quiet --no-fail-fast {TESTS...} {target}");
    Ok(run.env("RAWIPC_PYTHON", setup::python()).run().is_ok())
}

/// What llvm-cov says, in the format of lcov.
fn report(shell: &Shell, folder: &Path, major: &str, programs: &[String]) -> Result<String> {
    let (merge, export) = (format!("llvm-profdata-{major}"), format!("llvm-cov-{major}"));
    let (profile, sources) = (folder.join("merged.profdata"), root().join("src"));
    let profiles = shell.read_dir(folder.join("profiles"))?;
    cmd!(shell, "{merge} merge -sparse -o {profile} {profiles...}").run()?;
    let (first, second) = (&programs[0], &programs[1]);
    let export =
        cmd!(shell, "{export} export -format=lcov -instr-profile {profile} {first} -object {second} {sources}");
    Ok(export.quiet().read()?)
}

/// A file of the library: its lines and branches, how many of them are reached, and the lines that are not.
struct File {
    path: String,
    lines: [usize; 2],
    branches: [usize; 2],
    unreached: Vec<usize>,
}

fn files(report: &str) -> Result<Vec<File>> {
    let mut files: Vec<File> = Vec::new();
    for line in report.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        if key == "SF" {
            let path = Path::new(value).strip_prefix(root())?.to_str().context("a path that is no text")?;
            files.push(File { path: path.into(), lines: [0; 2], branches: [0; 2], unreached: Vec::new() });
            continue;
        }
        let file = files.last_mut().context("a file comes first")?;
        let fields: Vec<&str> = value.split(',').collect();
        match (key, fields.as_slice()) {
            ("DA", [number, count, ..]) => {
                let reached = *count != "0";
                file.lines = [file.lines[0] + 1, file.lines[1] + usize::from(reached)];
                file.unreached.extend((!reached).then(|| number.parse::<usize>()).transpose()?);
            }
            ("BRDA", [.., count]) => {
                let reached = !["0", "-"].contains(count);
                file.branches = [file.branches[0] + 1, file.branches[1] + usize::from(reached)];
            }
            _ => {}
        }
    }
    files.retain(|file| !file.path.ends_with("/tests.rs"));
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// The text to be kept, and how many lines are not reached for no known reason.
fn record(shell: &Shell, files: &[File]) -> Result<(String, usize)> {
    let (mut text, mut unknown) = (String::new(), 0);
    let date = cmd!(shell, "date --utc --iso-8601=minutes").quiet().read()?;
    let commit = cmd!(shell, "git rev-parse --short HEAD").quiet().read()?;
    writeln!(text, "command: cargo xtask coverage\ndate: {date}\ncommit: {commit}\n")?;
    let sum = |part: fn(&File) -> [usize; 2]| {
        files.iter().map(part).fold([0; 2], |sum, [all, reached]| [sum[0] + all, sum[1] + reached])
    };
    writeln!(text, "lines: {}", share(sum(|file| file.lines)))?;
    writeln!(text, "branches: {}", share(sum(|file| file.branches)))?;
    writeln!(text, "\nfiles in which a line or a branch is not reached: lines, branches")?;
    for file in files.iter().filter(|file| file.lines[0] > file.lines[1] || file.branches[0] > file.branches[1]) {
        writeln!(text, "{}: {}, {}", file.path, share(file.lines), share(file.branches))?;
    }
    writeln!(text, "\nlines that are not reached, and why")?;
    for file in files {
        let source = fs::read_to_string(root().join(&file.path))?;
        let source: Vec<&str> = source.lines().collect();
        let mut last = None;
        for number in &file.unreached {
            let line = source.get(number - 1).copied().unwrap_or_default();
            let reason = reason(&file.path, &source, *number);
            unknown += usize::from(reason.is_none());
            // One reason for several lines in a row is said once.
            if reason.is_none() || last != reason {
                writeln!(text, "{}: `{}`: {}", file.path, line.trim(), reason.unwrap_or("NOBODY HAS SAID WHY"))?;
            }
            last = reason;
        }
    }
    Ok((text, unknown))
}

fn share([all, reached]: [usize; 2]) -> String {
    let percent = if all == 0 { 100.0 } else { 100.0 * reached as f64 / all as f64 };
    format!("{reached} of {all} ({percent:.1} %)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_understood() {
        let path = |name: &str| root().join(name).display().to_string();
        let report = format!(
            "SF:{}\nDA:1,1\nDA:2,0\nBRDA:1,0,0,-\nBRDA:1,0,1,7\nend_of_record\nSF:{}\nDA:1,0\nend_of_record\n",
            path("src/time.rs"),
            path("src/tests.rs")
        );
        let files = files(&report).unwrap();
        assert_eq!(files.len(), 1);
        assert_eq!((files[0].lines, files[0].branches, files[0].unreached.as_slice()), ([2, 1], [2, 1], &[2][..]));
    }

    #[test]
    fn reasons_are_of_a_line_or_its_function() {
        let source = ["const fn of_constant() {", "    1", "}", "fn other() {", "    2"];
        assert!(reason("src/name/mod.rs", &source, 2).is_some());
        assert!(reason("src/name/mod.rs", &source, 5).is_none() && reason("src/time.rs", &source, 2).is_none());
    }
}
