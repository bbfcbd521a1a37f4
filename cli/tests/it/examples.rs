//! The examples of `--help`, run line by line as a user runs them, in namespaces and a folder of their own.

use std::env;
use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rawipc::MessageQueue;
use rawipc::inspect::Listing;

use super::limits::cover;
use super::semaphore::send_signal;
use super::usage::COMMANDS;
use super::{eventually, run, tool};
use crate::harness::kernel::private_ipc_and_mounts;
use crate::harness::{Ending, Lacking, Peer};

crate::tests!(
    ;
    alone: every_example_of_help_works,
);

/// What the examples of a command rely on.
const BEFORE: [(&str, &str); 18] = [
    ("mq send", "rawipc mq create jobs; rawipc mq create images; head -c 20000 /dev/zero > cat.jpg"),
    ("mq receive", "rawipc mq create jobs; seq 3 | rawipc mq send jobs"),
    ("mq stat", "rawipc mq create jobs"),
    ("mq watch", "rawipc mq create jobs; seq 3 | rawipc mq send jobs"),
    ("mq unlink", "rawipc mq create jobs; rawipc mq create results"),
    ("sem post", "rawipc sem create ready; rawipc sem create slots"),
    ("sem wait", "rawipc sem create ready --value 1"),
    ("sem value", "rawipc sem create slots --value 4"),
    ("sem stat", "rawipc sem create slots"),
    ("sem repair", "rawipc sem create slots"),
    ("sem unlink", "rawipc sem create slots; rawipc sem create ready"),
    ("sem run", "touch one.png two.png"),
    ("shm read", "rawipc shm create state --size 192; rawipc shm create frame --size 1000"),
    ("shm write", "rawipc shm create state --size 192; rawipc shm create flags --size 8; seq 9 > state.raw"),
    ("shm stat", "rawipc shm create state --size 192"),
    ("shm unlink", "rawipc shm create state --size 192; rawipc shm create frame --size 1000"),
    ("list", "rawipc mq create jobs; echo | rawipc mq send jobs"),
    ("completions", "mkdir -p ~/.local/share/bash-completion/completions ~/.config/fish/completions ~/.zfunc"),
];

/// Programs that examples use and that are none of ours: here they do nothing.
const OTHERS: [&str; 2] = ["convert", "make"];

fn every_example_of_help_works() -> Ending {
    if Command::new("jq").arg("--version").output().is_err() {
        return Err(Lacking("jq".into()));
    }
    private_ipc_and_mounts()?;
    cover("/dev/shm")?;
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    cover(env!("CARGO_TARGET_TMPDIR"))?;
    for program in OTHERS {
        fs::write(scratch.join(program), "#!/bin/sh\n").unwrap();
        fs::set_permissions(scratch.join(program), Permissions::from_mode(0o755)).unwrap();
    }
    for command in COMMANDS.iter().map(|words| words.join(" ")) {
        let before = BEFORE.iter().find(|(name, _)| *name == command).map_or("", |(_, before)| before);
        succeed(before, scratch);
        for line in examples(&command) {
            if line.contains("--follow") || line.starts_with("rawipc mq watch") {
                end(&line, scratch);
            } else {
                succeed(&line, scratch);
            }
        }
        remove_all();
    }
    Ok(())
}

/// The lines of a command's help that are examples.
fn examples(command: &str) -> Vec<String> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let help = String::from_utf8(run(tool(&words).arg("--help")).output).unwrap();
    let (_, examples) = help.split_once("\nExample").unwrap_or_else(|| panic!("{help}"));
    let lines = examples.lines().skip(1).filter_map(|line| line.strip_prefix("  "));
    let lines: Vec<String> = lines.filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
    assert!(lines.iter().any(|line| line.contains("rawipc ")), "{help}");
    lines
}

/// It succeeds, and has nothing to complain of.
#[track_caller]
fn succeed(line: &str, scratch: &Path) {
    let ran = run(&mut in_scratch("timeout", &["60", "sh", "-c", line], scratch));
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{line}: {ran:?}");
}

/// It goes on until it is ended, and has shown something by then, or written it to its log.
#[track_caller]
fn end(line: &str, scratch: &Path) {
    // In the shell's place, so that its end is waited for: the next line may need what it has.
    let mut command = in_scratch("sh", &["-c", &format!("exec {line}")], scratch);
    let mut running = Peer::start_reporting(command.stderr(Stdio::piped()));
    if line.contains(">> jobs.log") {
        eventually(|| fs::metadata(scratch.join("jobs.log")).is_ok_and(|log| log.len() > 0));
    } else {
        assert_eq!(running.stdout.as_mut().unwrap().read(&mut [0]).unwrap(), 1, "{line}");
    }
    assert_eq!(running.try_wait().unwrap(), None, "{line}");
    send_signal(&running, libc::SIGTERM);
    assert_eq!(running.wait().unwrap().signal(), Some(libc::SIGTERM), "{line}");
}

/// A program that finds the tool and what lies beside it.
fn in_scratch(program: &str, arguments: &[&str], scratch: &Path) -> Command {
    let tool = Path::new(env!("CARGO_BIN_EXE_rawipc")).parent().unwrap();
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([tool, scratch].into_iter().map(Into::into).chain(env::split_paths(&path))).unwrap();
    let mut command = Command::new(program);
    command.args(arguments).current_dir(scratch).env("PATH", path).env("HOME", scratch);
    command
}

/// Removes every object of these namespaces.
fn remove_all() {
    let mut buffer = [std::mem::MaybeUninit::uninit(); Listing::BUFFER_SIZE];
    let mut queues = Listing::queues(&mut buffer).unwrap();
    while let Some(entry) = queues.next() {
        MessageQueue::unlink(entry.unwrap().name()).unwrap();
    }
    for file in fs::read_dir("/dev/shm").unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
}
