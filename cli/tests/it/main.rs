//! The command-line tool, run as a user runs it.

// Nothing of a test program is for others.
#![allow(missing_docs, unreachable_pub)]

#[path = "../../../tests/it/harness/mod.rs"]
#[allow(dead_code, unused_imports, unused_macros)]
mod harness;
#[path = "../../../tests/it/shm/support.rs"]
#[allow(dead_code)]
mod shm_support;

mod commands;
mod demo;
mod examples;
#[cfg(feature = "completions")]
mod generated;
mod json;
mod limits;
mod list;
mod main_job;
mod output;
mod receiving;
mod running;
mod sandbox;
mod semaphore;
mod sending;
mod shared;
mod shm;
mod similar;
mod terminal;
mod usage;
mod watch;

use std::io::Write;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use libtest_mimic::{Arguments, run as run_tests};
use rawipc::{MessageQueue, Name};

use crate::harness::waiting::PATIENCE;
use crate::harness::{Test, small_queue};

fn main() -> ExitCode {
    harness::play_role(&[], &tests());
    run_tests(&Arguments::from_args(), harness::trials(tests())).exit_code()
}

fn tests() -> Vec<Test> {
    let tests = [
        commands::tests(),
        demo::tests(),
        examples::tests(),
        #[cfg(feature = "completions")]
        generated::tests(),
        json::tests(),
        limits::tests(),
        list::tests(),
        main_job::tests(),
        output::tests(),
        receiving::tests(),
        running::tests(),
        semaphore::tests(),
        sending::tests(),
        shared::tests(),
        shm::tests(),
        similar::tests(),
        terminal::tests(),
        usage::tests(),
        watch::tests(),
    ];
    tests.into_iter().flatten().collect()
}

/// The tool with these arguments, no input, and its output kept for the test.
fn tool(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rawipc"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// How a command ended and what it wrote.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    output: Vec<u8>,
    errors: String,
}

/// Runs a command that needs no input to its end.
fn run(command: &mut Command) -> Ran {
    finished(command.output().expect("the tool starts"))
}

/// Runs the tool with an input that a pipe can hold.
fn run_with(arguments: &[&str], input: &[u8]) -> Ran {
    let mut child = tool(arguments).stdin(Stdio::piped()).spawn().expect("the tool starts");
    // A tool that refuses its arguments does not read.
    let _ = child.stdin.take().expect("it is a pipe").write_all(input);
    finished(child.wait_with_output().expect("the child is ours"))
}

fn finished(output: std::process::Output) -> Ran {
    let errors = String::from_utf8(output.stderr).expect("errors are text");
    Ran { code: output.status.code(), output: output.stdout, errors }
}

impl Ran {
    /// It did its work, with exactly this output and nothing to say.
    #[track_caller]
    fn done(self, output: impl AsRef<[u8]>) {
        let expected = String::from_utf8_lossy(output.as_ref());
        assert_eq!((self.code, self.errors.as_str()), (Some(0), ""), "{self:?}");
        assert_eq!(String::from_utf8_lossy(&self.output), expected);
        assert_eq!(self.output, output.as_ref());
    }

    /// It ended with this exit code and exactly this line of error; gives back what it wrote before.
    #[track_caller]
    fn failed(self, code: i32, error: &str) -> Vec<u8> {
        assert_eq!((self.code, self.errors.as_str()), (Some(code), format!("rawipc: {error}\n").as_str()));
        self.output
    }
}

/// A queue's name as an argument.
fn name_of(queue: &MessageQueue) -> String {
    String::from_utf8(queue.name().expect("the tests open by name").as_bytes().to_vec())
        .expect("the tests' names are text")
}

/// A name for a queue that the tool is to create; removed at the end of the test.
struct FreeName(String);

impl FreeName {
    fn new() -> Self {
        Self(name_of(&small_queue()))
    }

    /// The queue that the tool has created.
    fn open(&self) -> rawipc::Result<MessageQueue> {
        MessageQueue::options().read(true).write(true).open(Name::new(self.0.as_str())?)
    }
}

impl Drop for FreeName {
    fn drop(&mut self) {
        // The tool may not have created it, or removed it.
        let _ = Name::new(self.0.as_str()).and_then(MessageQueue::unlink);
    }
}

/// Whether this is one JSON value; by Python where it is there, else as far as its brackets show.
#[track_caller]
fn assert_json(text: &[u8]) {
    let text = str::from_utf8(text).expect("JSON is UTF-8");
    assert!(!text.contains(|character: char| character.is_control() && character != '\n'), "{text}");
    let python = Command::new("python3").args(["-c", "import json, sys; json.loads(sys.argv[1])", text]).output();
    match python {
        Ok(output) => assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => {
            let count = |brackets: [char; 2]| brackets.map(|bracket| text.matches(bracket).count());
            for [open, close] in [count(['{', '}']), count(['[', ']'])] {
                assert_eq!(open, close, "{text}");
            }
        }
    }
}

/// What is in the queue: payloads and priorities, in the order in which they are received.
fn contents(queue: &MessageQueue) -> Vec<(Vec<u8>, u32)> {
    let mut messages = Vec::new();
    let mut buffer = [0; 64];
    while let Ok(message) = queue.try_receive(&mut buffer) {
        messages.push((message.payload().to_vec(), message.priority().into()));
    }
    messages
}

/// Asks until it is so.
#[track_caller]
fn eventually(mut it_is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !it_is_so() {
        assert!(start.elapsed() < PATIENCE, "it did not come about in {PATIENCE:?}");
        std::thread::yield_now();
    }
}
