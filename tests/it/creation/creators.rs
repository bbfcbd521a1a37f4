//! Which process is an object's creator: not one that has its PID, and not a child that another thread forks meanwhile.

use std::sync::Barrier;
use std::sync::atomic::AtomicU32;
use std::thread;

use rawipc::mqueue::Notified;
use rawipc::{
    ErrorKind, MessageQueue, Name, NamedSemaphore, NotificationSocket, Priority, Shared, SharedMemory, SharedQueue,
    name,
};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::getpid;
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::harness::Ending;
use crate::harness::kernel::{fail_calls, in_child};
use crate::harness::queues::exists;
use crate::shm::support::tiny_dev_shm;

// A process that forks must have one thread.
crate::tests!(
    ;
    alone: unlink_on_drop_ignores_a_child_of_the_same_pid,
    notification_socket_refuses_a_child_of_the_same_pid,
    unlink_on_drop_tells_a_line_of_descent_apart,
    unlink_on_drop_holds_without_pages_that_are_wiped,
    unlink_on_drop_holds_for_racing_threads_and_forks,
);

const NAME: &Name = name!("/rawipc-test-creator");

/// Does `act` as process 1 of a PID namespace of its own.
fn as_first_process(act: impl FnOnce()) {
    in_child(|| {
        // SAFETY: this process has one thread; only its child will be in the new namespace.
        unsafe { unshare_unsafe(UnshareFlags::NEWPID) }.expect("the user namespace of before allows it");
        in_child(|| {
            assert!(getpid().is_init());
            act();
        });
    });
}

/// One object of each kind, removed by its creator.
struct Objects {
    queue: MessageQueue,
    semaphore: NamedSemaphore,
    memory: SharedMemory,
    value: Shared<AtomicU32>,
    messages: SharedQueue,
}

const VALUE: &Name = name!("/rawipc-test-creator-value");

impl Objects {
    fn new() -> Self {
        let queue = MessageQueue::options().read(true).write(true).max_messages(1).max_message_size(8);
        let messages = SharedQueue::options().read(true).write(true).max_messages(4).max_message_size(8);
        Self {
            queue: queue.create_new(true).unlink_on_drop(true).open(NAME).unwrap(),
            semaphore: NamedSemaphore::options().create_new(true).unlink_on_drop(true).open(NAME).unwrap(),
            memory: SharedMemory::options()
                .write(true)
                .create_new(true)
                .size(64)
                .unlink_on_drop(true)
                .open(NAME)
                .unwrap(),
            value: Shared::options().unlink_on_drop(true).open(VALUE, |_| ()).unwrap(),
            messages: messages.create_new(true).unlink_on_drop(true).open(NAME).unwrap(),
        }
    }

    /// Ends the handles in all ways there are.
    fn end(self, by_close: bool) {
        if by_close {
            self.queue.close().unwrap();
            self.semaphore.close().unwrap();
            self.memory.close().unwrap();
            self.messages.close().unwrap();
            drop(self.value);
        } else {
            drop(self);
        }
    }
}

/// Which of the objects there are by name.
fn there() -> [bool; 5] {
    [
        exists(NAME),
        NamedSemaphore::options().open(NAME).is_ok(),
        SharedMemory::options().read(true).open(NAME).is_ok(),
        Shared::<AtomicU32>::options().open_existing(VALUE).is_ok(),
        SharedQueue::options().read(true).write(true).open(NAME).is_ok(),
    ]
}

fn unlink_on_drop_ignores_a_child_of_the_same_pid() -> Ending {
    tiny_dev_shm(16 << 20)?;
    as_first_process(|| {
        for by_close in [false, true] {
            let mut objects = Some(Objects::new());
            as_first_process(|| objects.take().unwrap().end(by_close));
            assert_eq!(there(), [true; 5]);
            // A child that has made something of its own is no more its parent.
            as_first_process(|| {
                drop(SharedMemory::options().write(true).size(1).unlink_on_drop(true).create_unique(NAME).unwrap());
                objects.take().unwrap().end(by_close);
            });
            assert_eq!(there(), [true; 5]);
            objects.take().unwrap().end(by_close);
            assert_eq!(there(), [false; 5]);
        }
    });
    Ok(())
}

