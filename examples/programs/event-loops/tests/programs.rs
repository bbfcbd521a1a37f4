//! The programs as a user runs them.

use std::process::Command;

/// Runs a program to its good end; what it has printed.
fn run(program: &str) -> String {
    let output = Command::new(program).output().expect("it starts");
    let text = String::from_utf8(output.stdout).expect("it is text");
    assert!(output.status.success(), "{}\n{text}{}", output.status, String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn with_tokio() {
    let expected = "nothing has come within a millisecond\n20 readings have come in order, 4 at most under way\n";
    assert_eq!(run(env!("CARGO_BIN_EXE_with_tokio")), expected);
}

#[test]
fn with_mio() {
    let text = run(env!("CARGO_BIN_EXE_with_mio"));
    // The order of the two queues is the kernel's affair; that within one is not.
    let lines = |start: &str| text.lines().filter_map(|line| line.strip_prefix(start)).collect::<Vec<_>>();
    assert_eq!(lines("job: "), ["resize 1", "resize 2", "resize 3", "resize 4", "resize 5"], "{text}");
    let news = ["it is 1 o'clock", "it is 2 o'clock", "it is 3 o'clock", "it is 4 o'clock", "it is 5 o'clock"];
    assert_eq!(lines("news: "), news, "{text}");
    assert!(text.ends_with("the sender has ended: exit status: 0\n"), "{text}");
}

#[test]
fn with_async_io() {
    let expected =
        "at first: None\njob: resize 1\njob: resize 2\njob: resize 3\njob: resize 4\njob: resize 5\nthe end\n";
    assert_eq!(run(env!("CARGO_BIN_EXE_with_async_io")), expected);
}
