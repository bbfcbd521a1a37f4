//! `mq receive`: which messages it takes, and how it writes them.

use std::time::Instant;

use rawipc::{MessageQueue, Priority};

use super::sandbox::without_privilege;
use super::{name_of, run, tool};
use crate::harness::{Peer, small, small_queue};

crate::tests!(
    one_message_is_one_line,
    the_highest_priority_comes_first,
    count_takes_so_many,
    follow_goes_on_until_the_time_is_over,
    raw_writes_the_bytes_alone,
    an_empty_queue_is_not_now,
    waiting_for_a_message_is_bounded,
    a_waiting_receiver_gets_the_message,
    the_right_to_receive_is_needed,
);

fn queue_with(messages: &[&[u8]]) -> (MessageQueue, String) {
    let queue = small_queue();
    for message in messages {
        queue.send(message, Priority::MIN).unwrap();
    }
    let name = name_of(&queue);
    (queue, name)
}

fn one_message_is_one_line() {
    let (queue, name) = queue_with(&[b"one", b"", b"\0\xff\n\r", &[b'x'; 64]]);
    run(&mut tool(&["mq", "receive", &name])).done("one\n");
    run(&mut tool(&["mq", "receive", name.trim_start_matches('/')])).done("\n");
    run(&mut tool(&["mq", "receive", &name, "--timeout", "9"])).done(b"\0\xff\n\r\n");
    run(&mut tool(&["mq", "receive", &name, "--timeout", "0"])).done("x".repeat(64) + "\n");
    assert!(queue.is_empty().unwrap());
}

fn the_highest_priority_comes_first() {
    let queue = small_queue();
    for (priority, text) in [(0, "last"), (7, "second"), (9, "first"), (7, "third")] {
        queue.send(text.as_bytes(), Priority::from(priority)).unwrap();
    }
    run(&mut tool(&["mq", "receive", &name_of(&queue), "--count", "4"])).done("first\nsecond\nthird\nlast\n");
}

fn count_takes_so_many() {
    let (queue, name) = queue_with(&[b"1", b"2", b"3", b"4"]);
    run(&mut tool(&["mq", "receive", &name, "--count", "3"])).done("1\n2\n3\n");
    assert_eq!(queue.len().unwrap(), 1);
    let ran = run(&mut tool(&["mq", "receive", &name, "--count", "3", "--timeout", "0"]));
    let error = "receiving: the queue is empty (EAGAIN); 1 message (1 byte) was received before";
    assert_eq!(ran.failed(3, &format!("{name}: {error}")), b"4\n");
}

fn follow_goes_on_until_the_time_is_over() {
    let (queue, name) = queue_with(&[b"1", b"", b"345"]);
    let ran = run(&mut tool(&["mq", "receive", &name, "--follow", "--timeout", "0.02"]));
    let error = "receiving: timed out (ETIMEDOUT); 3 messages (4 bytes) were received before";
    assert_eq!(ran.failed(3, &format!("{name}: {error}")), b"1\n\n345\n");
    assert!(queue.is_empty().unwrap());
}

fn raw_writes_the_bytes_alone() {
    let (_queue, name) = queue_with(&[b"\0", b"", b"\n", b"end"]);
    run(&mut tool(&["mq", "receive", &name, "--raw", "--count", "4"])).done(b"\0\nend");
}

fn an_empty_queue_is_not_now() {
    let (_queue, name) = queue_with(&[]);
    for options in [&[][..], &["--raw"], &["--follow"], &["--count", "2"]] {
        let ran = run(tool(&["mq", "receive", &name, "--timeout", "0"]).args(options));
        let error = format!("{name}: receiving: the queue is empty (EAGAIN); nothing was received");
        assert_eq!(ran.failed(3, &error), b"");
    }
}

fn waiting_for_a_message_is_bounded() {
    let (_queue, name) = queue_with(&[]);
    let start = Instant::now();
    let ran = run(&mut tool(&["mq", "receive", &name, "--timeout", ".05"]));
    ran.failed(3, &format!("{name}: receiving: timed out (ETIMEDOUT); nothing was received"));
    assert!(start.elapsed().as_millis() >= 50);
}

/// Whether it waits already when the message is sent, or comes later: it gets it.
fn a_waiting_receiver_gets_the_message() {
    for options in [&["--timeout", "60"][..], &[]] {
        let (queue, name) = queue_with(&[]);
        let mut receiver = Peer::start(tool(&["mq", "receive", &name]).args(options));
        queue.send(b"here", Priority::MIN).unwrap();
        let mut line = String::new();
        std::io::Read::read_to_string(receiver.stdout.as_mut().unwrap(), &mut line).unwrap();
        assert_eq!(line, "here\n");
        receiver.succeed();
    }
}

fn the_right_to_receive_is_needed() {
    let queue = small().exact_mode(0o200).create_unique(rawipc::name!("/rawipc-test-")).unwrap();
    let name = name_of(&queue);
    let ran = run(without_privilege(&mut tool(&["mq", "receive", &name, "--timeout", "0"])));
    ran.failed(1, &format!("{name}: opening the queue: not permitted for this user (EACCES)"));
}
