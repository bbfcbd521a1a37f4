//! The examples of semaphores, run as a user runs them.

use std::ffi::OsStr;
use std::fs;
use std::process::{Command, Output};

use super::example;
use crate::harness::languages::{python, python_with};
use crate::harness::waiting::wait_until;
use crate::harness::{Ending, Lacking};

crate::tests!(the_limit_holds_across_processes, turns_go_between_rust_and_python, a_missing_module_is_said_so,);

fn run(name: &str, python: &OsStr) -> Result<(Option<i32>, String, String), Lacking> {
    let Output { status, stdout, stderr } =
        Command::new(example(name)?).env("RAWIPC_PYTHON", python).output().expect("it starts");
    let text = |bytes| String::from_utf8(bytes).expect("it prints ASCII");
    // `semaphore_limit` names its semaphores `/rawipc-example-limit-...`.
    let prefix = format!("sem.rawipc-example-{}-", name.rsplit('_').next().expect("a name"));
    let is_left = |file: fs::DirEntry| file.file_name().to_str().is_some_and(|file| file.starts_with(&prefix));
    // Another test may be running the same example now.
    wait_until("nothing is left", || !fs::read_dir("/dev/shm").expect("it can be listed").flatten().any(is_left));
    Ok((status.code(), text(stdout), text(stderr)))
}

fn the_limit_holds_across_processes() -> Ending {
    let expected = "8 workers went in 20 times each, never more than 3 at once\n";
    assert_eq!(run("semaphore_limit", python().get_program())?, (Some(0), expected.into(), String::new()));
    Ok(())
}

fn turns_go_between_rust_and_python() -> Ending {
    let python = python_with("posix_ipc")?;
    let expected = "Python took 1000 turns\nRust took 1000 turns\n";
    assert_eq!(run("semaphore_handoff", python.get_program())?, (Some(0), expected.into(), String::new()));
    Ok(())
}

fn a_missing_module_is_said_so() -> Ending {
    let (code, stdout, stderr) = run("semaphore_handoff", OsStr::new("/nowhere/python3"))?;
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert!(stderr.contains("posix_ipc") && stderr.contains("/nowhere/python3"), "{stderr}");
    Ok(())
}
