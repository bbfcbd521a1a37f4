//! `sem run`: the token is back however the command ends, and never are more running than there are tokens.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{ChildStdout, Command, Stdio};

use super::output::pseudo_terminal;
use super::sandbox::{ignoring, on_its_terminal};
use super::semaphore::{SemaphoreName, send_signal};
use super::{eventually, run, tool};
use crate::harness::Peer;

crate::tests!(
    the_exit_code_is_that_of_the_command,
    the_command_has_the_token_while_it_runs,
    a_command_that_cannot_be_run_gives_the_token_back,
    a_signal_is_passed_on_and_the_token_is_back,
    a_command_that_survives_the_signal_is_waited_for,
    an_ignored_signal_stays_ignored,
    a_key_hits_the_command_once,
    a_token_that_cannot_be_given_back_is_told,
    never_more_run_than_there_are_tokens,
);

/// `sem run` of a shell's script that has written its first line, `started`.
fn started(
    name: &SemaphoreName,
    script: &str,
    prepare: fn(&mut Command) -> &mut Command,
) -> (Peer, BufReader<ChildStdout>) {
    let mut command = tool(&["sem", "run", &name.0, "--", "sh", "-c", &format!("echo started; {script}")]);
    let mut peer = Peer::start(prepare(command.stdin(Stdio::piped())));
    let mut output = BufReader::new(peer.stdout.take().unwrap());
    assert_eq!(line_of(&mut output), "started\n");
    assert_eq!(name.value(), 0);
    (peer, output)
}

fn line_of(output: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    line
}

fn rest_of(mut output: impl Read) -> String {
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    rest
}

fn the_exit_code_is_that_of_the_command() {
    let name = SemaphoreName::of_new(1);
    for code in [0, 1, 2, 3, 77, 255] {
        let ran = run(&mut tool(&["sem", "run", &name.0, "--", "sh", "-c", &format!("echo out; exit {code}")]));
        assert_eq!((ran.code, ran.output.as_slice(), ran.errors.as_str()), (Some(code), &b"out\n"[..], ""));
        assert_eq!(name.value(), 1);
    }
    for (signal, code) in [("KILL", 137), ("TERM", 143), ("SEGV", 139), ("INT", 130)] {
        let ran = run(&mut tool(&["sem", "run", &name.0, "--", "sh", "-c", &format!("kill -s {signal} $$")]));
        assert_eq!((ran.code, ran.errors.as_str()), (Some(code), ""), "{signal}");
        assert_eq!(name.value(), 1);
    }
}

fn the_command_has_the_token_while_it_runs() {
    let name = SemaphoreName::of_new(3);
    let rawipc = env!("CARGO_BIN_EXE_rawipc");
    run(&mut tool(&["sem", "run", &name.0, "--timeout", "0", "--", rawipc, "sem", "value", &name.0])).done("2\n");
    assert_eq!(name.value(), 3);
    // Options behind the dashes are the command's; its input is the tool's.
    let mut command = tool(&["sem", "run", &name.0, "--", "cat", "-", "--", "-"]);
    let mut child = Peer::start(command.stdin(Stdio::piped()));
    child.stdin.take().unwrap().write_all(b"input").unwrap();
    assert_eq!(child.report(), b"input");
}

fn a_command_that_cannot_be_run_gives_the_token_back() {
    let name = SemaphoreName::of_new(1);
    let cases = [
        ("/no/such/program", 127, "No such file or directory (os error 2)"),
        ("/dev/null", 126, "Permission denied (os error 13)"),
    ];
    for (program, code, error) in cases {
        let ran = run(&mut tool(&["sem", "run", &name.0, "--", program]));
        ran.failed(code, &format!("{program}: cannot be run: {error}"));
        assert_eq!(name.value(), 1);
    }
}

fn a_signal_is_passed_on_and_the_token_is_back() {
    let name = SemaphoreName::of_new(1);
    for (signal, code) in [(libc::SIGTERM, 143), (libc::SIGHUP, 129), (libc::SIGINT, 130), (libc::SIGQUIT, 131)] {
        let (mut peer, output) = started(&name, "exec cat", alone);
        let _input = peer.stdin.take(); // Waiting would close it, and that would end the command.
        send_signal(&peer, signal);
        assert_eq!(peer.wait().unwrap().code(), Some(code), "signal {signal}");
        assert_eq!((name.value(), rest_of(output).as_str()), (1, ""), "the command has ended");
    }
}

fn a_command_that_survives_the_signal_is_waited_for() {
    let name = SemaphoreName::of_new(1);
    let script = "trap 'echo tidied up; exit 5' TERM; echo trap is set; read line";
    let (mut peer, mut output) = started(&name, script, alone);
    assert_eq!(line_of(&mut output), "trap is set\n");
    let _input = peer.stdin.take(); // Waiting would close it.
    send_signal(&peer, libc::SIGTERM);
    assert_eq!((peer.wait().unwrap().code(), rest_of(output).as_str()), (Some(143), "tidied up\n"));
    assert_eq!(name.value(), 1);
}

