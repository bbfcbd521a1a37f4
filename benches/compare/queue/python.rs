//! Python's posix_ipc: a process that measures itself when it is told to.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::{Names, Opened, Passing, Shape};
use crate::machine::Placement;

struct Python {
    process: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

pub fn open(names: &Names, Shape { messages, size }: Shape) -> Opened {
    let interpreter = std::env::var("RAWIPC_PYTHON").unwrap_or_else(|_| "python3".into());
    let has_it = Command::new(&interpreter).args(["-c", "import posix_ipc"]).stderr(Stdio::null()).status();
    if !has_it.is_ok_and(|status| status.success()) {
        return Err(format!("{interpreter} has no posix_ipc; it is to be had from PyPI"));
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/queue.py");
    let mut command = Command::new(interpreter);
    command.arg(script).args([&names.there, &names.back].map(|name| name.to_str().expect("it is text")));
    command.args([messages, size].map(|number| number.to_string()));
    let mut process =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
    let (orders, answers) = (process.stdin.take(), process.stdout.take().expect("it is piped"));
    Ok(Box::new(Python { process, orders, answers: BufReader::new(answers) }))
}

impl Python {
    fn ask(&mut self, order: &str) -> Vec<f64> {
        let orders = self.orders.as_mut().expect("it is open until the end");
        writeln!(orders, "{order}").expect("Python listens");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("Python answers");
        answer.split_whitespace().map(|number| number.parse().expect("a number of nanoseconds")).collect()
    }
}

impl Passing for Python {
    fn pairs(&mut self, queued: usize, count: u32) -> f64 {
        self.ask(&format!("pairs {queued} {count}"))[0]
    }

    fn round_trips(&mut self, placement: Placement, count: u32) -> Vec<f64> {
        self.ask(&format!("round_trips {} {count}", placement.other()))
    }

    fn one_way(&mut self, count: u32) -> f64 {
        self.ask(&format!("one_way 1 {count}"))[0]
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // It ends when nobody can ask any more.
        self.orders = None;
        let _ = self.process.wait();
    }
}
