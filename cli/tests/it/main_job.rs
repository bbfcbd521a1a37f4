//! The main job: a file sent by one process and received by another arrives byte for byte, while `stat` shows the
//! queue.

use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;
use std::process::Stdio;

use super::{eventually, name_of, run, tool};
use crate::harness::{Peer, small_queue};

crate::tests!(
    a_log_of_100_000_lines_arrives_byte_for_byte,
    a_binary_file_arrives_byte_for_byte,
    each_priority_arrives_in_order,
);

fn a_log_of_100_000_lines_arrives_byte_for_byte() {
    let log = log_of(100_000);
    assert!(log.windows(2).any(|pair| pair == b"\n\n"), "there are empty lines");
    carry(&log, &[], &[]);
}

fn a_binary_file_arrives_byte_for_byte() {
    let bytes: Vec<u8> = random_numbers().flat_map(u64::to_ne_bytes).take(1 << 20).collect();
    assert!((0..=255).all(|byte| bytes.contains(&byte)), "there are newlines and NULs");
    carry(&bytes, &["--chunks"], &["--raw"]);
}

/// Two senders of different priorities at once: each one's lines keep their order.
fn each_priority_arrives_in_order() {
    const LINES: usize = 10_000;
    let queue = small_queue();
    let name = name_of(&queue);
    let count = (2 * LINES).to_string();
    let mut receiver = Peer::start(&mut tool(&["mq", "receive", &name, "--count", &count, "--timeout", "60"]));
    let senders = ["1", "2"].map(|priority| {
        let lines: String = (0..LINES).map(|line| format!("{priority} {line}\n")).collect();
        let file = Scratch::new(&name, priority, lines.as_bytes());
        Peer::start(
            tool(&["mq", "send", &name, "--priority", priority, "--timeout", "60"]).stdin(File::open(&file.0).unwrap()),
        )
    });
    let mut received = String::new();
    receiver.stdout.as_mut().unwrap().read_to_string(&mut received).unwrap();
    senders.into_iter().for_each(Peer::succeed);
    receiver.succeed();
    for priority in ["1", "2"] {
        let lines = received.lines().filter_map(|line| line.strip_prefix(priority));
        assert!(lines.eq((0..LINES).map(|line| format!(" {line}"))), "priority {priority}");
    }
    assert!(queue.is_empty().unwrap());
}

/// Sends `bytes` through a small queue, in two processes, and looks at the queue meanwhile.
fn carry(bytes: &[u8], sending: &[&str], receiving: &[&str]) {
    const PIECES: usize = 16;
    let queue = small_queue();
    let name = name_of(&queue);
    let file = Scratch::new(&name, "input", bytes);
    let mut sender = tool(&["mq", "send", &name, "--timeout", "60"]);
    let sender = Peer::start(sender.args(sending).stdin(File::open(&file.0).unwrap()));
    eventually(|| stat(&name) == 8);

    let mut receiver = tool(&["mq", "receive", &name, "--follow", "--timeout", "60"]);
    let mut receiver = Peer::start(receiver.args(receiving).stderr(Stdio::inherit()));
    let mut output = receiver.stdout.take().unwrap();
    for expected in bytes.chunks(bytes.len().div_ceil(PIECES)) {
        let mut received = vec![0; expected.len()];
        output.read_exact(&mut received).expect("as much arrives as was sent");
        assert!(received == expected, "the bytes differ");
        assert!(stat(&name) <= 8);
    }
    sender.succeed();
    assert!(queue.is_empty().unwrap());
    drop(receiver); // It waits for more; this kills it.
    let mut more = Vec::new();
    output.read_to_end(&mut more).unwrap();
    assert_eq!(more, b"");
    assert_eq!(stat(&name), 0);
}

/// How many messages are in the queue, as `mq stat` shows it.
fn stat(name: &str) -> usize {
    let ran = run(&mut tool(&["mq", "stat", name]));
    let text = String::from_utf8(ran.output).unwrap();
    let (messages, rest) = text
        .strip_prefix(&format!("name: {name}\nmax messages: 8\nmax message size: 64\nmessages: "))
        .and_then(|rest| rest.split_once('\n'))
        .unwrap_or_else(|| panic!("{text}"));
    assert!(rest.ends_with("\nmode: 0600\n") && ran.code == Some(0), "{text}");
    messages.parse().unwrap()
}

/// A log: a number and a text of varying length in each line, and now and then an empty one. Each line fits into a
/// message.
fn log_of(lines: usize) -> Vec<u8> {
    let mut log = Vec::new();
    for (line, random) in random_numbers().take(lines).enumerate() {
        if random % 16 > 0 {
            let length = usize::try_from(random >> 32).unwrap() % 50;
            log.extend(format!("{line:>7} {}", "lorem ipsum ".repeat(5).split_at(length).0).bytes());
        }
        log.push(b'\n');
    }
    log
}

/// The same ones each time (xorshift).
fn random_numbers() -> impl Iterator<Item = u64> {
    std::iter::successors(Some(0x9e37_79b9_7f4a_7c15_u64), |number| {
        let number = number ^ number << 13;
        let number = number ^ number >> 7;
        Some(number ^ number << 17)
    })
}

/// A file that is gone at the end of the test; those who have it open go on reading it.
struct Scratch(PathBuf);

impl Scratch {
    /// The queue's name makes the file's unique.
    fn new(queue: &str, what: &str, content: &[u8]) -> Self {
        let file = Self(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{what}", &queue[1..])));
        fs::write(&file.0, content).unwrap();
        file
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
