//! A daemon that takes jobs from a queue in shared memory, and who gives it some: `jobs serve NAME COUNT` makes the
//! queue and the memory of this name and waits in a poll, `jobs send NAME COUNT` opens them. Both count under a lock
//! that survives its holder, and the daemon makes sure of the total. Ends with 0, or with the errno of what failed.

#![no_std]
#![no_main]

use core::sync::atomic::AtomicU32;

use freestanding::{FAILED, Strings, USAGE};
use rawipc::{Error, ErrorKind, Mapping, MessageBuffer, Name, Priority, RobustMutex, SharedMemory, SharedQueue};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

freestanding::entry!(main);
freestanding::never_panics!();

/// Where the counter lies in the memory: behind the lock.
const COUNTER: usize = RobustMutex::SIZE;

/// After this a doorbell is armed again, whether or not it was rung.
const A_WHILE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

fn main(mut arguments: Strings, _: Strings) -> i32 {
    let (Some(_), Some(task), Some(name), Some(count), None) =
        (arguments.next(), arguments.next(), arguments.next(), arguments.next(), arguments.next())
    else {
        return USAGE;
    };
    let Some(count) = freestanding::number(count) else { return USAGE };
    let result = Name::new(name).and_then(|name| match task.to_bytes() {
        b"serve" => serve(name, count),
        b"send" => send(name, count),
        _ => Ok(false),
    });
    match result {
        Ok(true) => 0,
        Ok(false) => FAILED,
        Err(error) => error.errno().raw_os_error(),
    }
}

/// Counts as many messages as are to come; whether everybody has counted each.
fn serve(name: &Name, count: u64) -> Result<bool, Error> {
    let memory = SharedMemory::options().write(true).create_new(true).size(4096).unlink_on_drop(true).open(name)?;
    let (mutex, mapping) = (RobustMutex::in_memory(&memory, 0)?, memory.map()?);
    // What comes last says that all is there.
    let options = SharedQueue::options().read(true).create_new(true).max_messages(8).max_message_size(64);
    let queue = options.unlink_on_drop(true).open(name)?;
    let mut doorbell = queue.doorbell()?;
    let mut buffer = MessageBuffer::<64>::new();
    let mut received = 0;
    while received < count {
        if doorbell.arm()?.is_armed() {
            // A signal ends it too; then it is armed again.
            let _ = poll(&mut [PollFd::new(&doorbell, PollFlags::IN)], Some(&A_WHILE));
        }
        loop {
            match queue.try_receive(&mut buffer) {
                Ok(_) => received += 1,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
            add(&mutex, &mapping)?;
        }
    }
    let _guard = mutex.lock()?;
    let total: &AtomicU32 = mapping.get(COUNTER)?;
    Ok(u64::from(total.load(core::sync::atomic::Ordering::Relaxed)) == 2 * count)
}

fn send(name: &Name, count: u64) -> Result<bool, Error> {
    let queue = SharedQueue::options().write(true).open(name)?;
    let memory = SharedMemory::options().write(true).open(name)?;
    let (mutex, mapping) = (RobustMutex::in_memory(&memory, 0)?, memory.map()?);
    for _ in 0..count {
        add(&mutex, &mapping)?;
        queue.send(b"job", Priority::MIN)?;
    }
    Ok(true)
}

/// Counts one more. A holder that died has counted, or has not: there is nothing to put right.
fn add(mutex: &RobustMutex, mapping: &Mapping) -> Result<(), Error> {
    let _guard = mutex.lock()?.mark_consistent();
    freestanding::count(mapping.get(COUNTER)?);
    Ok(())
}
