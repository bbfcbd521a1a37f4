//! An operation, what is usual when a call of it fails, and what is not.

use std::any::Any;
use std::sync::{Arc, Mutex};

use rawipc::error::{Limit, Operation};
use rawipc::{Errno, Error, ErrorKind};

use super::snapshot::Snapshot;
use crate::harness::injector::{Call, Subject};

/// What an operation returns is kept until all has been looked at.
type Kept = Box<dyn Any + Send>;
type Act = Box<dyn FnOnce() -> rawipc::Result<Kept> + Send>;

/// An operation about to be done, and a look at the object it is done to.
pub struct Prepared {
    act: Act,
    look: Box<dyn Fn() -> String>,
}

/// Something to be done to an object, which is looked at before and after.
pub fn on<T: Send + 'static, K: Send + 'static>(
    object: T,
    look: impl Fn(&T) -> String + 'static,
    act: impl FnOnce(&mut T) -> rawipc::Result<K> + Send + 'static,
) -> Prepared {
    let (object, seen) = {
        let object = Arc::new(Mutex::new(object));
        (Arc::clone(&object), object)
    };
    Prepared {
        act: Box::new(move || Ok(Box::new(act(&mut object.lock().expect("nobody panics"))?) as Kept)),
        look: Box::new(move || look(&seen.lock().expect("nobody panics"))),
    }
}

/// Something to be done that needs no object.
pub fn freely<K: Send + 'static>(act: impl FnOnce() -> rawipc::Result<K> + Send + 'static) -> Prepared {
    on((), |()| String::new(), move |()| act())
}

/// All errnos of a call.
pub const ALL: &[Errno] = &[];

/// That a call is not known or not permitted, and another one may be.
pub const REFUSED: &[Errno] = &[Errno::OPNOTSUPP, Errno::ISDIR, Errno::INVAL, Errno::NOSYS, Errno::ACCESS, Errno::PERM];

/// Of `linkat`, there is another way without `/proc` too.
pub const LINK_REFUSED: Unusual = ("linkat", &REFUSED_OR_GONE, Told::Nothing, Left::Done);

const REFUSED_OR_GONE: [Errno; 7] =
    [Errno::NOENT, Errno::OPNOTSUPP, Errno::ISDIR, Errno::INVAL, Errno::NOSYS, Errno::ACCESS, Errno::PERM];

/// Space is reserved another way then.
pub const IN_PARTS: Unusual = ("fallocate", &[Errno::INTR, Errno::OPNOTSUPP, Errno::NOSYS], Told::Nothing, Left::Done);

/// What an operation returns when a call of it fails.
#[derive(Clone, Copy, Debug)]
pub enum Told {
    /// The errno, the kind that is documented for it, and the operation.
    Usually,
    /// What it returns undisturbed.
    Nothing,
    /// This kind; the errno may be another.
    Kind(ErrorKind),
    /// This kind, of another operation; the errno may be another.
    KindAs(ErrorKind, Operation),
    /// As usually, but of another operation.
    As(Operation),
}

/// What there is when a call of an operation has failed.
#[derive(Clone, Copy, Debug)]
pub enum Left {
    /// What there was before.
    Before,
    /// What there is when the operation is done.
    Done,
    /// That, but the object's name stays.
    DoneNameStays,
    /// What there was before, but for the object itself, whose look has this part.
    Shows(&'static str),
}

/// What is unusual about a call: its name, or `name 1` for the second of this name; for which errnos.
pub type Unusual = (&'static str, &'static [Errno], Told, Left);

/// An operation, and what is unusual about its failures.
#[derive(Clone)]
pub struct Case {
    pub name: &'static str,
    operation: Operation,
    prepare: fn() -> Prepared,
    /// Calls that fail in any case, so that others are made.
    pub premise: fn(&Call) -> Option<Errno>,
    unusual: Vec<Unusual>,
    /// The calls that are failed, if not all.
    pub only: &'static [&'static str],
}

pub fn case(name: &'static str, operation: Operation, prepare: fn() -> Prepared) -> Case {
    Case { name, operation, prepare, premise: |_| None, unusual: Vec::new(), only: &[] }
}

impl Case {
    /// What holds in place of the usual; the first that fits.
    pub fn unless(mut self, unusual: &[Unusual]) -> Self {
        self.unusual.extend(unusual);
        self
    }

    /// Only these calls are part of what is tested.
    pub fn only(self, only: &'static [&'static str]) -> Self {
        Self { only, ..self }
    }

    pub fn where_calls_fail(self, premise: fn(&Call) -> Option<Errno>) -> Self {
        Self { premise, ..self }
    }
}

/// How an operation went, and what there was before and after.
pub struct Run {
    pub calls: Vec<Call>,
    result: Result<(), Error>,
    before: (Snapshot, String),
    after: (Snapshot, String),
}

impl Case {
    pub fn undisturbed(&self, subject: &Subject) -> Run {
        self.run(subject, None)
    }

    /// Fails the call of this place, if it is the one that is expected there.
    fn run(&self, subject: &Subject, fault: Option<(usize, libc::c_long, Errno)>) -> Run {
        let Prepared { act, look } = (self.prepare)();
        let state = || (Snapshot::take(), look());
        let before = state();
        let premise = self.premise;
        let answer = move |index, call: &Call| {
            let planned = fault.filter(|(place, number, _)| (*place, *number) == (index, call.number));
            planned.map(|(.., errno)| errno).or_else(|| premise(call))
        };
        let (result, calls) = subject.run(Box::new(answer), act);
        let after = state();
        Run { calls, result: result.map(drop), before, after }
    }

