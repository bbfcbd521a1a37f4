//! Uses every object of the crate: `objects NAME KIND...`, all of this name. It makes queues and memory, and removes
//! them; the named semaphore and the shared value are made by `arena`. Ends with 0, or names the kind that failed and
//! ends with its errno.

#![no_std]
#![no_main]

use core::sync::atomic::Ordering::Relaxed;

use freestanding::{ABI, FAILED, Strings, Turns, USAGE};
use rawipc::{
    Error, MessageBuffer, MessageQueue, Name, NamedSemaphore, NotificationSocket, Priority, Semaphore, Shared,
    SharedMemory,
};

freestanding::entry!(main);
freestanding::never_panics!();

/// Makes or opens an object of this name and tells whether it did what it should.
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
    let semaphore = NamedSemaphore::options().abi(ABI).open(name)?;
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

fn shared(name: &Name) -> Result<bool, Error> {
    let turns = Shared::<Turns>::options().open_existing(name)?;
    Ok(turns.count.fetch_add(1, Relaxed) == Turns::FIRST)
}
