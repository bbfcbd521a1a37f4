//! The examples of shared memory as a user runs them.

use std::process::Command;

use super::example;
use crate::harness::languages::python_with;
use crate::harness::{Ending, Lacking};
use crate::shm::support::{dev_shm, tiny_dev_shm};

crate::tests!(
    ;
    alone: the_counter_loses_no_addition,
    python_accepts_no_torn_frame
);

/// Runs it to its good end, with a `/dev/shm` of its own that must be empty afterwards; what it has printed.
fn run(name: &str) -> Result<(String, String), Lacking> {
    let program = example(name)?;
    tiny_dev_shm(1 << 20)?;
    let output = Command::new(program).output().expect("it starts");
    let text = |bytes| String::from_utf8(bytes).expect("it is text");
    let (text, errors) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{}\n{text}{errors}", output.status);
    assert_eq!(dev_shm(), [""; 0], "it removes its objects");
    Ok((text, errors))
}

fn the_counter_loses_no_addition() -> Ending {
    let (text, errors) = run("shared_counter")?;
    let mut lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.pop(), errors.as_str()), (Some("4 processes have counted to 40000"), ""));
    assert_eq!(lines.len(), 4);
    assert!(lines.iter().all(|line| line.starts_with("process ") && line.ends_with(" has added 10000")), "{text}");
    Ok(())
}

fn python_accepts_no_torn_frame() -> Ending {
    python_with("mmap")?;
    let (text, errors) = run("seqlock")?;
    assert!(text.ends_with(" read back, none torn\n"), "{text}");
    assert!(errors.starts_with("Python has accepted 500 frames and tried again "), "{errors}");
    Ok(())
}
