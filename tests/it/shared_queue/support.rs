//! What the tests of shared queues have in common.

use std::borrow::Borrow;
use std::ffi::OsStr;
use std::fs;
use std::ops::Deref;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rawipc::shared_queue::{Doorbell, SharedQueueOptions};
use rawipc::{Name, SharedQueue, name};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Options for a small queue of both directions: 8 messages of 64 bytes, gone when its handle is dropped.
pub fn small() -> SharedQueueOptions {
    SharedQueue::options().read(true).write(true).max_messages(8).max_message_size(64).unlink_on_drop(true)
}

/// A small queue of a name that nobody else has.
pub fn small_queue() -> SharedQueue {
    small().create_unique(name!("/rawipc-test-")).expect("a small queue can be created")
}

/// The name of a queue that has one.
pub fn name_of(queue: &SharedQueue) -> &Name {
    queue.name().expect("the queue was opened by name")
}

/// Where a queue of this name lies.
pub fn file_of(name: &Name) -> PathBuf {
    let mut file = std::ffi::OsString::from("mq.");
    file.push(OsStr::from_bytes(&name.as_bytes()[1..]));
    Path::new("/dev/shm").join(file)
}

/// Where a queue's doorbells have their records: whose each is, the number of its bell, whether it is armed.
pub const BELLS: usize = 640;

/// The name of the kernel queue that is the bell of a queue's doorbell in this place: they take the lowest free ones.
pub fn bell_at(queue: &SharedQueue, place: usize) -> Vec<u8> {
    let file = fs::File::from(queue.as_fd().try_clone_to_owned().expect("a descriptor"));
    let mut number = [0; 4];
    file.read_exact_at(&mut number, (BELLS + 16 * place + 4) as u64).expect("the queue's doorbells");
    bell_name(u32::from_ne_bytes(number))
}

/// The same of the first doorbell.
pub fn bell_of(queue: &SharedQueue) -> Vec<u8> {
    bell_at(queue, 0)
}

/// The name of the bell of this number.
pub fn bell_name(number: u32) -> Vec<u8> {
    format!("/rawipc-bell-{number:05}").into_bytes()
}

/// Whether a doorbell is readable.
pub fn is_rung(doorbell: &Doorbell<impl Borrow<SharedQueue>>) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(doorbell, PollFlags::IN)], Some(&now)).unwrap() > 0
}

/// Whether there is a queue of this name.
pub fn exists(name: &Name) -> bool {
    file_of(name).exists()
}

/// A name that nobody else has and that stands for nothing yet; whatever bears it at the end is removed.
pub struct FreeName(crate::shm::support::FreeName);

impl FreeName {
    pub fn new() -> Self {
        Self(crate::shm::support::FreeName::new())
    }

    pub fn file(&self) -> PathBuf {
        file_of(self)
    }

    pub fn is_taken(&self) -> bool {
        fs::symlink_metadata(self.file()).is_ok()
    }
}

impl Deref for FreeName {
    type Target = Name;

    fn deref(&self) -> &Name {
        &self.0
    }
}

impl Drop for FreeName {
    fn drop(&mut self) {
        // Mostly it is gone already.
        let _ = fs::remove_file(self.file()).or_else(|_| fs::remove_dir(self.file()));
    }
}