fn notification_socket_refuses_a_child_of_the_same_pid() -> Ending {
    tiny_dev_shm(16 << 20)?;
    as_first_process(|| {
        let Objects { queue, messages, .. } = Objects::new();
        let mut socket = NotificationSocket::new(&queue).unwrap();
        socket.arm().unwrap();
        let mut bell = messages.doorbell().unwrap();
        let _ = bell.arm().unwrap();
        let mut inherited = Some((socket, bell));
        as_first_process(|| {
            let (mut socket, bell) = inherited.take().unwrap();
            let error = socket.arm().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains("the socket belongs to the process that made it"), "{error}");
            assert_eq!(socket.try_wait().unwrap_err().kind(), ErrorKind::InvalidInput);
            drop((socket, bell));
        });
        let (mut socket, bell) = inherited.take().unwrap();
        queue.send(b"arrival", Priority::MIN).unwrap();
        assert_eq!(socket.try_wait(), Ok(Notified::Arrived));
        messages.send(b"arrival", Priority::MIN).unwrap();
        let second = rustix::time::Timespec { tv_sec: 1, tv_nsec: 0 };
        assert_eq!(poll(&mut [PollFd::new(&bell, PollFlags::IN)], Some(&second)), Ok(1));
    });
    Ok(())
}

/// Parent, child and grandchild: each removes what it has made, and nothing else.
fn unlink_on_drop_tells_a_line_of_descent_apart() -> Ending {
    fn make(name: &Name) -> SharedMemory {
        SharedMemory::options().write(true).size(1).create_new(true).unlink_on_drop(true).open(name).unwrap()
    }
    let is_there = |name: &Name| SharedMemory::options().read(true).open(name).is_ok();
    tiny_dev_shm(1 << 20)?;
    let [first, second, third] = [name!("/first"), name!("/second"), name!("/third")];
    let mut parents = Some(make(first));
    for _ in 0..3 {
        in_child(|| {
            let mut childs = Some(make(second));
            in_child(|| {
                let own = make(third);
                drop((parents.take(), childs.take()));
                assert_eq!([first, second, third].map(is_there), [true; 3]);
                drop(own);
                assert!(!is_there(third));
            });
            drop(parents.take());
            assert_eq!([first, second].map(is_there), [true; 2]);
            drop(childs.take());
            assert!(!is_there(second));
        });
    }
    drop(parents);
    assert!(!is_there(first));
    Ok(())
}

/// As before Linux 4.14: by the PID.
fn unlink_on_drop_holds_without_pages_that_are_wiped() -> Ending {
    tiny_dev_shm(1 << 20)?;
    fail_calls(&[libc::SYS_madvise], rawipc::Errno::INVAL)?;
    let options = SharedMemory::options().write(true).size(1).unlink_on_drop(true);
    let is_there = || SharedMemory::options().read(true).open(NAME).is_ok();
    let mut memory = Some(options.create_new(true).open(NAME).unwrap());
    in_child(|| drop(memory.take()));
    assert!(is_there());
    drop(memory);
    assert!(!is_there());
    Ok(())
}

/// The first use in a process, by several threads at once while another one forks.
fn unlink_on_drop_holds_for_racing_threads_and_forks() -> Ending {
    const ROUNDS: usize = 30;
    const NAMES: [&Name; 4] = [name!("/a"), name!("/b"), name!("/c"), name!("/d")];
    tiny_dev_shm(1 << 20)?;
    let options = SharedMemory::options().write(true).size(1).unlink_on_drop(true).create_new(true);
    let is_there = |name: &Name| SharedMemory::options().read(true).open(name).is_ok();
    for _ in 0..ROUNDS {
        // A new process each time, so that it is the first use.
        in_child(|| {
            let start = Barrier::new(NAMES.len() + 1);
            let made = thread::scope(|scope| {
                let make = |name| {
                    start.wait();
                    options.open(name).unwrap()
                };
                let makers = NAMES.map(|name| scope.spawn(move || make(name)));
                start.wait();
                for _ in 0..5 {
                    // SAFETY: the child makes one system call and ends.
                    let child = unsafe { libc::fork() };
                    if child == 0 {
                        // SAFETY: ends the child at once.
                        unsafe { libc::_exit(0) };
                    }
                    // SAFETY: no status is asked for.
                    assert_eq!(unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) }, child);
                }
                makers.map(|maker| maker.join().unwrap())
            });
            let mut inherited = Some(made);
            in_child(|| drop(inherited.take()));
            assert_eq!(NAMES.map(is_there), [true; 4], "a child has removed its parent's");
            thread::scope(|scope| {
                for memory in inherited.take().unwrap() {
                    scope.spawn(|| drop(memory));
                }
            });
            assert_eq!(NAMES.map(is_there), [false; 4], "its own creator did not know itself");
        });
    }
    Ok(())
}
