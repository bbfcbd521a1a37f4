//! User-space instructions of a pair of calls, counted by valgrind: the same number on every run.

use std::process::Command;

use crate::Run;
use crate::queue::{Names, Shape, WAYS};
use crate::record::Table;

/// The lengths of the two runs whose difference is counted.
const SHORT: u32 = 1_000;
const LONG: u32 = 5_000;

/// The ways whose instructions in user space are of interest: those that do their work in the kernel.
const COUNTED: [&str; 7] = ["bare system calls", "rawipc", "glibc", "nix", "posixmq", "pipe", "seqpacket socket"];

pub fn all(run: &mut Run) {
    let title = "User-space instructions of a pair, 64 B, with the loop and the check of what arrived";
    let mut table = Table::new("instructions", title, &["instructions"]);
    for way in COUNTED {
        match instructions(way, LONG).and_then(|long| Ok(long - instructions(way, SHORT)?)) {
            Ok(more) => table.row(way, vec![(more / f64::from(LONG - SHORT)).round()]),
            Err(reason) => table.lacking(way, &reason),
        }
    }
    run.keep(table);
}

/// Makes so many pairs, and nothing else.
pub fn count(way: &str, pairs: u32) {
    let way = WAYS.iter().find(|other| other.name == way).expect("there is such a way");
    let names = Names::new();
    let mut way = (way.open)(&names, Shape { messages: 2, size: 64 }).expect("this machine has it");
    way.pairs(0, pairs);
}

fn instructions(way: &str, pairs: u32) -> Result<f64, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
    command.args(["count", way, &pairs.to_string()]);
    let output = command.output().map_err(|_| "there is no valgrind".to_owned())?;
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text.lines().find_map(|line| line.split_once("Collected :")).ok_or("valgrind counts nothing")?;
    collected.1.trim().parse().map_err(|_| "valgrind counts no number".to_owned())
}
