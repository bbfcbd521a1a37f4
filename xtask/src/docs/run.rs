//! The commands of the documents, run as their readers run them.
//!
//! Each document gets namespaces of its own: no queue, object, process or file that it leaves is seen by anybody. The
//! repository is an overlay, so what has been built is used, and what a command writes is gone at the end. `HOME` is
//! empty. What a block leaves behind of queues, semaphores, shared memory, processes and new files is a fault.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use xshell::{Shell, cmd};

use super::blocks::{self, Block, Kind};
use super::{Page, page};
use crate::{readme, root, workspace};

/// How long a block may take, in seconds.
const PATIENCE: &str = "300";

/// Where an mqueue file system is mounted, to look at it.
const QUEUES: &str = "queues";

pub fn all(shell: &Shell, pages: &[Page]) -> Result<()> {
    // For the blocks that say `rawipc`.
    cmd!(shell, "cargo build --quiet --package rawipc-cli --all-features").run()?;
    let (program, workspace) = (std::env::current_exe()?, workspace());
    shell.create_dir(workspace.join("docs"))?;
    let is_root = cmd!(shell, "id --user").quiet().read()? == "0";
    let user: &[&str] = if is_root { &[] } else { &["--user", "--map-root-user"] };
    let mut not_run = Vec::new();
    for page in pages {
        let blocks = blocks::of(page)?;
        for Block { line, kind, .. } in &blocks {
            if let Kind::NotRun(reason) = kind {
                not_run.push(format!("  {}:{line}: {reason}", page.path));
            }
        }
        if blocks.iter().any(is_run) {
            let path = &page.path;
            cmd!(
                shell,
                "unshare {user...} --mount --ipc --pid --fork --kill-child --mount-proc {program} run-document {path}"
            )
            .quiet()
            .run()
            .with_context(|| format!("the commands of {path}"))?;
        }
    }
    println!("{} blocks cannot be run here:\n{}", not_run.len(), not_run.join("\n"));
    Ok(())
}

/// The two commands at the top of the README are run by `cargo xtask test`.
fn is_run(block: &Block) -> bool {
    let is_first = readme::commands().is_ok_and(|commands| block.text.contains(&commands.tests));
    !is_first && !matches!(block.kind, Kind::NotRun(_))
}

/// Runs the blocks of one document, in namespaces that nobody else sees.
pub fn inside(shell: &Shell, path: &str) -> Result<()> {
    let page = page(path)?;
    let scratch = workspace().join("docs");
    mount(shell, &scratch)?;
    let home = scratch.join("home");
    shell.create_dir(&home)?;
    let state = || -> Result<BTreeSet<String>> { left(shell, &scratch) };
    let before = state()?;
    for block in blocks::of(&page)?.iter().filter(|block| is_run(block)) {
        let place = format!("{path}:{}", block.line);
        println!("{place}");
        match block.kind {
            Kind::Console => console(&block.text, &home),
            _ => script(&block.text, &home),
        }
        .context(place.clone())?;
        let left: Vec<_> = state()?.difference(&before).cloned().collect();
        ensure!(left.is_empty(), "{place} leaves behind: {}", left.join(", "));
    }
    Ok(())
}

/// Makes everything private that a command could write to.
fn mount(shell: &Shell, scratch: &Path) -> Result<()> {
    let root = root();
    if !root.starts_with("/tmp") {
        cmd!(shell, "mount -t tmpfs none /tmp").quiet().run()?;
    }
    cmd!(shell, "mount -t tmpfs none /dev/shm").quiet().run()?;
    cmd!(shell, "mount -t tmpfs none {scratch}").quiet().run()?;
    for folder in ["upper", "work"] {
        shell.create_dir(scratch.join(folder))?;
    }
    let path = scratch.display();
    let options = format!("lowerdir={},upperdir={path}/upper,workdir={path}/work", root.display());
    cmd!(shell, "mount -t overlay overlay -o {options} {root}").quiet().run()?;
    // The folder by that name is another one now, and so is all that is in it.
    std::env::set_current_dir(root)?;
    let queues = scratch.join(QUEUES);
    shell.create_dir(&queues)?;
    Ok(cmd!(shell, "mount -t mqueue none {queues}").quiet().run()?)
}

/// What there is of objects, files that git sees, and processes.
fn left(shell: &Shell, scratch: &Path) -> Result<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    for (sort, folder) in [("queue", scratch.join(QUEUES).as_path()), ("object", Path::new("/dev/shm"))] {
        for entry in fs::read_dir(folder)? {
            all.insert(format!("{sort} /{}", entry?.file_name().display()));
        }
    }
    let files = cmd!(shell, "git --no-optional-locks status --porcelain --untracked-files=all").quiet().read()?;
    all.extend(files.lines().map(|line| format!("file {line}")));
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let is_other = entry.file_name().to_str().is_some_and(|name| name.parse::<u32>().is_ok_and(|pid| pid != 1));
        // Of one that has ended nothing is left there but its number.
        let command = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        if is_other && !command.is_empty() {
            all.insert(format!("process {}", command.replace('\0', " ")));
        }
    }
    Ok(all)
}

fn script(text: &str, home: &Path) -> Result<()> {
    let status = shell_of(&["-e", "-c", text], home).status()?;
    ensure!(status.success(), "it ends with {status}:\n{text}");
    Ok(())
}

fn console(text: &str, home: &Path) -> Result<()> {
    for (line, expected) in blocks::commands(text) {
        let output = shell_of(&["-c", &format!("{{ {line}\n}} 2>&1")], home).output()?;
        let printed = String::from_utf8_lossy(&output.stdout);
        if printed != expected {
            bail!("`{line}` prints\n{printed}and not\n{expected}");
        }
        ensure!(output.status.success() || !expected.is_empty(), "`{line}` ends with {}", output.status);
    }
    Ok(())
}

/// A user's shell: what is installed for this user is there, but the home is another one.
fn shell_of(arguments: &[&str], home: &Path) -> Command {
    let mut command = Command::new("timeout");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let tool = root().join("target/debug");
    let path = std::env::join_paths(std::iter::once(tool).chain(std::env::split_paths(&path))).unwrap_or(path);
    for (variable, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        if std::env::var_os(variable).is_none() {
            let real = std::env::home_dir().unwrap_or_default().join(folder);
            command.env(variable, real);
        }
    }
    command.arg(PATIENCE).arg("sh").args(arguments).env("PATH", path).env("HOME", home).current_dir(root());
    command
}
