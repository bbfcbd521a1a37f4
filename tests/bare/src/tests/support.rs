//! What several subjects need.

use core::time::Duration;

use rawipc::mqueue::MessageQueueOptions;
use rawipc::time::{Clock, Time};
use rawipc::{Error, ErrorKind, MessageQueue, SharedMemory};
use rustix::io::Errno;
use rustix::process::geteuid;
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::harness::{Call, Prefix, lacking};

/// What the names of all objects of this test begin with.
pub fn prefix() -> Prefix {
    Prefix::of(rustix::process::getpgrp())
}

/// A timeout that is to be seen to end.
pub const SHORT: Duration = Duration::from_millis(40);

/// A timeout that never ends where all is well.
pub const LONG: Duration = Duration::from_secs(50);

/// Options of a queue of so many messages of 16 bytes, for both directions.
pub fn options(messages: usize) -> MessageQueueOptions {
    MessageQueue::options().read(true).write(true).max_messages(messages).max_message_size(16).unlink_on_drop(true)
}

/// A queue of so many messages of 16 bytes, of a name of its own.
#[track_caller]
pub fn queue(messages: usize) -> MessageQueue {
    options(messages).create_unique(prefix().name()).expect("a queue can be created")
}

/// A mapping of memory that peers have in common: of an object without a name, or of one whose name is gone.
#[track_caller]
pub fn common_memory() -> rawipc::Mapping {
    let memory = SharedMemory::anonymous(4096).create().or_else(|_| {
        SharedMemory::options().write(true).size(4096).unlink_on_drop(true).create_unique(prefix().name())
    });
    memory.expect("memory can be had").map().expect("memory can be mapped")
}

/// The kind of a failure.
#[track_caller]
pub fn kind<T>(result: Result<T, Error>) -> ErrorKind {
    match result {
        Err(error) => error.kind(),
        Ok(_) => panic!("it has not failed"),
    }
}

/// How long it took, by the monotonic clock.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Time::now(Clock::Monotonic);
    let result = work();
    (result, Time::now(Clock::Monotonic).saturating_since(start))
}

/// Gives this process queues, limits and mounts of its own.
pub fn own_namespaces() {
    if !geteuid().is_root() {
        lacking(Call::Unshare);
    }
    // SAFETY: this process has one thread and shares nothing by reference.
    match unsafe { unshare_unsafe(UnshareFlags::NEWIPC | UnshareFlags::NEWNS) } {
        Ok(()) => {}
        Err(Errno::NOSYS | Errno::INVAL | Errno::PERM) => lacking(Call::Unshare),
        Err(errno) => panic!("{errno}"),
    }
}

/// Becomes a user without privileges.
pub fn become_nobody() {
    use rustix::process::{Gid, Uid};
    if !geteuid().is_root() {
        return;
    }
    let changed = rustix::thread::set_thread_gid(Gid::from_raw(65_534))
        .and_then(|()| rustix::thread::set_thread_uid(Uid::from_raw(65_534)));
    if changed.is_err() {
        lacking(Call::Setuid);
    }
}
