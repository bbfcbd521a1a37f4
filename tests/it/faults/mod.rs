//! Every system call that the crate makes fails with every errno it can have, one at a time.
//!
//! An operation is done once undisturbed, which shows its calls. Then it is done anew for each of them and each errno
//! of the call's row in `errnos`. What must hold is the same for all but what the operation lists: the error has the
//! errno, its kind and the operation, and descriptors, mappings, files, queues and the object itself are as before.

mod batches;
mod case;
mod child;
mod doorbell;
pub mod errnos;
mod flags;
mod memory;
mod monitoring;
mod notification;
mod objects;
mod queue;
mod robust;
mod semaphore;
mod shared_queue;
mod snapshot;

use std::collections::BTreeSet;
use std::time::Duration;

use rawipc::Deadline;

use crate::harness::injector::{Call, Subject};
use crate::harness::{Ending, Lacking};
use crate::inspect::list_support::private_dev;
use case::{Case, is_meant};
use errnos::row_of;
use snapshot::Snapshot;

crate::tests!(
    ;
    alone: failing_calls_of_queues_are_told_and_leave_nothing,
    failing_calls_of_notification_are_told_and_leave_nothing,
    failing_calls_of_semaphores_are_told_and_leave_nothing,
    failing_calls_of_shared_memory_are_told_and_leave_nothing,
    failing_calls_of_robust_mutexes_are_told_and_leave_nothing,
    failing_calls_of_shared_queues_are_told_and_leave_nothing,
    a_childs_first_call_fails_and_the_next_one_works,
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

fn failing_calls_of_robust_mutexes_are_told_and_leave_nothing() -> Ending {
    assert_all(&robust::cases())
}

fn failing_calls_of_shared_queues_are_told_and_leave_nothing() -> Ending {
    assert_all(&[shared_queue::cases(), monitoring::cases(), batches::cases(), doorbell::cases()].concat())
}

fn a_childs_first_call_fails_and_the_next_one_works() -> Ending {
    child::assert_first_calls_can_fail()
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
    let (mut opening, mut previous) = (0, 0);
    for (case, call) in all_calls()? {
        // Who has made the page that `fork` wipes opens what it has open itself anew, which is a link in `/proc`.
        let is_own = previous == libc::SYS_madvise && flags::opens(&call);
        previous = call.number;
        let missing = flags::missing(&call, is_own);
        assert!(missing.is_empty(), "{case}: {call:x?} lacks {missing}");
        opening += u32::from(flags::opens(&call));
    }
    assert!(opening > 50, "only {opening} calls open anything");
    Ok(())
}

fn all_cases() -> Vec<Case> {
    let groups = [
        queue::cases,
        notification::cases,
        semaphore::cases,
        memory::cases,
        robust::cases,
        shared_queue::cases,
        monitoring::cases,
        batches::cases,
        doorbell::cases,
        objects::cases,
    ];
    groups.into_iter().flat_map(|cases| cases()).collect()
}

/// The calls that every operation makes, with its name.
fn all_calls() -> Result<Vec<(&'static str, Call)>, Lacking> {
    let subject = subject()?;
    let mut calls = Vec::new();
    for case in all_cases() {
        calls.extend(case.undisturbed(&subject).calls.into_iter().map(|call| (case.name, call)));
    }
    Ok(calls)
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
    assert!(count > 200, "only {count} failures were made");
    Ok(())
}
