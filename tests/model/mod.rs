//! What the kernel must do, said again in plain Rust: models of queues, semaphores and shared memory, and the drivers
//! that do the same to a model and to the real thing.
//!
//! An operation is four bytes, any four, so that sequences of them can come from anywhere: property tests
//! (`tests/it`), libFuzzer (`fuzz`), a pipe to another process. What a model has to say of them is not how, but what:
//! where several things are wrong with a call at once, any of the errors will do.

pub mod memory;
pub mod queue;
pub mod semaphore;

use std::fmt::{self, Debug};
use std::time::Duration;

use rawipc::ErrorKind;

/// How long those waits last that nobody will end.
pub const SHORT: Duration = Duration::from_micros(200);

/// What a process does.
pub trait Operation: Copy + Debug {
    /// The operation of this number in its sequence. Any four bytes are one.
    fn of(number: u8, bytes: [u8; 4]) -> Self;

    /// The process; counted on beyond those that there are.
    fn process(&self) -> usize;

    /// Whether the process is killed instead of doing anything.
    fn kills(&self) -> bool;
}

/// How an operation ended: an answer, or the kind of its error.
pub type Outcome<A> = Result<A, ErrorKind>;

/// How an operation must end.
#[derive(Debug)]
pub enum Expected<A> {
    /// In one of these ways.
    OneOf(Vec<Outcome<A>>),
    /// Not before somebody else does something.
    Blocks,
}

impl<A> Expected<A> {
    pub fn answer(answer: A) -> Self {
        Self::OneOf(vec![Ok(answer)])
    }

    pub fn errors(kinds: Vec<ErrorKind>) -> Self {
        assert!(!kinds.is_empty());
        Self::OneOf(kinds.into_iter().map(Err).collect())
    }
}

/// A model of objects of one kind and of the processes that use them.
pub trait Model {
    type Operation: Operation;
    type Answer: PartialEq + Debug;
    /// All that a process can see of its handles.
    type View: PartialEq + Debug;

    /// Whether a process can do this now: it is not blocked, has what the operation needs, and if it would block,
    /// another one can go on.
    fn can_do(&self, process: usize, operation: &Self::Operation) -> bool;

    fn apply(&mut self, process: usize, operation: &Self::Operation) -> Expected<Self::Answer>;

    /// The processes whose blocked operation the last one ended, and how.
    fn released(&mut self) -> Vec<(usize, Expected<Self::Answer>)>;

    fn view(&self, process: usize) -> Self::View;

    /// A new process has taken the place of one that was killed.
    fn be_born(&mut self, process: usize, pid: u32);
}

/// The real thing, as one process uses it.
pub trait System<M: Model> {
    fn apply(&mut self, operation: &M::Operation) -> Outcome<M::Answer>;

    fn view(&self) -> M::View;
}

/// A model and the real thing disagree; all that was done so far.
pub struct Disagreement(String);

impl Disagreement {
    pub fn new(history: &[impl Debug], expected: &dyn Debug, given: &dyn Debug) -> Self {
        let history: Vec<_> = history.iter().map(|operation| format!("    {operation:?}\n")).collect();
        Self(format!("after\n{}the model expects\n    {expected:?}\nand there is\n    {given:?}", history.concat()))
    }
}

impl fmt::Display for Disagreement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Debug for Disagreement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Does the same to a model and to the real thing, in one process.
pub fn compare<M: Model>(
    model: &mut M,
    system: &mut impl System<M>,
    operations: &[M::Operation],
) -> Result<(), Disagreement> {
    let mut history = Vec::new();
    for operation in operations {
        if !model.can_do(0, operation) {
            continue;
        }
        history.push(*operation);
        let expected = model.apply(0, operation);
        let given = system.apply(operation);
        if !matches!(&expected, Expected::OneOf(outcomes) if outcomes.contains(&given)) {
            return Err(Disagreement::new(&history, &expected, &given));
        }
        let (expected, given) = (model.view(0), system.view());
        if expected != given {
            return Err(Disagreement::new(&history, &expected, &given));
        }
    }
    Ok(())
}

/// The operations that bytes stand for, each with its number.
pub fn operations<O: Operation>(data: &[u8]) -> Vec<O> {
    let chunks = data.chunks_exact(4).map(|chunk| chunk.try_into().expect("four bytes"));
    chunks.enumerate().map(|(number, bytes)| O::of(number as u8, bytes)).collect()
}
