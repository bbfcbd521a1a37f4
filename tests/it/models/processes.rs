//! Several processes that do what they are told, each operation compared with a model.
//!
//! A process gets five bytes for each operation, its number and its four bytes, and answers with a line; another line
//! tells what it sees of its handles.

use std::fmt::Debug;
use std::io::{BufRead, BufReader, Read, Write, stdin};
use std::process::{ChildStdout, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::harness::waiting::{PATIENCE, is_blocked, wait_until};
use crate::harness::{Peer, role};
use crate::model::{Disagreement, Expected, Model, Operation, System};
use crate::semaphore::support::sleeps_on_futex;

/// How many processes there are.
pub const PROCESSES: usize = 4;

/// An operation that asks what the process sees. No process is told by itself that it is to be killed.
const LOOK: [u8; 5] = [0xff; 5];

/// What a process does: each operation that it is told.
pub fn obey<M: Model>(mut system: impl System<M>) {
    let (mut told, mut answers) = ([0; 5], std::io::stdout());
    // Until there is nobody to tell it anything.
    while stdin().read_exact(&mut told).is_ok() {
        let [number, bytes @ ..] = told;
        let line = if told == LOOK {
            format!("{:?}\n", system.view())
        } else {
            format!("{:?}\n", system.apply(&M::Operation::of(number, bytes)))
        };
        answers.write_all(line.as_bytes()).expect("whoever asked waits for it");
    }
}

/// A process that does what it is told.
struct Obedient {
    peer: Peer,
    answers: BufReader<ChildStdout>,
}

impl Obedient {
    fn start(name: &str, prefix: &str) -> Self {
        let mut command = role(name, &[prefix]);
        let mut peer = Peer::start_reporting(command.stdin(Stdio::piped()));
        let answers = BufReader::new(peer.stdout.take().expect("it is piped"));
        Self { peer, answers }
    }

    fn tell(&mut self, told: [u8; 5]) {
        let pipe = self.peer.stdin.as_mut().expect("it is piped");
        pipe.write_all(&told).expect("the process lives");
    }

    fn has_answered(&self, timeout: Duration) -> bool {
        let timeout = Timespec { tv_sec: timeout.as_secs() as _, tv_nsec: timeout.subsec_nanos().into() };
        let mut polled = [PollFd::new(self.answers.get_ref(), PollFlags::IN)];
        poll(&mut polled, Some(&timeout)).expect("a pipe can be polled") > 0
    }

    fn answer(&mut self) -> String {
        if !self.has_answered(PATIENCE) {
            return "nothing: it blocks".into();
        }
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("lines of text");
        line.trim_end().to_owned()
    }

    /// Waits until it sleeps in a call that it was told to make; what it answered if it does not.
    fn block(&mut self) -> Option<String> {
        let pid = self.peer.pid();
        let has_answered = || self.has_answered(Duration::ZERO);
        wait_until("a process blocks", || is_blocked(pid, pid) || sleeps_on_futex(pid as u32, pid) || has_answered());
        self.has_answered(Duration::ZERO).then(|| self.answer())
    }
}

/// Does the same to a model and to processes of a role, which join objects by names that begin with `prefix`.
pub fn compare<M: Model>(
    new_model: impl Fn(&[u32]) -> M,
    role: &str,
    prefix: &str,
    operations: &[[u8; 4]],
) -> Result<(), Disagreement> {
    let mut processes: [_; PROCESSES] = std::array::from_fn(|_| Obedient::start(role, prefix));
    let mut model = new_model(&std::array::from_fn::<_, PROCESSES, _>(|process| processes[process].peer.id()));
    let mut history = Vec::new();
    let mut blocked = [false; PROCESSES];
    for (number, [a, b, c, d]) in operations.iter().copied().enumerate() {
        let operation = M::Operation::of(number as u8, [a, b, c, d]);
        let process = operation.process() % PROCESSES;
        if !model.can_do(process, &operation) {
            continue;
        }
        history.push((process, operation));
        let expected = model.apply(process, &operation);
        if operation.kills() {
            let dead = std::mem::replace(&mut processes[process], Obedient::start(role, prefix));
            dead.peer.kill_now();
            model.be_born(process, processes[process].peer.id());
            blocked[process] = false;
        } else {
            processes[process].tell([number as u8, a, b, c, d]);
            blocked[process] = matches!(expected, Expected::Blocks);
            expect(&mut processes[process], &expected, &history)?;
        }
        for (process, expected) in model.released() {
            blocked[process] = false;
            expect(&mut processes[process], &expected, &history)?;
        }
        for process in (0..PROCESSES).filter(|process| !blocked[*process]) {
            processes[process].tell(LOOK);
            let (expected, given) = (format!("{:?}", model.view(process)), processes[process].answer());
            if expected != given {
                return Err(Disagreement::new(&history, &(process, expected), &given));
            }
        }
    }
    Ok(())
}

/// Makes sure that a process answers, or blocks, as the model says.
fn expect<A: Debug>(
    process: &mut Obedient,
    expected: &Expected<A>,
    history: &[impl Debug],
) -> Result<(), Disagreement> {
    let (given, agrees) = match expected {
        Expected::Blocks => {
            let given = process.block();
            let agrees = given.is_none();
            (given.unwrap_or_default(), agrees)
        }
        Expected::OneOf(outcomes) => {
            let given = process.answer();
            let agrees = outcomes.iter().any(|outcome| format!("{outcome:?}") == given);
            (given, agrees)
        }
    };
    if agrees { Ok(()) } else { Err(Disagreement::new(history, expected, &given)) }
}
