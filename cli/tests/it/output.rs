//! Standard output and standard error: what is written when, and what if it cannot be.

use std::fs::File;
use std::io::{Read, Write, pipe};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::Duration;

use rawipc::{ErrorKind, MessageQueue, Priority};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};

use super::{PATIENCE, name_of, run, tool};
use crate::harness::{Peer, small_queue};

crate::tests!(
    each_message_is_written_at_once,
    at_most_one_message_is_lost_if_nobody_reads,
    at_most_one_message_is_lost_if_the_disk_is_full,
    a_failed_write_is_a_failure_of_stat,
    a_reader_who_has_seen_enough_is_no_failure,
    an_unwritable_standard_error_keeps_the_exit_code,
    progress_is_shown_on_a_terminal_alone,
);

fn filled_queue() -> (MessageQueue, String) {
    let queue = small_queue();
    for message in ["one", "", "with\nnewlines\n", "three"] {
        queue.send(message.as_bytes(), Priority::MIN).unwrap();
    }
    let name = name_of(&queue);
    (queue, name)
}

/// Each write to a datagram socket is a datagram.
fn each_message_is_written_at_once() {
    for (raw, expected) in
        [(false, ["one\n", "\n", "with\nnewlines\n\n", "three\n"]), (true, ["one", "", "with\nnewlines\n", "three"])]
    {
        let (_queue, name) = filled_queue();
        let (ours, its) = UnixDatagram::pair().unwrap();
        let mut command = tool(&["mq", "receive", &name, "--count", "4"]);
        run(command.args(raw.then_some("--raw")).stdout(OwnedFd::from(its))).done("");
        ours.set_nonblocking(true).unwrap();
        let mut buffer = [0; 80];
        // Of an empty message nothing is written.
        for line in expected.into_iter().filter(|line| !line.is_empty()) {
            let length = ours.recv(&mut buffer).unwrap();
            assert_eq!(String::from_utf8_lossy(&buffer[..length]), line);
        }
        assert!(ours.recv(&mut buffer).is_err(), "there is nothing more");
    }
}

fn at_most_one_message_is_lost_if_nobody_reads() {
    let (queue, name) = filled_queue();
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let ran = run(tool(&["mq", "receive", &name, "--follow"]).stdout(writer));
    let lost = format!("the message just received from {name} (3 bytes) is lost");
    ran.failed(1, &format!("standard output: Broken pipe (os error 32); {lost}"));
    assert_eq!(queue.len().unwrap(), 3);
}

fn at_most_one_message_is_lost_if_the_disk_is_full() {
    let (queue, name) = filled_queue();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let ran = run(tool(&["mq", "receive", &name, "--count", "4", "--raw"]).stdout(full));
    assert_eq!(ran.code, Some(1));
    assert!(ran.errors.starts_with("rawipc: standard output: No space left on device (os error 28); "), "{ran:?}");
    assert_eq!(queue.len().unwrap(), 3);
}

fn a_failed_write_is_a_failure_of_stat() {
    let (queue, name) = filled_queue();
    let full = File::options().write(true).open("/dev/full").unwrap();
    run(tool(&["mq", "stat", &name]).stdout(full)).failed(1, "standard output: No space left on device (os error 28)");
    assert_eq!(queue.len().unwrap(), 4);
}

fn a_reader_who_has_seen_enough_is_no_failure() {
    let (_queue, name) = filled_queue();
    for arguments in [&["mq", "stat", &name][..], &["list"], &["--help"], &["mq", "watch", &name]] {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let ran = run(tool(arguments).stdout(writer));
        assert_eq!((ran.code, ran.errors.as_str()), (Some(141), ""), "{arguments:?}");
    }
}

fn an_unwritable_standard_error_keeps_the_exit_code() {
    let queue = small_queue();
    for (arguments, code) in [(&["--timeout", "0"][..], 3), (&["--count", "x"], 2), (&[], 0)] {
        if code == 0 {
            queue.send(b"one", Priority::MIN).unwrap();
        }
        let full = File::options().write(true).open("/dev/full").unwrap();
        let ran = run(tool(&["mq", "receive", &name_of(&queue)]).args(arguments).stderr(full));
        assert_eq!(ran.code, Some(code), "{ran:?}");
    }
}

fn progress_is_shown_on_a_terminal_alone() {
    let queue = small_queue();
    let name = name_of(&queue);
    for terminal in [true, false] {
        let (mut ours, its): (File, Stdio) = if terminal {
            let [ours, its] = pseudo_terminal();
            (ours, its.into())
        } else {
            let (ours, its) = pipe().unwrap();
            (OwnedFd::from(ours).into(), its.into())
        };
        let (theirs, mut input) = pipe().unwrap();
        // Before it starts: the sooner it has its first message, the less time has passed for it by then.
        input.write_all(b"first\n").unwrap();
        let mut command = tool(&["mq", "send", &name]);
        let sender = Peer::start(command.stdin(theirs).stderr(its));
        drop(command); // It holds the other end of `ours`.
        let mut buffer = [0; 64];
        queue.receive_timeout(&mut buffer, PATIENCE).unwrap();
        // Nothing is shown of short transfers. This one is made a long one.
        let pause = queue.receive_timeout(&mut buffer, Duration::from_millis(600)).unwrap_err();
        assert_eq!(pause.kind(), ErrorKind::TimedOut);
        input.write_all(b"second\n").unwrap();
        drop(input);
        queue.receive_timeout(&mut buffer, PATIENCE).unwrap();
        sender.succeed();
        let mut shown = Vec::new();
        // A terminal that nobody has open any more is an error; what had been written to it comes before.
        let _ = ours.read_to_end(&mut shown);
        let shown = String::from_utf8(shown).unwrap();
        // On a busy machine the first message alone may take long.
        let (first, both) = ("\r\x1b[K1 message (5 bytes) sent", "\r\x1b[K2 messages (11 bytes) sent");
        let parts: &[&[&str]] = if terminal { &[&[both], &[first, both], &[first]] } else { &[&[]] };
        let end = if terminal { "\r\x1b[K" } else { "" };
        assert!(parts.iter().any(|lines| shown == lines.concat() + end), "{shown:?}");
    }
}

/// Both ends of a new terminal; the second one is for the program. What other tests start meanwhile gets neither:
/// that would keep the terminal open.
pub(super) fn pseudo_terminal() -> [File; 2] {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let ours = openpt(flags).expect("a terminal can be made");
    unlockpt(&ours).expect("it is ours");
    let its = ioctl_tiocgptpeer(&ours, flags).expect("it has another end");
    [ours, its].map(File::from)
}
