//! User-space instructions and system calls of a pair, counted by valgrind: the same numbers on every run.

use std::process::Command;

use crate::Run;
use crate::queue::{Names, Shape, WAYS};
use crate::record::Bound::AtMost;
use crate::record::Table;

/// The lengths of the two runs whose difference is counted.
const SHORT: u32 = 1_000;
const LONG: u32 = 5_000;

/// Those that run in this process: an interpreter is another one.
const COUNTED: [&str; 10] = [
    "bare system calls",
    "rawipc",
    "glibc",
    "nix",
    "posixmq",
    "pipe",
    "seqpacket socket",
    "rawipc, SharedQueue",
    "Boost.Interprocess",
    "bare ring",
];

pub fn all(run: &mut Run) {
    let title = "User-space instructions and system calls of a pair, 64 B, with the loop and the check of what arrived";
    let mut table = Table::new("instructions", title, &["instructions", "calls"]);
    for way in COUNTED {
        match counts(way, LONG).and_then(|long| Ok((long, counts(way, SHORT)?))) {
            Ok((long, short)) => {
                let of_pair = |at: usize| (long[at] - short[at]) / f64::from(LONG - SHORT);
                table.row(way, vec![of_pair(0).round(), of_pair(1)]);
            }
            Err(reason) => table.lacking(way, &reason),
        }
    }
    let calls = table.figure("rawipc, SharedQueue", "calls");
    run.record.target("system calls of a pair: rawipc, SharedQueue", calls, AtMost(0.0));
    run.keep(table);
}

/// Makes so many pairs, and nothing else.
pub fn count(way: &str, pairs: u32) {
    let way = WAYS.iter().find(|other| other.name == way).expect("there is such a way");
    let names = Names::new();
    let mut way = (way.open)(&names, Shape { messages: 2, size: 64 }).expect("this machine has it");
    way.pairs(0, pairs);
}

/// The instructions and the system calls of a whole run.
fn counts(way: &str, pairs: u32) -> Result<[f64; 2], String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--trace-syscalls=yes"]).arg(program);
    command.args(["count", way, &pairs.to_string()]);
    let output = command.output().map_err(|_| "there is no valgrind".to_owned())?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(text.lines().last().unwrap_or("valgrind fails").to_owned());
    }
    let collected = text.lines().find_map(|line| line.split_once("Collected :")).ok_or("valgrind counts nothing")?;
    let instructions = collected.1.trim().parse().map_err(|_| "valgrind counts no number".to_owned())?;
    // One that may sleep has a second line, for its end.
    let is_call = |line: &&str| line.starts_with("SYSCALL[") && !line.contains(" ... [async]");
    Ok([instructions, text.lines().filter(is_call).count() as f64])
}
