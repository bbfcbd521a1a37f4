//! `mq … --shared`: queues in shared memory.

use std::time::Duration;

use rawipc::{ErrorKind, MessageBuffer, Priority, SharedQueue};

use super::{run, run_with, tool};
use crate::harness::queues::{FreeName, text};

crate::tests!(
    messages_go_to_programs_and_come_from_them,
    it_is_created_once_and_gone_when_it_is_unlinked,
    it_does_not_wait_when_told_so,
    list_and_stat_know_it,
    the_other_sort_is_told,
);

/// The name of a queue, which is removed at the end.
struct Shared(FreeName);

impl Shared {
    /// With a queue of 2 messages of 10 bytes.
    fn created() -> Self {
        let queue = Self(FreeName::new());
        let sizes = ["--max-messages", "2", "--max-message-size", "10", "--mode", "640"];
        run(tool(&["mq", "create", "--shared", queue.text()]).args(sizes)).done("");
        queue
    }

    fn text(&self) -> &str {
        text(&self.0)
    }

    fn open(&self) -> rawipc::Result<SharedQueue> {
        SharedQueue::options().read(true).write(true).open(&self.0)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _ = SharedQueue::unlink(&self.0);
    }
}

fn messages_go_to_programs_and_come_from_them() {
    let name = Shared::created();
    let queue = name.open().unwrap();
    let attributes = queue.attributes().unwrap();
    assert_eq!((attributes.max_messages, attributes.max_message_size, queue.mode().unwrap()), (2, 10, 0o640));
    run_with(&["mq", "send", "--shared", name.text(), "--priority", "7"], b"one\n\n").done("");
    let mut buffer = MessageBuffer::<10>::new();
    let message = queue.receive_timeout(&mut buffer, Duration::ZERO).unwrap();
    assert_eq!((message.payload(), message.priority()), (&b"one"[..], Priority::from(7)));
    queue.send(b"high", Priority::MAX).unwrap();
    let both = "{\"priority\":32767,\"payload\":\"high\"}\n{\"priority\":7,\"payload\":\"\"}\n";
    run(&mut tool(&["mq", "receive", "--shared", name.text(), "--json", "--count", "2"])).done(both);
    assert!(queue.is_empty().unwrap());
}

fn it_is_created_once_and_gone_when_it_is_unlinked() {
    let name = Shared::created();
    let again = run(&mut tool(&["mq", "create", "--shared", name.text()]));
    assert_eq!(again.code, Some(1));
    assert!(again.errors.contains("EEXIST"), "{again:?}");
    run(&mut tool(&["mq", "unlink", "--shared", name.text()])).done("");
    assert_eq!(name.open().unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(run(&mut tool(&["mq", "unlink", "--shared", name.text()])).code, Some(1));
}

fn it_does_not_wait_when_told_so() {
    let name = Shared::created();
    let empty = run(&mut tool(&["mq", "receive", "--shared", name.text(), "--timeout", "0"]));
    assert_eq!((empty.code, empty.output.len()), (Some(3), 0));
    let full = run_with(&["mq", "send", "--shared", name.text(), "--timeout", "0.01"], b"1\n2\n3\n");
    assert_eq!(full.code, Some(3));
    assert!(full.errors.contains("2 messages"), "{full:?}");
    assert_eq!(name.open().unwrap().len().unwrap(), 2);
}

fn list_and_stat_know_it() {
    let name = Shared::created();
    run_with(&["mq", "send", "--shared", name.text()], b"1\n").done("");
    let facts = format!(
        "name: {}\nmax messages: 2\nmax message size: 10\nmessages: 1\nparticipants: 0\nmode: 0640\n",
        name.text()
    );
    run(&mut tool(&["mq", "stat", "--shared", name.text()])).done(&facts);
    let list = String::from_utf8(run(&mut tool(&["list"])).output).unwrap();
    let line = list.lines().find(|line| line.contains(name.text())).unwrap();
    // The columns are as wide as what else is there.
    assert!(line.split_whitespace().take(3).eq(["shared", "queue", "0640"]), "{line}");
    assert!(line.ends_with("  1 of 2 messages of at most 10 bytes, 0 handles"), "{line}");
}

fn the_other_sort_is_told() {
    let name = Shared::created();
    let missed = run(&mut tool(&["mq", "stat", name.text()]));
    assert!(missed.errors.ends_with("; there is a queue in shared memory of this name\n"), "{missed:?}");
    assert_eq!(missed.code, Some(1));
}