/// In a process group that is not in the foreground of any terminal, where no key can have sent a signal.
fn alone(command: &mut Command) -> &mut Command {
    std::os::unix::process::CommandExt::process_group(command, 0)
}

fn an_ignored_signal_stays_ignored() {
    let name = SemaphoreName::of_new(1);
    let (mut peer, output) = started(&name, "read line; echo $line", |command| ignoring(command, libc::SIGHUP));
    send_signal(&peer, libc::SIGHUP);
    peer.stdin.take().unwrap().write_all(b"still here\n").unwrap();
    assert_eq!((peer.wait().unwrap().code(), rest_of(output).as_str()), (Some(0), "still here\n"));
    assert_eq!(name.value(), 1);
}

/// The terminal sends the signal to both; a second one from the tool would hit the command while it tidies up.
fn a_key_hits_the_command_once() {
    let name = SemaphoreName::of_new(1);
    let [mut ours, its] = pseudo_terminal();
    let script = "trap 'echo hit' INT; echo started; read a; read b; read c; echo $a$b$c; exit 5";
    let mut command = tool(&["sem", "run", &name.0, "--", "sh", "-c", script]);
    let mut peer = Peer::start(on_its_terminal(command.stdin(Stdio::piped()).stderr(its)));
    let mut output = BufReader::new(peer.stdout.take().unwrap());
    assert_eq!(line_of(&mut output), "started\n");
    ours.write_all(b"\x03").unwrap();
    assert_eq!(line_of(&mut output), "hit\n");
    // Whatever the interrupted `read` made of it, one of the three gets the line, and two the end of the input.
    peer.stdin.take().unwrap().write_all(b"line\n").unwrap();
    assert_eq!(rest_of(output), "line\n");
    assert_eq!((peer.wait().unwrap().code(), name.value()), (Some(5), 1), "the command decides what the key means");
}

fn a_token_that_cannot_be_given_back_is_told() {
    let name = SemaphoreName::of_new(i32::MAX as u32);
    let rawipc = env!("CARGO_BIN_EXE_rawipc");
    let ran = run(&mut tool(&["sem", "run", &name.0, "--", rawipc, "sem", "post", &name.0]));
    let error = "posting the semaphore: a number is too large (EOVERFLOW); the token is not given back";
    ran.failed(1, &format!("{}: {error}", name.0));
    assert_eq!(name.value(), i32::MAX as u32);
}

fn never_more_run_than_there_are_tokens() {
    const TOKENS: usize = 2;
    const RUNS: usize = 8;
    let name = SemaphoreName::of_new(TOKENS as u32);
    let log = Log::new(&name);
    let file = log.0.to_str().unwrap();
    let mut peers: Vec<Option<Peer>> = Vec::new();
    for number in 0..RUNS {
        let script = format!("echo +{number} >> {file}; cat; echo -{number} >> {file}");
        let mut command = tool(&["sem", "run", &name.0, "--", "sh", "-c", &script]);
        peers.push(Some(Peer::start(command.stdin(Stdio::piped()))));
    }
    for ended in 0..RUNS {
        let running = TOKENS.min(RUNS - ended);
        eventually(|| log.running().len() == running && log.started() == ended + running);
        if ended + running < RUNS {
            assert_eq!(name.value(), 0);
        }
        // The end of its input lets the one end that has run longest, which makes room for another one.
        let mut peer = peers[log.running()[0]].take().unwrap();
        drop(peer.stdin.take());
        peer.succeed();
    }
    assert_eq!((log.most_running(), log.started(), name.value()), (TOKENS, RUNS, TOKENS as u32));
}

/// Who began and who ended, a line each; appending is atomic.
struct Log(PathBuf);

impl Log {
    fn new(name: &SemaphoreName) -> Self {
        let log = Self(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-log", &name.0[1..])));
        fs::write(&log.0, "").unwrap();
        log
    }

    /// The numbers of those who run, after each line.
    fn history(&self) -> Vec<Vec<usize>> {
        let mut running = Vec::new();
        let text = fs::read_to_string(&self.0).unwrap();
        let step = |line: &str| {
            let number = line[1..].parse().unwrap();
            match line.starts_with('+') {
                true => running.push(number),
                false => running.retain(|other| *other != number),
            }
            running.clone()
        };
        text.lines().map(step).collect()
    }

    fn running(&self) -> Vec<usize> {
        self.history().pop().unwrap_or_default()
    }

    fn started(&self) -> usize {
        fs::read_to_string(&self.0).unwrap().matches('+').count()
    }

    fn most_running(&self) -> usize {
        self.history().iter().map(Vec::len).max().unwrap_or(0)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
