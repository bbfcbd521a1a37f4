//! What the tests of notification have in common: another process that registers, and who has the slot.

use std::fs;
use std::io::{BufRead, BufReader, Write, stdin};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use rawipc::mqueue::{Delivery, Notify, Registration};
use rawipc::{MessageQueue, Name, NotificationSocket, OpenFlags, Priority, Result};

use crate::harness::queues::text;
use crate::harness::{Peer, Role, role};

pub const ROLES: &[Role] = &[("registrant", registrant)];

/// A signal that nothing else in the tests uses and no C library takes.
pub const SIGNAL: i32 = 40;

/// Who has the slot of a queue, and how.
#[track_caller]
pub fn slot(queue: &MessageQueue) -> Option<Registration> {
    queue.status().expect("the queue is open for receiving").registration
}

/// A registration of this process.
pub fn own(delivery: Delivery) -> Option<Registration> {
    of(std::process::id(), delivery)
}

/// A registration of some process.
pub fn of(process: u32, delivery: Delivery) -> Option<Registration> {
    Some(Registration { process: Some(process), delivery })
}

pub fn send(queue: &MessageQueue, message: &[u8]) {
    queue.try_send(message, Priority::MIN).expect("the queue has room");
}

/// Takes one message that must be there.
#[track_caller]
pub fn take(queue: &MessageQueue) -> Vec<u8> {
    queue.try_receive(&mut [0; 64]).expect("there is a message").payload().to_vec()
}

/// Whether a thread sleeps in one of these system calls.
pub fn sleeps_in(pid: u32, tid: i32, calls: &[libc::c_long]) -> bool {
    let call = fs::read_to_string(format!("/proc/{pid}/task/{tid}/syscall")).unwrap_or_default();
    let number = call.split(' ').next().and_then(|number| number.parse().ok());
    number.is_some_and(|number: libc::c_long| calls.contains(&number))
}

/// Another process that does what it is told with a queue, and answers each time.
pub struct Registrant {
    peer: Peer,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Registrant {
    pub fn start(name: &Name) -> Self {
        Self::start_as(name, |command| command)
    }

    /// Starts it with something changed in its command.
    pub fn start_as(name: &Name, change: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        let mut command = role("registrant", &[text(name)]);
        let mut peer = Peer::start(change(&mut command).stdin(Stdio::piped()).stdout(Stdio::piped()));
        let commands = peer.stdin.take().expect("it is piped");
        let answers = BufReader::new(peer.stdout.take().expect("it is piped"));
        let mut registrant = Self { peer, commands, answers };
        assert_eq!(registrant.answer(), "ready");
        registrant
    }

    pub fn pid(&self) -> u32 {
        self.peer.pid() as u32
    }

    #[track_caller]
    pub fn ask(&mut self, command: &str) -> String {
        writeln!(self.commands, "{command}").expect("it reads commands");
        self.answer()
    }

    #[track_caller]
    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("it answers in text");
        line.trim_end().to_owned()
    }

    /// Lets it end by itself, having seen no more commands.
    pub fn end(self) {
        drop(self.commands);
        self.peer.succeed();
    }

    /// Waits until it has ended; by which signal.
    pub fn ended_by(mut self) -> Option<i32> {
        self.peer.wait().expect("it is ours").signal()
    }

    pub fn kill(self) {
        self.peer.kill_now();
    }
}

/// The role of the other process: a line on standard input is a command, a line on standard output its answer.
fn registrant(arguments: &[String]) {
    let name = Name::new(arguments[0].as_str()).unwrap();
    let open = |flags| MessageQueue::options().flags(flags).open(name).unwrap();
    let queue = open(OpenFlags::READ_WRITE);
    let mut socket = NotificationSocket::new(open(OpenFlags::WRITE)).unwrap();
    println!("ready");
    for line in stdin().lines() {
        let answer = match line.unwrap().as_str() {
            "none" => show(queue.notify(Notify::None)),
            "signal" => show(queue.notify(Notify::Signal { number: SIGNAL, value: 1 })),
            "arm" => show(socket.arm()),
            "try_wait" => show(socket.try_wait()),
            "replace" => show(queue.replace_notification(Notify::None)),
            "cancel" => show(queue.cancel_notification()),
            "close_one" => show(queue.try_clone().map(drop)),
            "send" => show(queue.try_send(b"from the peer", Priority::MIN)),
            "take" => show(queue.try_receive(&mut [0; 64]).map(|message| message.payload().len())),
            // The program that takes over says "ready".
            "exec" => panic!("{}", role("registrant", &[arguments[0].as_str()]).exec()),
            unknown => panic!("an unknown command {unknown:?}"),
        };
        println!("{answer}");
    }
}

fn show<T: std::fmt::Debug>(result: Result<T>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("{:?}", error.kind()),
    }
}
