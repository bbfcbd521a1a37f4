//! `mq send`: what becomes of standard input, and what is said when it does not fit.

use std::fs::File;
use std::time::Instant;

use rawipc::Priority;

use super::sandbox::{with_memory, without_privilege};
use super::{contents, name_of, run, run_with, tool};
use crate::harness::{small, small_queue};

crate::tests!(
    each_line_is_a_message,
    messages_have_the_priority_asked_for,
    a_line_may_fill_a_message,
    a_line_too_long_ends_it,
    a_line_without_end_is_not_kept_in_memory,
    chunks_are_cut_at_the_message_size,
    a_full_queue_is_not_now,
    waiting_for_room_is_bounded,
    an_input_that_cannot_be_read_is_a_failure,
    the_right_to_send_is_needed,
);

fn each_line_is_a_message() {
    let queue = small_queue();
    let lines: [(&[u8], &[&[u8]]); 6] = [
        (b"", &[]),
        (b"\n", &[b""]),
        (b"one\n", &[b"one"]),
        (b"one\ntwo", &[b"one", b"two"]),
        (b"\n\nafter two empty lines\n\n", &[b"", b"", b"after two empty lines", b""]),
        (b"\0\xff\r\n\x1b[2J\n\0", &[b"\0\xff\r", b"\x1b[2J", b"\0"]),
    ];
    for (input, expected) in lines {
        run_with(&["mq", "send", name_of(&queue).trim_start_matches('/')], input).done("");
        let expected: Vec<_> = expected.iter().map(|message| (message.to_vec(), 0)).collect();
        assert_eq!(contents(&queue), expected, "{:?}", input.escape_ascii().to_string());
    }
}

fn messages_have_the_priority_asked_for() {
    let queue = small_queue();
    let name = name_of(&queue);
    for priority in ["5", "32767", "0"] {
        run_with(&["mq", "send", &name, "--priority", priority], priority.as_bytes()).done("");
    }
    run_with(&["mq", "send", &name], b"none").done("");
    let expected = [("32767", 32767), ("5", 5), ("0", 0), ("none", 0)];
    assert_eq!(contents(&queue), expected.map(|(text, priority)| (text.as_bytes().to_vec(), priority)));
}

fn a_line_may_fill_a_message() {
    let queue = small_queue();
    for end in ["", "\n"] {
        let line = "x".repeat(64);
        run_with(&["mq", "send", &name_of(&queue)], format!("{line}\n{line}{end}").as_bytes()).done("");
        assert_eq!(contents(&queue), [(line.clone().into_bytes(), 0), (line.into_bytes(), 0)]);
    }
}

fn a_line_too_long_ends_it() {
    let queue = small_queue();
    let name = name_of(&queue);
    for (length, end) in [(65, "\nnever\n"), (65, ""), (66, "\n"), (20_000, "\nnever")] {
        let input = format!("first\n\n{}{end}", "x".repeat(length));
        let error = format!(
            "{name}: line 3 has {length} bytes, the queue's messages at most 64; 2 messages (5 bytes) were sent before"
        );
        run_with(&["mq", "send", &name], input.as_bytes()).failed(1, &error);
        assert_eq!(contents(&queue), [(b"first".to_vec(), 0), (vec![], 0)]);
    }
    let error = format!("{name}: line 1 has 65 bytes, the queue's messages at most 64; nothing was sent");
    run_with(&["mq", "send", &name], &[b'x'; 65]).failed(1, &error);
    let error =
        format!("{name}: line 2 has 65 bytes, the queue's messages at most 64; 1 message (1 byte) was sent before");
    run_with(&["mq", "send", &name], format!("a\n{}", "x".repeat(65)).as_bytes()).failed(1, &error);
}

fn a_line_without_end_is_not_kept_in_memory() {
    let queue = small_queue();
    let name = name_of(&queue);
    let mut command = tool(&["mq", "send", &name]);
    let ran = run(with_memory(command.stdin(File::open("/dev/zero").unwrap()), 64 << 20));
    let error = "line 1 has more than 1048576 bytes, the queue's messages at most 64; nothing was sent";
    ran.failed(1, &format!("{name}: {error}"));
    assert!(queue.is_empty().unwrap());
}

fn chunks_are_cut_at_the_message_size() {
    let queue = small_queue();
    let name = name_of(&queue);
    let bytes: Vec<u8> = (0..200).map(|number| if number % 7 == 0 { b'\n' } else { number }).collect();
    for length in [0, 1, 63, 64, 65, 128, 200] {
        run_with(&["mq", "send", &name, "--chunks", "--priority", "1"], &bytes[..length]).done("");
        let expected: Vec<_> = bytes[..length].chunks(64).map(|chunk| (chunk.to_vec(), 1)).collect();
        assert_eq!(contents(&queue), expected, "{length} bytes");
    }
}

fn a_full_queue_is_not_now() {
    let queue = small_queue();
    let name = name_of(&queue);
    queue.send(b"first", Priority::MIN).unwrap();
    let error = format!("{name}: sending: the queue is full (EAGAIN); 7 messages (14 bytes) were sent before");
    run_with(&["mq", "send", &name, "--timeout", "0"], &b"ab\n".repeat(10)).failed(3, &error);
    assert_eq!(queue.len().unwrap(), 8);
    let error = format!("{name}: sending: the queue is full (EAGAIN); nothing was sent");
    run_with(&["mq", "send", &name, "--timeout", "0", "--chunks"], b"ab").failed(3, &error);
    assert_eq!(contents(&queue).len(), 8);
}

fn waiting_for_room_is_bounded() {
    let queue = small().max_messages(1).create_unique(rawipc::name!("/rawipc-test-")).unwrap();
    let name = name_of(&queue);
    let start = Instant::now();
    let error = format!("{name}: sending: timed out (ETIMEDOUT); 1 message (3 bytes) was sent before");
    run_with(&["mq", "send", &name, "--timeout", "0.05"], b"one\ntwo\nthree\n").failed(3, &error);
    assert!(start.elapsed().as_millis() >= 50);
    assert_eq!(contents(&queue), [(b"one".to_vec(), 0)]);
}

fn an_input_that_cannot_be_read_is_a_failure() {
    let queue = small_queue();
    let mut command = tool(&["mq", "send", &name_of(&queue)]);
    let ran = run(command.stdin(File::open("/").unwrap()));
    ran.failed(1, "standard input: Is a directory (os error 21); nothing was sent");
    assert!(queue.is_empty().unwrap());
}

fn the_right_to_send_is_needed() {
    let queue = small().exact_mode(0o400).create_unique(rawipc::name!("/rawipc-test-")).unwrap();
    let name = name_of(&queue);
    let ran = run(without_privilege(&mut tool(&["mq", "send", &name])));
    ran.failed(1, &format!("{name}: opening the queue: not permitted for this user (EACCES)"));
}
