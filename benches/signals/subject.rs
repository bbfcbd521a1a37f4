//! What is waited for, and the calls that wait.

use std::io::{self, Result};
use std::os::fd::AsRawFd;

use rawipc::sync::Locked;
use rawipc::{
    Mapping, MessageQueue, NamedSemaphore, Priority, RobustMutex, Semaphore, SharedMemory, SharedQueue, name,
};

/// A way to wait.
pub struct Kind {
    pub name: &'static str,
    /// Whether its waits are made of several sleeps, so that a handler may run between two of them.
    pub is_sliced: bool,
    pub subject: fn() -> Result<Subject>,
}

const fn kind(name: &'static str, is_sliced: bool, subject: fn() -> Result<Subject>) -> Kind {
    Kind { name, is_sliced, subject }
}

pub const KINDS: [Kind; 7] = [
    kind("C sem_wait", false, || Ok(Subject::CSemaphore(semaphore()?))),
    kind("C mq_receive", false, || Ok(Subject::CQueue(queue()?))),
    kind("Semaphore::wait", false, || Ok(Subject::Semaphore(semaphore()?))),
    kind("NamedSemaphore::wait", false, || Ok(Subject::Named(named()?))),
    kind("RobustMutex::lock", true, || Ok(Subject::Mutex(Held::new()?))),
    kind("SharedQueue::receive", true, || Ok(Subject::SharedQueue(Box::new(shared_queue()?)))),
    kind("MessageQueue::receive", false, || Ok(Subject::MessageQueue(queue()?))),
];

/// One object that a process waits for: a semaphore without a token, a queue without a message, a mutex that the
/// parent has.
pub enum Subject {
    CSemaphore(Mapping),
    CQueue(MessageQueue),
    Semaphore(Mapping),
    Named(NamedSemaphore),
    Mutex(Held),
    SharedQueue(Box<SharedQueue>),
    MessageQueue(MessageQueue),
}

impl Subject {
    /// What a process does once with what it has inherited, before its first wait.
    pub fn prepare(&self) {
        let is_there = match self {
            Self::CSemaphore(_) => false,
            Self::CQueue(queue) | Self::MessageQueue(queue) => {
                close_all_but(queue.as_raw_fd() as u32);
                false
            }
            Self::Semaphore(memory) => at_start(memory).try_wait().is_ok(),
            Self::Named(semaphore) => semaphore.try_wait().is_ok(),
            Self::Mutex(held) => held.mutex().try_lock().is_ok(),
            Self::SharedQueue(queue) => queue.try_receive(&mut [0; 8]).is_ok(),
        };
        assert!(!is_there, "there is nothing to wait for");
    }

    /// Waits without a limit.
    pub fn wait(&self) -> Result<()> {
        match self {
            Self::CSemaphore(memory) => {
                let semaphore = std::ptr::from_ref(at_start(memory)) as *mut _;
                // SAFETY: it is a semaphore that the C library initialized.
                c(unsafe { libc::sem_wait(semaphore) } == 0)
            }
            Self::CQueue(queue) => {
                let mut buffer = [0; 8];
                let start = buffer.as_mut_ptr().cast();
                // SAFETY: the buffer is as long as it says.
                c(unsafe { libc::mq_receive(queue.as_raw_fd(), start, buffer.len(), std::ptr::null_mut()) } >= 0)
            }
            Self::Semaphore(memory) => Ok(at_start(memory).wait()?),
            Self::Named(semaphore) => Ok(semaphore.wait()?),
            Self::Mutex(held) => Ok(held.mutex().lock().map(drop)?),
            Self::SharedQueue(queue) => Ok(queue.receive(&mut [0; 8]).map(drop)?),
            Self::MessageQueue(queue) => Ok(queue.receive(&mut [0; 8]).map(drop)?),
        }
    }

    /// Makes there be what is waited for.
    pub fn end_wait(&mut self) -> Result<()> {
        match self {
            Self::CSemaphore(memory) | Self::Semaphore(memory) => at_start(memory).post()?,
            Self::Named(semaphore) => semaphore.post()?,
            Self::Mutex(held) => held.guard = None,
            Self::SharedQueue(queue) => queue.send(b"end", Priority::MIN)?,
            Self::CQueue(queue) | Self::MessageQueue(queue) => queue.send(b"end", Priority::MIN)?,
        }
        Ok(())
    }
}

/// What a function of the C library says, if it has not succeeded.
fn c(has_succeeded: bool) -> Result<()> {
    if has_succeeded { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Closes what other processes wait for: a queue counts against the most that there can be until its last descriptor
/// is closed.
fn close_all_but(own: u32) {
    for (first, last) in [(3, own - 1), (own + 1, u32::MAX)] {
        // SAFETY: nothing that this process has inherited is used any more, but `own`.
        unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    }
}

/// A semaphore without a token, which processes share.
fn semaphore() -> Result<Mapping> {
    let memory = SharedMemory::anonymous(size_of::<Semaphore>() as u64).create()?.map()?;
    // SAFETY: the memory is as long as the C library's semaphore, and no process uses it yet.
    c(unsafe { libc::sem_init(std::ptr::from_ref(at_start(&memory)) as *mut _, 1, 0) } == 0)?;
    Ok(memory)
}

fn at_start(memory: &Mapping) -> &Semaphore {
    memory.get(0).expect("the memory is as long as a semaphore")
}

fn named() -> Result<NamedSemaphore> {
    let semaphore = NamedSemaphore::options().create_unique(name!("/rawipc-signals-"))?;
    NamedSemaphore::unlink(semaphore.name())?;
    Ok(semaphore)
}

fn queue() -> Result<MessageQueue> {
    let options = MessageQueue::options().read(true).write(true).max_messages(1).max_message_size(8);
    let queue = options.create_unique(name!("/rawipc-signals-"))?;
    MessageQueue::unlink(queue.name().expect("it was created by name"))?;
    Ok(queue)
}

fn shared_queue() -> Result<SharedQueue> {
    Ok(SharedQueue::options().read(true).write(true).max_messages(1).max_message_size(8).create_anonymous()?)
}

/// A mutex that this process has.
pub struct Held {
    mutex: *mut RobustMutex,
    guard: Option<Locked<'static>>,
}

impl Held {
    fn new() -> Result<Self> {
        let memory = SharedMemory::anonymous(RobustMutex::SIZE as u64).create()?;
        let mutex = Box::into_raw(Box::new(RobustMutex::in_memory(&memory, 0)?));
        // SAFETY: it stays where it is until `drop`, which drops the guard first.
        let guard = unsafe { &*mutex }.lock()?;
        Ok(Self { mutex, guard: Some(guard) })
    }

    fn mutex(&self) -> &RobustMutex {
        // SAFETY: it lives as long as this.
        unsafe { &*self.mutex }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.guard = None;
        // SAFETY: it came from a box, and nothing borrows it any more.
        drop(unsafe { Box::from_raw(self.mutex) });
    }
}
