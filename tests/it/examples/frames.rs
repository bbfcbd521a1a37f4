//! The stream of frames.

use std::process::Command;

use super::example;
use crate::harness::Ending;

crate::tests!(frames_arrive_whole_and_in_order);

fn frames_arrive_whole_and_in_order() -> Ending {
    let output = Command::new(example("frames")?).arg("300").output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.starts_with("300 frames, "), "{text}");
    Ok(())
}
