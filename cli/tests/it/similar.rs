//! Names that no object has, and those that were meant.

use rawipc::{MessageQueue, name};

use super::limits::{cover, hide_queues};
use super::sandbox::without_mounting;
use super::{run, tool};
use crate::harness::kernel::private_ipc_and_mounts;
use crate::harness::{Ending, small};

crate::tests!(
    ;
    alone: the_name_that_was_meant_is_told,
    where_nothing_can_be_listed_nothing_is_told,
);

fn the_name_that_was_meant_is_told() -> Ending {
    private_ipc_and_mounts()?;
    cover("/dev/shm")?;
    let _queues: [MessageQueue; 3] = [name!("/jobs"), name!("/resize-images"), name!("/a\x1b[2Jbcdef")]
        .map(|name| small().create_new(true).open(name).unwrap());
    run(&mut tool(&["sem", "create", "slots"])).done("");
    run(&mut tool(&["shm", "create", "state", "--size", "1"])).done("");
    for (arguments, end) in [
        ("mq stat job", "; did you mean /jobs?"),
        ("mq stat Jobs", "; did you mean /jobs?"),
        ("mq receive ojbs", "; did you mean /jobs?"),
        ("mq unlink jibs", "; did you mean /jobs?"),
        ("mq watch rezise-images", "; did you mean /resize-images?"),
        ("mq stat ab[2Jbcdef", r"; did you mean /a\x1b[2Jbcdef?"),
        ("sem post slot", "; did you mean /slots?"),
        ("sem unlink slost", "; did you mean /slots?"),
        ("shm read sate", "; did you mean /state?"),
        ("shm stat slots", "; there is a semaphore of this name"),
        ("sem wait jobs", "; there is a queue of this name"),
        ("mq send state", "; there is a shared memory object of this name"),
        // Another number, too far, another sort, too short.
        ("mq stat jobs2", ""),
        ("mq stat bosses", ""),
        ("mq stat slot", ""),
        ("mq stat jo", ""),
    ] {
        let ran = run(&mut tool(&arguments.split(' ').collect::<Vec<_>>()));
        assert_eq!(ran.code, Some(1), "{arguments}: {ran:?}");
        assert!(ran.errors.ends_with(&format!("no object has this name (ENOENT){end}\n")), "{ran:?}");
        assert_eq!(ran.errors.lines().count(), 1, "{ran:?}");
    }
    Ok(())
}

fn where_nothing_can_be_listed_nothing_is_told() -> Ending {
    hide_queues()?;
    let _queue = small().create_new(true).open(name!("/jobs")).unwrap();
    let ran = run(without_mounting(&mut tool(&["mq", "stat", "job"])));
    ran.failed(1, "/job: opening the queue: no object has this name (ENOENT)");
    Ok(())
}
