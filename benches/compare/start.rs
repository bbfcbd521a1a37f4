//! How long a program that sends one message takes from its start to its end, and how much memory. The environment
//! names a folder with such programs, which `xtask` builds; each is started as `PROGRAM QUEUE MESSAGE`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rawipc::{MessageQueue, Priority, name};

use crate::Run;
use crate::measure::{absent, in_turns, timed};
use crate::record::Bound::AtMost;
use crate::record::Table;

/// The programs, and how they are told in the table; the first is the floor.
const PROGRAMS: [(&str, &str); 6] = [
    ("c-alone", "C without a C library"),
    ("rawipc-alone", "Rust without std, rawipc"),
    ("c-musl", "C, musl, static"),
    ("c-glibc-static", "C, glibc, static"),
    ("c-glibc", "C, glibc, dynamic"),
    ("rust-std", "Rust with std, rawipc"),
];

pub fn all(run: &mut Run) {
    let folder = std::env::var_os("RAWIPC_STARTS").map(PathBuf::from).unwrap_or_default();
    let queue = MessageQueue::options().read(true).write(true).max_messages(1).max_message_size(64);
    let queue = queue.unlink_on_drop(true).create_unique(name!("/rawipc-bench-")).expect("it can be created");
    let missing = "it is not among the programs of RAWIPC_STARTS";
    let queue = &queue;
    let subjects = PROGRAMS.map(|(file, title)| {
        let path = folder.join(file);
        if path.exists() { timed(title, move || once(&path, queue)) } else { absent(title, missing) }
    });
    let rounds = in_turns(run.rounds(200), subjects.into());
    let what = "start to end of a program that sends one message: rawipc / C without a C library";
    run.record.target(what, rounds.ratio(PROGRAMS[1].1, PROGRAMS[0].1), AtMost(1.2));
    run.keep(rounds.table("start", "From start to end of a program that sends one message: ns"));
    let title = "Memory and file of a program that sends one message: KiB";
    let mut table = Table::new("memory", title, &["resident at most", "private, changed", "file"]);
    for (file, title) in PROGRAMS {
        let path = folder.join(file);
        if path.exists() { table.row(title, memory(&path, queue)) } else { table.lacking(title, missing) }
    }
    let [floor, most] = [PROGRAMS[0].1, PROGRAMS[1].1].map(|title| table.figure(title, "resident at most"));
    let what = "memory of a program that sends one message: rawipc / C without a C library";
    run.record.target(what, most.zip(floor).map(|(most, floor)| most / floor), AtMost(1.0));
    run.record.target("memory of a program that sends one message, without std: KiB resident", most, AtMost(12.0));
    run.keep(table);
}

fn start(program: &Path, queue: &MessageQueue) -> Child {
    let name = queue.name().expect("it was opened by name").to_string();
    Command::new(program).args([name.as_str(), "hello"]).env_clear().stdin(Stdio::null()).spawn().expect("it starts")
}

fn once(program: &Path, queue: &MessageQueue) -> f64 {
    let before = Instant::now();
    let mut child = start(program, queue);
    let status = child.wait().expect("it is our child");
    let time = before.elapsed().as_nanos() as f64;
    assert!(status.success(), "{program:?} fails: {status}");
    take(queue);
    time
}

fn take(queue: &MessageQueue) {
    let mut buffer = [0; 64];
    let message = queue.receive_timeout(&mut buffer, Duration::from_secs(10)).expect("it was sent");
    assert_eq!(message.payload(), b"hello");
}

/// Looks at the program while it waits for room in the queue.
fn memory(program: &Path, queue: &MessageQueue) -> Vec<f64> {
    queue.send(b"full", Priority::MIN).expect("there is room");
    let mut child = start(program, queue);
    let of = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", child.id())).expect("it is our child");
    let sends = libc::SYS_mq_timedsend.to_string();
    while of("syscall").split(' ').next() != Some(&sends) {
        std::thread::yield_now();
    }
    let (status, rollup) = (of("status"), of("smaps_rollup"));
    queue.receive(&mut [0; 64]).expect("it is full");
    take(queue);
    assert!(child.wait().expect("it is our child").success());
    let size = fs::metadata(program).expect("it has just run").len() as f64 / 1024.0;
    vec![field(&status, "VmHWM:"), field(&rollup, "Private_Dirty:"), size]
}

/// A number of kilobytes in a text of the kernel's.
fn field(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("the kernel tells it");
    line.trim().trim_end_matches(" kB").parse().expect("it is a number")
}
