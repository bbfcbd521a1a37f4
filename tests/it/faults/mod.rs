//! Every system call that the crate makes fails with every errno it can have, one at a time.
//!
//! An operation is done once undisturbed, which shows its calls. Then it is done anew for each of them and each errno
//! of the call's row in `errnos`. What must hold is the same for all but what the operation lists: the error has the
//! errno, its kind and the operation, and descriptors, mappings, files, queues and the object itself are as before.

pub mod errnos;
mod flags;
mod memory;
mod notification;
mod objects;
mod queue;
mod semaphore;
mod snapshot;

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rawipc::{Deadline, Errno, Error, ErrorKind, Limit, Operation};

use crate::harness::injector::{Call, Subject};
use crate::harness::{Ending, Lacking};
use crate::list_support::private_dev;
use errnos::row_of;
use snapshot::Snapshot;

crate::tests!(
    ;
    alone: failing_calls_of_queues_are_told_and_leave_nothing,
    failing_calls_of_notification_are_told_and_leave_nothing,
    failing_calls_of_semaphores_are_told_and_leave_nothing,
    failing_calls_of_shared_memory_are_told_and_leave_nothing,
    failing_calls_of_listings_and_limits_are_told_and_leave_nothing,
    every_call_in_the_table_is_made_by_some_operation,
    every_descriptor_is_closed_by_exec_and_no_link_is_followed
);

fn failing_calls_of_queues_are_told_and_leave_nothing() -> Ending {
    assert_all(&queue::cases())
}

fn failing_calls_of_notification_are_told_and_leave_nothing() -> Ending {
    assert_all(&notification::cases())
}

fn failing_calls_of_semaphores_are_told_and_leave_nothing() -> Ending {
    assert_all(&semaphore::cases())
}

fn failing_calls_of_shared_memory_are_told_and_leave_nothing() -> Ending {
    assert_all(&memory::cases())
}

fn failing_calls_of_listings_and_limits_are_told_and_leave_nothing() -> Ending {
    assert_all(&objects::cases())
}

/// So that the table says what the crate does, no less (an unknown call is a panic) and no more.
fn every_call_in_the_table_is_made_by_some_operation() -> Ending {
    let mut made = BTreeSet::new();
    for (_, call) in all_calls()? {
        made.extend(row_of(&call).map(|row| row.name));
    }
    let missing: Vec<_> = errnos::names().into_iter().filter(|name| !made.contains(name)).collect();
    assert!(missing.is_empty(), "no operation makes these calls: {missing:?}");
    Ok(())
}

fn every_descriptor_is_closed_by_exec_and_no_link_is_followed() -> Ending {
    let mut opening = 0;
    for (case, call) in all_calls()? {
        let missing = flags::missing(&call);
        assert!(missing.is_empty(), "{case}: {call:x?} lacks {missing}");
        opening += u32::from(flags::opens(&call));
    }
    assert!(opening > 50, "only {opening} calls open anything");
    Ok(())
}

/// The calls that every operation makes, with its name.
fn all_calls() -> Result<Vec<(&'static str, Call)>, Lacking> {
    let subject = subject()?;
    let mut calls = Vec::new();
    for case in [queue::cases(), notification::cases(), semaphore::cases(), memory::cases(), objects::cases()].concat()
    {
        calls.extend(case.undisturbed(&subject).calls.into_iter().map(|call| (case.name, call)));
    }
    Ok(calls)
}

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

/// What an operation returns when a call of it fails.
#[derive(Clone, Copy, Debug)]
pub enum Told {
    /// The errno, the kind that is documented for it, and the operation.
    Usually,
    /// What it returns undisturbed.
    Nothing,
    /// This kind; the errno may be another.
    Kind(ErrorKind),
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
type Unusual = (&'static str, &'static [Errno], Told, Left);

/// An operation, and what is unusual about its failures.
#[derive(Clone)]
pub struct Case {
    name: &'static str,
    operation: Operation,
    prepare: fn() -> Prepared,
    /// Calls that fail in any case, so that others are made.
    premise: fn(&Call) -> Option<Errno>,
    unusual: Vec<Unusual>,
    /// The calls that are failed, if not all.
    only: &'static [&'static str],
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
struct Run {
    calls: Vec<Call>,
    result: Result<(), Error>,
    before: (Snapshot, String),
    after: (Snapshot, String),
}

impl Case {
    fn undisturbed(&self, subject: &Subject) -> Run {
        self.run(subject, None)
    }

