//! Makes every object of the crate, uses it and removes it: `objects NAME KIND...`, all of this name. Ends with 0, or
//! names the kind that failed and ends with its errno.

#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use freestanding::{FAILED, Strings, USAGE};
use rawipc::{
    Error, MessageBuffer, MessageQueue, Name, NamedSemaphore, NotificationSocket, Priority, Semaphore, Shared,
    SharedMemory, shareable,
};

freestanding::entry!(main);
freestanding::never_panics!();

/// Makes an object of this name and tells whether it did what it should.
type Use = fn(&Name) -> Result<bool, Error>;

const KINDS: [(&[u8], Use); 5] = [
    (b"queue", queue),
    (b"notification", notification),
    (b"semaphore", semaphore),
    (b"memory", memory),
    (b"shared", shared),
];

fn main(mut arguments: Strings, _: Strings) -> i32 {
    let (Some(_), Some(name)) = (arguments.next(), arguments.next()) else { return USAGE };
    let Ok(name) = Name::new(name) else { return USAGE };
    for asked in arguments {
        let Some((kind, work)) = KINDS.iter().find(|(kind, _)| *kind == asked.to_bytes()) else { return USAGE };
        let failure = match work(name) {
            Ok(true) => continue,
            Ok(false) => FAILED,
            Err(error) => error.errno().raw_os_error(),
        };
        freestanding::write(2, kind);
        freestanding::write(2, b" fails\n");
        return failure;
    }
    0
}

fn create_queue(name: &Name) -> Result<MessageQueue, Error> {
    let options = MessageQueue::options().read(true).write(true).create_new(true);
    options.max_messages(2).max_message_size(16).unlink_on_drop(true).open(name)
}

fn queue(name: &Name) -> Result<bool, Error> {
    let queue = create_queue(name)?;
    queue.send(b"later", Priority::MIN)?;
    queue.send(b"sooner", Priority::from(7))?;
    let mut buffer = MessageBuffer::<16>::new();
    let sooner = queue.receive(&mut buffer)?;
    Ok(sooner.payload() == b"sooner" && sooner.priority() == Priority::from(7))
}

fn notification(name: &Name) -> Result<bool, Error> {
    let queue = create_queue(name)?;
    let mut socket = NotificationSocket::new(&queue)?;
    socket.arm()?;
    queue.send(b"hello", Priority::MIN)?;
    socket.wait()?;
    Ok(!socket.is_armed())
}

fn semaphore(name: &Name) -> Result<bool, Error> {
    let options = NamedSemaphore::options().create_new(true).initial_value(1).unlink_on_drop(true);
    let semaphore = options.open(name)?;
    semaphore.wait()?;
    semaphore.post()?;
    Ok(semaphore.value() == 1)
}

fn memory(name: &Name) -> Result<bool, Error> {
    let options = SharedMemory::options().write(true).create_new(true).size(4096).unlink_on_drop(true);
    let mapping = options.open(name)?.map()?;
    let semaphore: &Semaphore = mapping.get(64)?;
    semaphore.post()?;
    semaphore.wait()?;
    Ok(semaphore.value() == 0)
}

shareable! {
    struct Turns {
        count: AtomicU32,
    }
}

fn shared(name: &Name) -> Result<bool, Error> {
    let turns = Shared::<Turns>::options().unlink_on_drop(true).open(name, |fresh| fresh.count.store(7, Relaxed))?;
    Ok(turns.count.fetch_add(1, Relaxed) == 7)
}
