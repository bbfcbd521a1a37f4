//! The example `rate_limiter` as a user runs it.

use std::process::Command;

use super::example;
use crate::harness::Ending;
use crate::harness::languages::python_with;

crate::tests!(rust_and_python_keep_the_rate_together);

fn rust_and_python_keep_the_rate_together() -> Ending {
    let python = python_with("posix_ipc")?;
    let output =
        Command::new(example("rate_limiter")?).env("RAWIPC_PYTHON", python.get_program()).output().expect("it starts");
    let text = String::from_utf8(output.stdout).expect("it is text");
    // The program itself compares what has passed with the time that it took.
    assert!(output.status.success() && output.stderr.is_empty(), "{}\n{text}", output.status);
    let mut lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.pop(), Some("40 requests, 5 at once and then one in 5ms"));
    lines.sort_unstable();
    assert_eq!(lines, ["Python made 20 requests", "Rust made 20 requests"]);
    Ok(())
}
