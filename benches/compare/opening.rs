//! Opening, closing and removing objects.

use std::ffi::{CStr, CString};
use std::ptr;

use rawipc::{MessageQueue, Name, NamedSemaphore, SharedMemory};

use crate::Run;
use crate::measure::{counted, in_turns};
use crate::record::Bound::AtMost;

const COUNT: u32 = 100;

pub fn all(run: &mut Run) {
    let path = CString::new(format!("/rawipc-bench-{}", std::process::id())).expect("there is no NUL in it");
    queues(run, &path);
    semaphores(run, &path);
    memory(run, &path);
}

fn queue_of_c(path: &CStr, flags: i32) {
    // SAFETY: the attributes are plain numbers.
    let mut attributes: libc::mq_attr = unsafe { std::mem::zeroed() };
    (attributes.mq_maxmsg, attributes.mq_msgsize) = (2, 64);
    // SAFETY: the name ends in a NUL; a mode and whole attributes follow.
    let queue = unsafe { libc::mq_open(path.as_ptr(), flags | libc::O_RDWR, 0o600, &raw mut attributes) };
    assert!(queue >= 0);
    // SAFETY: it has just been opened.
    assert_eq!(unsafe { libc::mq_close(queue) }, 0);
}

fn queues(run: &mut Run, path: &CStr) {
    let name = Name::new(path).expect("it is valid");
    // SAFETY: the name ends in a NUL.
    let unlink = || assert_eq!(unsafe { libc::mq_unlink(path.as_ptr()) }, 0);
    let create = MessageQueue::options().read(true).write(true).create_new(true).max_messages(2).max_message_size(64);
    let cycles = in_turns(
        run.rounds(100),
        vec![
            counted("glibc", COUNT, |count| {
                for _ in 0..count {
                    queue_of_c(path, libc::O_CREAT | libc::O_EXCL);
                    unlink();
                }
            }),
            counted("rawipc", COUNT, |count| {
                for _ in 0..count {
                    drop(create.open(name).expect("it can be created"));
                    MessageQueue::unlink(name).expect("it is there");
                }
            }),
            counted("posixmq", COUNT, |count| {
                for _ in 0..count {
                    let mut options = posixmq::OpenOptions::readwrite();
                    options.create_new().capacity(2).max_msg_len(64);
                    drop(options.open(name.to_string().as_str()).expect("it can be created"));
                    posixmq::remove_queue(name.to_string().as_str()).expect("it is there");
                }
            }),
        ],
    );
    run.record.target("queue create, close, unlink: rawipc / glibc", cycles.ratio("rawipc", "glibc"), AtMost(1.05));
    run.keep(cycles.table("opening-queue", "A queue: create, close, unlink: ns"));
    drop(create.open(name).expect("it can be created"));
    let opens = in_turns(
        run.rounds(100),
        vec![
            counted("glibc", COUNT, |count| (0..count).for_each(|_| queue_of_c(path, 0))),
            counted("rawipc", COUNT, |count| {
                let options = MessageQueue::options().read(true).write(true);
                (0..count).for_each(|_| drop(options.open(name).expect("it is there")));
            }),
        ],
    );
    unlink();
    // The kernel's time is all there is, but for a copy of the name.
    run.record.target("queue open, close: rawipc / glibc", opens.ratio("rawipc", "glibc"), AtMost(1.1));
    run.keep(opens.table("opening-queue-existing", "A queue that is there: open, close: ns"));
}

fn semaphores(run: &mut Run, path: &CStr) {
    let name = Name::new(path).expect("it is valid");
    let open = |flags: i32| {
        // SAFETY: the name ends in a NUL; mode and value are given where it may create.
        let semaphore = unsafe { libc::sem_open(path.as_ptr(), flags, 0o600, 1) };
        assert!(!semaphore.is_null());
        // SAFETY: it has just been opened.
        assert_eq!(unsafe { libc::sem_close(semaphore) }, 0);
    };
    let unlink = || NamedSemaphore::unlink(name).expect("it is there");
    let create = NamedSemaphore::options().create_new(true).initial_value(1);
    let cycles = in_turns(
        run.rounds(100),
        vec![
            counted("glibc", COUNT, |count| {
                for _ in 0..count {
                    open(libc::O_CREAT | libc::O_EXCL);
                    // SAFETY: the name ends in a NUL.
                    assert_eq!(unsafe { libc::sem_unlink(path.as_ptr()) }, 0);
                }
            }),
            counted("rawipc", COUNT, |count| {
                for _ in 0..count {
                    drop(create.open(name).expect("it can be created"));
                    unlink();
                }
            }),
        ],
    );
    run.record.target("semaphore create, close, unlink: rawipc / glibc", cycles.ratio("rawipc", "glibc"), AtMost(1.0));
    run.keep(cycles.table("opening-semaphore", "A named semaphore: create, close, unlink: ns"));
    drop(create.open(name).expect("it can be created"));
    let opens = in_turns(
        run.rounds(100),
        vec![
            counted("glibc", COUNT, |count| (0..count).for_each(|_| open(0))),
            counted("rawipc", COUNT, |count| {
                (0..count).for_each(|_| drop(NamedSemaphore::options().open(name).expect("it is there")));
            }),
        ],
    );
    unlink();
    // Both make as many calls to open; the kernel's time for them is all there is.
    run.record.target("semaphore open, close: rawipc / glibc", opens.ratio("rawipc", "glibc"), AtMost(1.02));
    run.keep(opens.table("opening-semaphore-existing", "A named semaphore that is there: open, close: ns"));
}

fn memory(run: &mut Run, path: &CStr) {
    const SIZE: usize = 4096;
    let name = Name::new(path).expect("it is valid");
    let cycle_of_c = || {
        // SAFETY: the name ends in a NUL.
        let number = unsafe { libc::shm_open(path.as_ptr(), libc::O_CREAT | libc::O_EXCL | libc::O_RDWR, 0o600) };
        // SAFETY: takes numbers only.
        assert_eq!(unsafe { libc::posix_fallocate(number, 0, SIZE as libc::off_t) }, 0);
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: the kernel chooses the address.
        let start = unsafe { libc::mmap(ptr::null_mut(), SIZE, access, libc::MAP_SHARED, number, 0) };
        // SAFETY: the range is the mapping just made.
        assert_eq!(unsafe { libc::munmap(start, SIZE) }, 0);
        // SAFETY: the descriptor is this function's own.
        assert_eq!(unsafe { libc::close(number) }, 0);
        // SAFETY: the name ends in a NUL.
        assert_eq!(unsafe { libc::shm_unlink(path.as_ptr()) }, 0);
    };
    let create = SharedMemory::options().write(true).create_new(true).size(SIZE as u64);
    let cycles = in_turns(
        run.rounds(100),
        vec![
            counted("glibc", COUNT, |count| (0..count).for_each(|_| cycle_of_c())),
            counted("rawipc", COUNT, |count| {
                for _ in 0..count {
                    drop(create.open(name).and_then(|memory| memory.map()).expect("it can be created"));
                    SharedMemory::unlink(name).expect("it is there");
                }
            }),
        ],
    );
    let ratio = cycles.ratio("rawipc", "glibc");
    run.record.target("shared memory create, map, unmap, close, unlink: rawipc / glibc", ratio, AtMost(1.05));
    let title = "Shared memory of 4 KiB: create, reserve, map, unmap, close, unlink: ns";
    run.keep(cycles.table("opening-memory", title));
}