    fn run(&self, subject: &Subject, fault: Option<(usize, Errno)>) -> Run {
        let Prepared { act, look } = (self.prepare)();
        let state = || (Snapshot::take(), look());
        let before = state();
        let premise = self.premise;
        let answer = move |index, call: &Call| {
            let planned = fault.filter(|(planned, _)| *planned == index).map(|(_, errno)| errno);
            planned.or_else(|| premise(call))
        };
        let (result, calls) = subject.run(Box::new(answer), act);
        let after = state();
        Run { calls, result: result.map(drop), before, after }
    }

    /// Does it with one call failing. On a busy machine a wait may be over before the call; then it is done anew.
    fn run_with(&self, subject: &Subject, index: usize, call: &Call, errno: Errno) -> Run {
        for _ in 0..100 {
            let run = self.run(subject, Some((index, errno)));
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
    fn fault(&self, usual: &Run, run: &Run, call: &str, errno: Errno) -> Option<String> {
        let (told, left) = self.expected(call, errno);
        let error = |operation| Err((kind_of(operation, errno), errno, operation));
        let result = run.result.map_err(|error| (error.kind(), error.errno(), error.operation()));
        let is_told = match told {
            Told::Usually => result == error(self.operation),
            Told::Nothing => run.result == usual.result,
            Told::Kind(kind) => result.is_err_and(|error| (error.0, error.2) == (kind, self.operation)),
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

/// A thread whose calls can fail, in a process whose queues and `/dev/shm` are its own.
fn subject() -> Result<Subject, Lacking> {
    private_dev(true)?;
    // rustix asks the kernel once in each process where it finds the clocks.
    let _ = Deadline::after(Duration::ZERO);
    let subject = Subject::start()?;
    // Whatever the two threads need is there before anything is compared.
    subject.run(Box::new(|_, _| None), || ());
    Ok(subject)
}

/// Whether `open`, or `open 1`, means the call `open 1`.
fn is_meant(name: &str, call: &str) -> bool {
    name == call || call.split(' ').next() == Some(name)
}

/// Fails each call of each operation with each of its errnos; panics with all that is wrong.
fn assert_all(cases: &[Case]) -> Ending {
    let subject = subject()?;
    let (empty, mut faults, mut count) = (Snapshot::take(), Vec::new(), 0);
    for case in cases {
        let usual = case.undisturbed(&subject);
        assert_eq!(Snapshot::take(), empty, "{}: undisturbed", case.name);
        let mut seen = Vec::new();
        for (index, call) in usual.calls.iter().enumerate() {
            let Some(row) = row_of(call).filter(|_| (case.premise)(call).is_none()) else { continue };
            let name = format!("{} {}", row.name, seen.iter().filter(|name| **name == row.name).count());
            seen.push(row.name);
            if !case.only.is_empty() && !case.only.iter().any(|only| is_meant(only, &name)) {
                continue;
            }
            for errno in row.errnos() {
                let run = case.run_with(&subject, index, call, errno);
                let mut fault = case.fault(&usual, &run, &name, errno);
                drop(run);
                let left = Snapshot::take();
                if fault.is_none() && left != empty {
                    fault = Some(format!("in the end there is {left:?}"));
                }
                faults.extend(fault.map(|fault| format!("{}: {name} with {errno:?}: {fault}", case.name)));
                assert_eq!(left, empty, "{}", faults.join("\n"));
                count += 1;
            }
        }
    }
    assert!(
        faults.is_empty(),
        "{} of {count} failures are not as they should be:\n{}",
        faults.len(),
        faults.join("\n")
    );
    println!("{count} failures");
    Ok(())
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
        Errno::ACCESS | Errno::PERM => ErrorKind::PermissionDenied,
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
        Errno::OVERFLOW => ErrorKind::Overflow,
        Errno::NOSYS | Errno::AFNOSUPPORT | Errno::PROTONOSUPPORT => ErrorKind::Unsupported,
        Errno::BUSY => ErrorKind::Busy,
        Errno::BADF => ErrorKind::BadDescriptor,
        Errno::NOMEM => ErrorKind::OutOfMemory,
        _ => ErrorKind::Other,
    }
}
