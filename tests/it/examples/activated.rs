//! The example `activated`; the test is the service manager.

use std::fs::File;
use std::process::{Command, Stdio};

use rawipc::fd::OwnedFd;
use rawipc::{MessageQueue, Priority};

use super::example;
use crate::harness::{Ending, Lacking, small_queue};

crate::tests!(
    a_service_adopts_its_queue_and_ends_when_it_is_idle,
    something_else_is_refused,
    without_a_service_manager_it_says_so,
);

/// Starts the service as systemd does, with one descriptor, and waits for its end.
fn activate(descriptor: OwnedFd) -> Result<(Option<i32>, String, String), Lacking> {
    let manager = "export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$0\" 3<&0 </dev/null";
    end(Command::new("sh").args(["-c", manager]).arg(example("activated")?).stdin(Stdio::from(descriptor)))
}

fn end(command: &mut Command) -> Result<(Option<i32>, String, String), Lacking> {
    let output = command.output().expect("it starts");
    let text = |bytes| String::from_utf8(bytes).expect("it is text");
    Ok((output.status.code(), text(output.stdout), text(output.stderr)))
}

fn a_service_adopts_its_queue_and_ends_when_it_is_idle() -> Ending {
    let queue = small_queue();
    let passed = |queue: &MessageQueue| OwnedFd::from(queue.try_clone().expect("there is a free descriptor"));
    for (jobs, expected) in [
        (&["first", "second"][..], "job: first\njob: second\nnothing to do\n"),
        (&["third"][..], "job: third\nnothing to do\n"),
        (&[][..], "nothing to do\n"),
    ] {
        for job in jobs {
            queue.send(job.as_bytes(), Priority::MIN).expect("there is room");
        }
        assert_eq!(activate(passed(&queue))?, (Some(0), expected.into(), String::new()));
    }
    Ok(())
}

fn something_else_is_refused() -> Ending {
    let file = File::open("/dev/null").expect("there is one");
    let error = "adopting the descriptor: the descriptor is not a message queue (EBADF)\n";
    assert_eq!(activate(file.into())?, (Some(1), String::new(), error.into()));
    Ok(())
}

fn without_a_service_manager_it_says_so() -> Ending {
    let error = "started without a service manager: LISTEN_PID is not this process\n";
    let started = end(Command::new(example("activated")?).env_remove("LISTEN_PID"))?;
    assert_eq!(started, (Some(1), String::new(), error.into()));
    Ok(())
}
