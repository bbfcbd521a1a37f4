//! The example `event_loop` as a user runs it.

use std::process::Command;

use super::example;
use crate::harness::Ending;
use crate::harness::kernel::private_ipc_and_mounts;
use crate::inspect::list_support::queues;

crate::tests!(
    ;
    alone: it_sees_everything_ends_well_and_leaves_nothing
);

fn it_sees_everything_ends_well_and_leaves_nothing() -> Ending {
    let program = example("event_loop")?;
    private_ipc_and_mounts()?;
    let output = Command::new(program).output().expect("it starts");
    let text = String::from_utf8(output.stdout).expect("it is text");
    assert!(output.status.success() && output.stderr.is_empty(), "{}\n{text}", output.status);
    // The order of the sources within one turn of the loop is the kernel's affair; that of one source is not.
    let lines = |start: &str| text.lines().filter(|line| line.starts_with(start)).collect::<Vec<_>>();
    let ticks = ["timer: tick 1", "timer: tick 2", "timer: tick 3"];
    assert_eq!(lines("timer"), ticks, "{text}");
    assert_eq!(lines("job"), ["job: resize 1", "job: resize 2", "job: resize 3"], "{text}");
    assert_eq!(lines("news"), ["news: it is 1 o'clock", "news: it is 2 o'clock", "news: it is 3 o'clock"], "{text}");
    // On a machine that stalls, several ticks can come before the queue is emptied: then one notification is for all.
    let notified = lines("notified");
    assert!((1..=3).contains(&notified.len()) && notified.iter().all(|line| *line == "notified: arrived"), "{text}");
    assert_eq!(lines("signal"), ["signal: the end"], "{text}");
    assert_eq!(text.lines().last(), Some("done: 3 jobs, 3 news, 3 ticks"), "{text}");
    assert_eq!(queues().unwrap(), [], "it removes its queues");
    Ok(())
}
