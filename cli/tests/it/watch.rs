//! `mq watch`: a line or a command for each arrival, and nothing left lying.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{ChildStdout, Stdio};
use std::time::Instant;

use rawipc::mqueue::{Delivery, Notify};
use rawipc::{MessageQueue, Priority};

use super::sandbox::without_privilege;
use super::{assert_json, contents, eventually, name_of, run, tool};
use crate::harness::random::Random;
use crate::harness::waiting::wait_until_blocked;
use crate::harness::{Peer, small, small_queue};

crate::tests!(
    messages_that_are_there_are_an_arrival,
    each_arrival_is_a_line,
    waiting_for_an_arrival_is_bounded,
    a_taken_slot_is_told_with_who_has_it,
    the_right_to_receive_is_needed,
    a_thousand_messages_in_bursts_are_all_taken,
    a_full_queue_with_a_waiting_sender_is_emptied,
    a_message_taken_and_another_sent_is_no_stall,
    a_command_that_takes_none_is_run_once_for_each_message,
    a_command_that_takes_none_is_not_run_for_fewer_messages,
    a_command_that_fails_is_reported_and_run_again,
    a_command_that_cannot_be_run_ends_it,
);

/// A watch that has registered itself, and what it writes.
fn watching(queue: &MessageQueue, arguments: &[&str]) -> (Peer, BufReader<ChildStdout>) {
    let name = name_of(queue);
    let mut peer = Peer::start(&mut tool(&[&["mq", "watch", &name], arguments].concat()));
    let output = BufReader::new(peer.stdout.take().unwrap());
    eventually(|| is_watched(queue));
    (peer, output)
}

fn is_watched(queue: &MessageQueue) -> bool {
    queue.status().unwrap().registration.is_some_and(|registration| registration.delivery == Delivery::Socket)
}

fn line_of(output: &mut impl BufRead) -> String {
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    line
}

fn errors_of(peer: &mut Peer) -> String {
    let mut errors = String::new();
    peer.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    errors
}

/// The line without its time, which must be one.
#[track_caller]
fn without_time(line: &str) -> &str {
    let (time, rest) = line.split_once(' ').unwrap_or((line, ""));
    assert!(time.len() == 24 && time.ends_with('Z') && time.as_bytes()[19] == b'.', "{line}");
    rest
}

fn messages_that_are_there_are_an_arrival() {
    let queue = small_queue();
    for message in ["one", "four"] {
        queue.send(message.as_bytes(), Priority::MIN).unwrap();
    }
    let name = name_of(&queue);
    let ran = run(&mut tool(&["mq", "watch", name.trim_start_matches('/'), "--count", "1", "--timeout", "0"]));
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""));
    assert_eq!(without_time(&String::from_utf8(ran.output).unwrap()), "messages 2 bytes 7\n");
    let json = run(&mut tool(&["mq", "watch", &name, "--count", "1", "--json"])).output;
    assert_json(&json);
    let json = String::from_utf8(json).unwrap();
    assert!(json.starts_with("{\"time\":\"") && json.ends_with("Z\",\"messages\":2,\"bytes\":7}\n"), "{json}");
    assert_eq!(contents(&queue).len(), 2, "watching takes nothing");
}

fn each_arrival_is_a_line() {
    let queue = small_queue();
    let (watch, mut output) = watching(&queue, &["--count", "3"]);
    for text in ["first", "", "third one"] {
        queue.send(text.as_bytes(), Priority::MIN).unwrap();
        assert_eq!(without_time(&line_of(&mut output)), format!("messages 1 bytes {}\n", text.len()));
        // Of a message beside another one, nothing is told.
        queue.send(b"x", Priority::MIN).unwrap();
        assert_eq!(contents(&queue).len(), 2);
    }
    watch.succeed();
    assert_eq!(line_of(&mut output), "");
    assert_eq!(queue.status().unwrap().registration, None, "the slot is free again");
}

