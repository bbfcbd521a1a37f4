//! Queues shared with other languages: theirs used by us, ours by them.
//!
//! Both peers know the same commands (see `tests/peers/queue.c`), so each test runs once for each of them.

use std::process::Command;
use std::time::Duration;

use rawipc::{ErrorKind, MessageBuffer, MessageQueue, Name, Priority};

use crate::harness::languages::{c_compiler, compiled, python_with, source};
use crate::harness::queues::{FreeName, text};
use crate::harness::waiting::{PATIENCE, wait_until_blocked};
use crate::harness::{Ending, Lacking, Peer, exists, name_of, small, small_queue};

/// Starts a peer's command on a queue.
type Start = fn(&str, &Name, &[&str]) -> Result<Peer, Lacking>;

/// The same tests for one peer.
macro_rules! tests_with {
    ($module:ident, $start:expr, $($test:ident),*) => {
        pub mod $module {
            use crate::harness::Ending;

            crate::tests!($($test),*);

            $(fn $test() -> Ending {
                super::$test($start)
            })*
        }
    };
}

/// The tests for both.
macro_rules! tests_with_both {
    ($($test:ident),* $(,)?) => {
        tests_with!(c, super::start_c, $($test),*);
        tests_with!(python, super::start_python, $($test),*);
    };
}

tests_with_both!(
    their_queue_has_the_sizes_and_the_mode_they_chose,
    their_queue_is_removed_by_us_and_ours_by_them,
    their_messages_reach_us_in_order,
    our_messages_reach_them_in_order,
    they_see_our_sizes_and_count,
    they_time_out_on_our_queue,
    our_message_wakes_their_waiter,
    their_messages_wake_our_waiters,
);

fn start_c(command: &str, name: &Name, arguments: &[&str]) -> Result<Peer, Lacking> {
    let mut program = Command::new(compiled("queue.c", "glibc", || Ok(c_compiler()))?);
    Ok(Peer::start_reporting(program.arg(command).arg(text(name)).args(arguments)))
}

fn start_python(command: &str, name: &Name, arguments: &[&str]) -> Result<Peer, Lacking> {
    let mut program = python_with("posix_ipc")?;
    Ok(Peer::start_reporting(program.arg(source("queue.py")).arg(command).arg(text(name)).args(arguments)))
}

/// What the peers send, and the order in which it must arrive.
const MESSAGES: [(&[u8], u32); 5] = [(b"low", 0), (b"high one", 32_767), (b"", 5), (b"high two", 32_767), (b"five", 5)];
const ORDER: [usize; 5] = [1, 3, 2, 4, 0];

fn their_queue_has_the_sizes_and_the_mode_they_chose(start: Start) -> Ending {
    let free = FreeName::new();
    start("create", &free, &["5", "77", "640"])?.succeed();
    let queue = MessageQueue::options().read(true).write(true).open(&free).unwrap();
    let attributes = queue.attributes().unwrap();
    assert_eq!((attributes.max_messages, attributes.max_message_size, attributes.messages), (5, 77, 0));
    assert_eq!((queue.mode().unwrap(), attributes.nonblocking), (0o640, false));
    assert_eq!(queue.send(&[0; 78], Priority::MIN).unwrap_err().kind(), ErrorKind::MessageTooLong);
    let error = queue.receive_timeout(&mut [0; 77], Duration::from_millis(5)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let opened = small().create(true).open(&free).unwrap();
    assert_eq!(opened.attributes().unwrap(), attributes);
    assert_eq!(small().create_new(true).open(&free).unwrap_err().kind(), ErrorKind::AlreadyExists);
    Ok(())
}

fn their_queue_is_removed_by_us_and_ours_by_them(start: Start) -> Ending {
    let free = FreeName::new();
    start("create", &free, &["1", "1", "600"])?.succeed();
    assert!(exists(&free));
    MessageQueue::unlink(&free).unwrap();
    assert!(!exists(&free));
    let queue = small().create_new(true).open(&free).unwrap();
    start("unlink", &free, &[])?.succeed();
    assert!(!exists(&free));
    queue.send(b"still open", Priority::MIN).unwrap();
    queue.close().unwrap();
    Ok(())
}

fn their_messages_reach_us_in_order(start: Start) -> Ending {
    let free = FreeName::new();
    start("create", &free, &["8", "64", "600"])?.succeed();
    start("send", &free, &[])?.succeed();
    let queue = MessageQueue::options().read(true).open(&free).unwrap();
    assert_eq!(queue.len().unwrap(), 5);
    let mut buffer = queue.buffer::<64>().unwrap();
    for (payload, priority) in ORDER.map(|at| MESSAGES[at]) {
        let message = queue.receive(&mut buffer).unwrap();
        assert_eq!((message.payload(), u32::from(message.priority())), (payload, priority));
    }
    Ok(())
}

fn our_messages_reach_them_in_order(start: Start) -> Ending {
    let queue = small_queue();
    for (message, priority) in MESSAGES {
        queue.send(message, Priority::new(priority).unwrap()).unwrap();
    }
    start("expect", name_of(&queue), &[])?.succeed();
    assert!(queue.is_empty().unwrap());
    Ok(())
}

fn they_see_our_sizes_and_count(start: Start) -> Ending {
    let queue = small_queue();
    queue.send(b"x", Priority::MIN).unwrap();
    queue.send(b"y", Priority::MAX).unwrap();
    assert_eq!(start("attributes", name_of(&queue), &[])?.report(), b"8 64 2");
    assert!(!queue.attributes().unwrap().nonblocking, "their flag is not ours");
    Ok(())
}

fn they_time_out_on_our_queue(start: Start) -> Ending {
    let queue = small_queue();
    start("timeout", name_of(&queue), &[])?.succeed();
    let error = queue.receive_timeout(&mut [0; 64], Duration::from_millis(5)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    Ok(())
}

fn our_message_wakes_their_waiter(start: Start) -> Ending {
    let queue = small_queue();
    let waiter = start("wait", name_of(&queue), &[])?;
    wait_until_blocked(waiter.pid(), waiter.pid());
    queue.send(b"wake up", Priority::from(42)).unwrap();
    assert_eq!(waiter.report(), b"42 wake up");
    Ok(())
}

fn their_messages_wake_our_waiters(start: Start) -> Ending {
    let queue = small_queue();
    let peer = start("send", name_of(&queue), &[])?;
    // Whatever order they come in: the peer is under way.
    let mut buffer = MessageBuffer::<64>::new();
    let mut received: Vec<_> = (0..5)
        .map(|_| {
            let message = queue.receive_timeout(&mut buffer, PATIENCE).unwrap();
            (message.payload().to_vec(), u32::from(message.priority()))
        })
        .collect();
    peer.succeed();
    received.sort();
    let mut sent = MESSAGES.map(|(message, priority)| (message.to_vec(), priority));
    sent.sort();
    assert_eq!(received, sent);
    Ok(())
}
