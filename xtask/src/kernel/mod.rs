//! The tests without libc, and the tool, on real kernels: Debian's, in qemu, with the tests as the first process.

mod console;
mod image;
mod initramfs;
mod machine;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::bare::{self, Outcome, Target};
use crate::evidence::{Record, Where, emulator_version};
use crate::setup;
use crate::steps::Steps;
use crate::{root, workspace};

use console::{Console, Run};
use machine::{MACHINES, Machine};

/// No run takes longer, not even emulated on a machine that is busy.
const MOST_SECONDS: &str = "600";

/// Runs everything on one machine, or on each.
pub fn all(shell: &Shell, steps: &mut Steps, machine: Option<&str>) -> Result<()> {
    let names = MACHINES.map(|machine| machine.name).join(", ");
    let is_asked_for = |known: &&Machine| machine.is_none_or(|name| name == known.name);
    ensure!(MACHINES.iter().any(|known| is_asked_for(&known)), "the machines are {names}");
    for machine in MACHINES.iter().filter(is_asked_for) {
        steps.run(&format!("setup: a machine of {}", machine.name), || {
            for (package, probe) in machine.needs {
                setup::install_one(shell, package, probe)?;
            }
            image::get(shell, machine).map(drop)
        })?;
        steps.run(&format!("real kernel: {}", machine.name), || one(shell, machine))?;
    }
    Ok(())
}

fn one(shell: &Shell, machine: &Machine) -> Result<()> {
    let targets: Vec<&Target> = machine.architectures.iter().map(|name| bare::target(name)).collect::<Result<_>>()?;
    let programs = targets.iter().map(|target| bare::build(shell, target)).collect::<Result<Vec<_>>>()?;
    // As `cargo xtask dist` makes it, if it has.
    let tool = Some(root().join("target/dist").join(format!("rawipc-{}", targets[0].triple)));
    let tool = tool.filter(|file| file.exists());
    let commands = commands(&targets, tool.is_some());

    let list: String = commands.iter().map(|command| command.replace(' ', "\0") + "\0\n").collect();
    let mut files = vec![("init".to_owned(), fs::read(&programs[0])?), ("programs".into(), list.into())];
    for (target, program) in targets.iter().zip(&programs) {
        files.push((target.architecture.into(), fs::read(program)?));
    }
    if let Some(tool) = &tool {
        files.push(("rawipc".into(), fs::read(tool)?));
        files.push(("lines".into(), LINES.into()));
    }
    let initramfs = folder(machine).join("initramfs");
    fs::write(&initramfs, initramfs::of_files(&files)?)?;

    let console = boot(shell, machine, &initramfs)?;
    ensure!(console.runs.len() == commands.len(), "{} of {} programs ran", console.runs.len(), commands.len());
    let emulator = machine.emulator;
    let emulator = emulator_version(&cmd!(shell, "{emulator} --version").quiet().read()?)?;
    let system = format!("Linux {} (Debian {}), {emulator}", console.release, machine.name);
    for (run, command) in console.runs.iter().zip(&commands) {
        ensure!(run.command == *command, "`{}` ran in place of `{command}`", run.command);
    }
    for (target, run) in targets.iter().zip(&console.runs) {
        let outcome = Outcome::parse(&run.output).with_context(|| format!("{} failed", run.command))?;
        ensure!(outcome.unsupported.is_empty(), "a real kernel lacks {:?}", outcome.unsupported);
        println!("{}: {} passed", target.architecture, outcome.passed.len());
        ensure!(run.code == Some(0), "all tests passed, and yet `{}` ended with {:?}", run.command, run.code);
        if !machine.is_older {
            Record::new(shell, target, Where::Kernel, system.clone(), outcome)?.keep(shell)?;
        }
    }
    if tool.is_none() {
        println!("the tool: not run, since `cargo xtask dist` has not built it");
    }
    console.runs[targets.len()..].iter().try_for_each(check_tool)
}

/// What the tool is to send and to receive.
const LINES: &str = "a line\n\nanother one\n";

/// The tool's command lines, and a part of what each has to say.
const TOOL: [(&str, &str); 7] = [
    ("/rawipc limits", "message queues:       yes"),
    ("/rawipc mq create /lines --max-messages 4 --max-message-size 64", ""),
    ("/rawipc mq send /lines </lines", ""),
    ("/rawipc mq receive /lines --count 3", LINES),
    ("/rawipc list", "/lines"),
    ("/rawipc mq unlink /lines", ""),
    ("/rawipc demo", ""),
];

/// What the first process runs, in this order.
fn commands(targets: &[&Target], has_tool: bool) -> Vec<String> {
    let tests = targets.iter().map(|target| format!("/{} +own-machine", target.architecture));
    let tool = TOOL.iter().filter(|_| has_tool).map(|(command, _)| (*command).to_owned());
    tests.chain(tool).collect()
}

fn check_tool(run: &Run) -> Result<()> {
    let (_, expected) = TOOL.iter().find(|(command, _)| *command == run.command).context("it is no command of ours")?;
    ensure!(run.code == Some(0) && run.output.contains(expected), "the tool failed: {run:?}");
    println!("{}: ended well", run.command);
    Ok(())
}

/// Starts the machine and waits until it has turned itself off.
fn boot(shell: &Shell, machine: &Machine, initramfs: &PathBuf) -> Result<Console> {
    let kernel = image::get(shell, machine)?;
    let Machine { emulator, arguments, console, .. } = *machine;
    let line = format!("console={console} quiet loglevel=1 panic=-1");
    // Without hardware help even where there is some, so that it is the same everywhere.
    let run = cmd!(
        shell,
        "timeout --kill-after=10 {MOST_SECONDS} {emulator} {arguments...} -accel tcg -nodefaults -no-user-config
            -display none -no-reboot -serial stdio -kernel {kernel} -initrd {initramfs} -append {line}"
    );
    let output = run.quiet().ignore_status().output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    fs::write(folder(machine).join("console.txt"), &text)?;
    let console = Console::parse(&text).with_context(|| {
        format!("the machine ended with {}; {}{text}", output.status, String::from_utf8_lossy(&output.stderr))
    })?;
    ensure!(output.status.success(), "the emulator ended with {}", output.status);
    Ok(console)
}

/// Where the kernel and what is made for it lies.
fn folder(machine: &Machine) -> PathBuf {
    workspace().join("kernel").join(machine.name)
}