fn waiting_for_an_arrival_is_bounded() {
    let queue = small_queue();
    let name = name_of(&queue);
    let start = Instant::now();
    for options in [&[][..], &["--", "echo", "never"]] {
        let ran = run(tool(&["mq", "watch", &name, "--timeout", "0.05"]).args(options));
        assert_eq!(ran.failed(3, &format!("{name}: waiting for a notification: timed out (ETIMEDOUT)")), b"");
    }
    assert!(start.elapsed().as_millis() >= 100);
    let ran = run(&mut tool(&["mq", "watch", &name, "--timeout", "0"]));
    ran.failed(3, &format!("{name}: waiting for a notification: the call would block (EAGAIN)"));
}

fn a_taken_slot_is_told_with_who_has_it() {
    let queue = small_queue();
    let name = name_of(&queue);
    queue.notify(Notify::Signal { number: 36, value: 0 }).unwrap();
    let ran = run(&mut tool(&["mq", "watch", &name]));
    let busy = "registering for notification: already in use by another process (EBUSY)";
    ran.failed(1, &format!("{name}: {busy}; process {} gets signal 36", std::process::id()));
    queue.cancel_notification().unwrap();
    let (watch, _output) = watching(&queue, &[]);
    let ran = run(&mut tool(&["mq", "watch", &name]));
    ran.failed(1, &format!("{name}: {busy}; process {} is told by a socket", watch.pid()));
}

fn the_right_to_receive_is_needed() {
    let queue = small().exact_mode(0o200).create_unique(rawipc::name!("/rawipc-test-")).unwrap();
    let name = name_of(&queue);
    let ran = run(without_privilege(&mut tool(&["mq", "watch", &name])));
    ran.failed(1, &format!("{name}: opening the queue: not permitted for this user (EACCES)"));
}

/// One message a run: while it runs, others come, beside messages that are there and into the empty queue.
fn a_thousand_messages_in_bursts_are_all_taken() {
    const MESSAGES: usize = 1000;
    let queue = small_queue();
    let name = name_of(&queue);
    let rawipc = env!("CARGO_BIN_EXE_rawipc");
    let (mut watch, output) =
        watching(&queue, &["--timeout", "20", "--", rawipc, "mq", "receive", &name, "--timeout", "0"]);
    let mut sender = Peer::start(tool(&["mq", "send", &name]).stdin(Stdio::piped()));
    let mut input = sender.stdin.take().unwrap();
    let mut random = Random::new();
    let mut lines = output.lines();
    let (mut sent, mut received) = (0, 0);
    while sent < MESSAGES {
        let burst = (1 + random.below(20)).min(MESSAGES - sent);
        let text: String = (sent..sent + burst).map(|number| format!("{number}\n")).collect();
        input.write_all(text.as_bytes()).unwrap();
        sent += burst;
        // Either all of it is awaited, so that the next one comes into an empty queue, or it comes into the midst.
        let awaited = if random.below(2) == 0 || sent == MESSAGES { sent } else { received };
        while received < awaited {
            assert_eq!(lines.next().unwrap().unwrap(), received.to_string());
            received += 1;
        }
    }
    drop(input);
    sender.succeed();
    assert!(queue.is_empty().unwrap());
    watch.kill().unwrap();
    assert_eq!(errors_of(&mut watch), "", "it had nothing to complain of");
    assert!(lines.next().is_none(), "nothing came twice");
}

/// What a run takes is replaced at once, so that neither the count of messages nor an event shows that it took one.
fn a_full_queue_with_a_waiting_sender_is_emptied() {
    let queue = small().max_messages(1).create_unique(rawipc::name!("/rawipc-test-")).unwrap();
    let name = name_of(&queue);
    let mut sender = Peer::start(tool(&["mq", "send", &name]).stdin(Stdio::piped()));
    let numbers: String = (0..50).map(|number| format!("{number}\n")).collect();
    sender.stdin.take().unwrap().write_all(numbers.as_bytes()).unwrap();
    eventually(|| queue.len().unwrap() == 1);
    let rawipc = env!("CARGO_BIN_EXE_rawipc");
    let (_watch, output) =
        watching(&queue, &["--timeout", "20", "--", rawipc, "mq", "receive", &name, "--timeout", "0"]);
    let received: Vec<String> = output.lines().take(50).map(Result::unwrap).collect();
    assert_eq!(received.concat(), numbers.replace('\n', ""));
    sender.succeed();
    assert!(queue.is_empty().unwrap());
}