    /// Does it with one call failing. On a busy machine a wait may be over before the call; then it is done anew.
    pub fn run_with(&self, subject: &Subject, index: usize, call: &Call, errno: Errno) -> Run {
        for _ in 0..100 {
            let run = self.run(subject, Some((index, call.number, errno)));
            if run.calls.get(index).is_some_and(|made| made.number == call.number) {
                return run;
            }
        }
        panic!("{}: its calls are never again those of the first time", self.name);
    }

    fn expected(&self, call: &str, errno: Errno) -> (Told, Left) {
        let fits =
            |(name, errnos, ..): &&Unusual| is_meant(name, call) && (errnos.is_empty() || errnos.contains(&errno));
        let unusual = self.unusual.iter().find(fits).map(|(_, _, told, left)| (*told, *left));
        unusual.unwrap_or((Told::Usually, Left::Before))
    }

    /// What is wrong about a run in which a call failed.
    pub fn fault(&self, usual: &Run, run: &Run, call: &str, errno: Errno) -> Option<String> {
        let (told, left) = self.expected(call, errno);
        let error = |operation| Err((kind_of(operation, errno), errno, operation));
        let result = run.result.map_err(|error| (error.kind(), error.errno(), error.operation()));
        let is_told = match told {
            Told::Usually => result == error(self.operation),
            Told::Nothing => run.result == usual.result,
            Told::Kind(kind) => result.is_err_and(|error| (error.0, error.2) == (kind, self.operation)),
            Told::KindAs(kind, operation) => result.is_err_and(|error| (error.0, error.2) == (kind, operation)),
            Told::As(operation) => result == error(operation),
        };
        if !is_told {
            let expected = error(self.operation);
            return Some(format!("expected {told:?} ({expected:?}), got {:?}", run.result));
        }
        let sentence = run.result.err().map(|error| error.to_string());
        if sentence.as_ref().is_some_and(|sentence| !sentence.ends_with(')')) {
            return Some(format!("the sentence names no errno: {sentence:?}"));
        }
        let (snapshot, look) = match left {
            Left::Before => run.before.clone(),
            Left::Done => usual.after.clone(),
            Left::DoneNameStays => (usual.after.0.with_names_of(&run.before.0), run.before.1.clone()),
            Left::Shows(part) if run.after.1.contains(part) => {
                (run.before.0.with_names_of(&run.after.0), run.after.1.clone())
            }
            Left::Shows(part) => (run.before.0.clone(), part.into()),
        };
        let state = (snapshot, look);
        (run.after != state).then(|| format!("there is {:?}\ninstead of {state:?}", run.after))
    }
}

/// Whether `open`, or `open 1`, means the call `open 1`.
pub fn is_meant(name: &str, call: &str) -> bool {
    name == call || call.split(' ').next() == Some(name)
}

/// The kind that an errno is documented to be.
fn kind_of(operation: Operation, errno: Errno) -> ErrorKind {
    let is_queue = matches!(operation, Operation::CreateQueue | Operation::OpenQueue);
    let takes_space = matches!(
        operation,
        Operation::CreateSemaphore | Operation::CreateMemory | Operation::ResizeMemory | Operation::WriteMemory
    );
    match errno {
        Errno::NOENT => ErrorKind::NotFound,
        Errno::EXIST => ErrorKind::AlreadyExists,
        Errno::ACCESS | Errno::PERM | Errno::ROFS => ErrorKind::PermissionDenied,
        Errno::AGAIN => ErrorKind::WouldBlock,
        Errno::TIMEDOUT => ErrorKind::TimedOut,
        Errno::INTR => ErrorKind::Interrupted,
        Errno::NAMETOOLONG => ErrorKind::InvalidName,
        Errno::INVAL => ErrorKind::InvalidInput,
        Errno::MSGSIZE if operation == Operation::Receive => ErrorKind::BufferTooSmall,
        Errno::MSGSIZE => ErrorKind::MessageTooLong,
        // A descriptor can be had here, so it is the other cause.
        Errno::MFILE if is_queue => ErrorKind::LimitExceeded(Limit::QueueBytes),
        Errno::MFILE => ErrorKind::LimitExceeded(Limit::Descriptors),
        Errno::NFILE => ErrorKind::LimitExceeded(Limit::SystemDescriptors),
        Errno::NOSPC if is_queue => ErrorKind::LimitExceeded(Limit::Queues),
        Errno::NOSPC if takes_space => ErrorKind::LimitExceeded(Limit::DevShm),
        Errno::DQUOT => ErrorKind::LimitExceeded(Limit::Quota),
        Errno::OVERFLOW => ErrorKind::Overflow,
        Errno::NOSYS | Errno::AFNOSUPPORT | Errno::PROTONOSUPPORT => ErrorKind::Unsupported,
        Errno::BUSY => ErrorKind::Busy,
        Errno::BADF => ErrorKind::BadDescriptor,
        Errno::NOMEM => ErrorKind::OutOfMemory,
        _ => ErrorKind::Other,
    }
}