/// As many messages as before, and the queue was never empty.
fn a_message_taken_and_another_sent_is_no_stall() {
    let queue = small_queue();
    let name = name_of(&queue);
    for message in ["first", "second"] {
        queue.send(message.as_bytes(), Priority::MIN).unwrap();
    }
    let rawipc = env!("CARGO_BIN_EXE_rawipc");
    let script = "m=$($0 mq receive $1 --timeout 0); echo $m; [ $m != first ] || echo third | $0 mq send $1";
    let ran = run(tool(&["mq", "watch", &name, "--count", "3", "--timeout", "20"])
        .args(["--", "sh", "-c", script, rawipc, &name]));
    ran.done("first\nsecond\nthird\n");
}

fn a_command_that_takes_none_is_run_once_for_each_message() {
    let queue = small_queue();
    let name = name_of(&queue);
    let (mut watch, mut output) = watching(&queue, &["--", "echo", "run"]);
    let mut errors = BufReader::new(watch.stderr.take().unwrap());
    for number in 1..=3 {
        queue.send(b"message", Priority::MIN).unwrap();
        assert_eq!(line_of(&mut output), "run\n", "{number} messages");
        // It says so before it waits, and once only.
        if number == 1 {
            let stalled = "echo left 1 message in the queue and took none; waiting for more to come";
            assert_eq!(line_of(&mut errors), format!("rawipc: {name}: {stalled}\n"));
        }
    }
    wait_until_blocked(watch.pid(), watch.pid());
    watch.kill().unwrap();
    assert_eq!((line_of(&mut output), line_of(&mut errors)), (String::new(), String::new()));
    assert_eq!(queue.len().unwrap(), 3);
}

fn a_command_that_takes_none_is_not_run_for_fewer_messages() {
    let queue = small_queue();
    let name = name_of(&queue);
    for message in ["first", "second"] {
        queue.send(message.as_bytes(), Priority::MIN).unwrap();
    }
    let mut watch = Peer::start(&mut tool(&["mq", "watch", &name, "--timeout", "1", "--", "echo", "run"]));
    let mut output = BufReader::new(watch.stdout.take().unwrap());
    let mut errors = BufReader::new(watch.stderr.take().unwrap());
    assert_eq!(line_of(&mut output), "run\n");
    let stalled = "echo left 2 messages in the queue and took none; waiting for more to come";
    assert_eq!(line_of(&mut errors), format!("rawipc: {name}: {stalled}\n"));
    queue.receive(&mut [0; 64]).unwrap();
    assert_eq!(line_of(&mut output), "", "it is not run again, nor for nothing at all");
    let over = format!("rawipc: {name}: timed out, and no more messages have come\n");
    assert_eq!((line_of(&mut errors), watch.wait().unwrap().code()), (over, Some(3)));
    assert_eq!(queue.len().unwrap(), 1);
}

fn a_command_that_fails_is_reported_and_run_again() {
    let queue = small_queue();
    let name = name_of(&queue);
    let rawipc = env!("CARGO_BIN_EXE_rawipc");
    let script = format!("{rawipc} mq receive {name} --timeout 0; exit 7");
    let (mut watch, output) = watching(&queue, &["--count", "2", "--", "sh", "-c", &script]);
    for message in ["one", "two"] {
        queue.send(message.as_bytes(), Priority::MIN).unwrap();
    }
    assert_eq!(output.lines().map(Result::unwrap).collect::<Vec<_>>(), ["one", "two"]);
    let line = format!("rawipc: {name}: sh ended with exit status: 7\n");
    let verdict = format!("rawipc: {name}: 2 of 2 runs of sh failed\n");
    assert_eq!(errors_of(&mut watch), [line.clone(), line, verdict].concat());
    assert_eq!(watch.wait().unwrap().code(), Some(1));
}

fn a_command_that_cannot_be_run_ends_it() {
    let queue = small_queue();
    queue.send(b"still here", Priority::MIN).unwrap();
    let ran = run(&mut tool(&["mq", "watch", &name_of(&queue), "--", "/no/such/program"]));
    ran.failed(1, "/no/such/program: cannot be run: No such file or directory (os error 2)");
    assert_eq!(contents(&queue).len(), 1);
}
