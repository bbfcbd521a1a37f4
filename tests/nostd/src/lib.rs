//! One call of each family of methods, so that a build generates the machine code of every system call.
//!
//! Nobody runs it here: that it compiles, at every optimisation, is the test. The library itself is inlined into this
//! crate or linked to it; both ways are built.

#![no_std]

use core::mem::MaybeUninit;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use core::time::Duration;

use rawipc::inspect::{Limits, Listing, Platform};
use rawipc::mqueue::Notify;
use rawipc::semaphore::SemaphoreOf;
use rawipc::semaphore::abi::{Abi, Gnu32, Gnu64, Musl, Private};
use rawipc::shared_queue::InFlight;
use rawipc::{
    Deadline, Error, MessageBuffer, MessageQueue, Name, NamedSemaphore, NotificationSocket, Priority, Receiver,
    Semaphore, Sender, Shared, SharedMemory, SharedQueue, TypedReceiver, TypedSender, name, shareable,
};

/// What a C program would call: 0, or the errno of the first failure.
#[unsafe(no_mangle)]
pub extern "C" fn rawipc_probe() -> i32 {
    let steps = [
        opening,
        sending,
        receiving,
        streams,
        ends,
        typed,
        shared_queue,
        notification,
        looking,
        semaphores,
        named,
        memory,
        shared,
    ];
    let failed = steps.into_iter().find_map(|step| step().err());
    failed.map_or(0, |error| error.errno().raw_os_error())
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

fn queue() -> Result<MessageQueue, Error> {
    MessageQueue::options()
        .read(true)
        .write(true)
        .max_messages(4)
        .max_message_size(8)
        .unlink_on_drop(true)
        .create_unique(name!("/rawipc-probe-"))
}

fn opening() -> Result<(), Error> {
    let name = Name::new("/rawipc-probe")?;
    let queue = MessageQueue::options().read(true).create(true).exact_mode(0o600).open(name)?;
    MessageQueue::unlink(name)?;
    queue.set_nonblocking(true)?;
    if queue.attributes()?.messages > 0 {
        queue.mode()?;
    }
    queue.try_clone()?.close()?;
    queue.close()
}

fn sending() -> Result<(), Error> {
    let queue = queue()?;
    queue.send(b"1", Priority::MIN)?;
    queue.try_send(b"2", Priority::MAX)?;
    queue.send_timeout(b"3", Priority::MIN, Duration::from_millis(1))?;
    queue.send_deadline(b"4", Priority::MIN, Deadline::realtime_after(Duration::from_millis(1)))
}

fn receiving() -> Result<(), Error> {
    let queue = queue()?;
    queue.send_all(b"four messages of eight bytes ...", Priority::MIN)?;
    queue.receive(&mut MessageBuffer::<8>::new())?;
    queue.try_receive(&mut [0; 8])?;
    queue.receive_timeout(&mut [MaybeUninit::uninit(); 8], Duration::from_millis(1))?;
    queue.receive_deadline(&mut [0; 8][..], Deadline::after(Duration::from_millis(1)))?;
    Ok(())
}

fn streams() -> Result<(), Error> {
    let queue = queue()?;
    queue.send_truncated(b"more than eight bytes", Priority::MIN)?;
    queue.try_send_all(b"sixteen bytes...", Priority::MIN)?;
    queue.try_receive_all(&mut [0; 64])?;
    Ok(())
}

fn ends() -> Result<(), Error> {
    let queue = queue()?;
    let sender = Sender::try_from(queue.try_clone()?)?;
    let receiver = Receiver::try_from(queue)?;
    sender.send(b"hello", Priority::MIN)?;
    receiver.receive(&mut [0; 8])?;
    Ok(())
}

fn typed() -> Result<(), Error> {
    let queue = queue()?;
    let sender = TypedSender::<u64>::new(Sender::try_from(queue.try_clone()?)?)?;
    let receiver = TypedReceiver::<u64>::new(Receiver::try_from(queue)?)?;
    sender.send(&1, Priority::MIN)?;
    receiver.receive()?;
    Ok(())
}

fn shared_queue() -> Result<(), Error> {
    let queue = SharedQueue::options().read(true).write(true).max_message_size(8).create_anonymous()?;
    let sender = TypedSender::<u64, _>::new(Sender::try_from(queue.try_clone()?)?)?;
    let receiver = TypedReceiver::<u64, _>::new(Receiver::try_from(queue)?)?;
    sender.send(&1, Priority::MIN)?;
    receiver.receive()?;
    sender.sender().reserve()?.publish(8, Priority::MIN)?;
    receiver.receiver().receive_in_place().map(InFlight::complete)
}

fn notification() -> Result<(), Error> {
    let queue = queue()?;
    queue.notify(Notify::Signal { number: 35, value: 1 })?;
    queue.replace_notification(Notify::None)?;
    queue.cancel_notification()?;
    let mut socket = NotificationSocket::new(&queue)?;
    socket.arm()?;
    queue.send(b"1", Priority::MIN)?;
    socket.wait_timeout(Duration::from_secs(1))?;
    queue.status().map(drop)
}

fn looking() -> Result<(), Error> {
    let platform = Platform::probe();
    let limits = Limits::current()?;
    let mut buffer = [MaybeUninit::uninit(); Listing::BUFFER_SIZE];
    let mut objects = Listing::shared_memory(&mut buffer)?;
    while let Some(object) = objects.next() {
        object?;
    }
    if platform.message_queues && limits.page_size == 0 { Err(Priority::new(40_000).unwrap_err()) } else { Ok(()) }
}

fn semaphores() -> Result<(), Error> {
    let own = Semaphore::new(1);
    drop(own.acquire()?);
    own.wait_deadline(Deadline::after(Duration::from_millis(1)))?;
    let wide = SemaphoreOf::<Gnu64>::new(1);
    wide.wait()?;
    wide.post_many(2)?;
    let narrow = SemaphoreOf::<Gnu32>::new(1);
    narrow.wait()?;
    narrow.post()?;
    let other = SemaphoreOf::<Private<Musl>>::new(1);
    other.wait_timeout(Duration::from_millis(1))?;
    other.post()
}

fn named() -> Result<(), Error> {
    for abi in [Abi::Gnu64, Abi::Gnu32, Abi::Musl] {
        let options = NamedSemaphore::options().abi(abi).initial_value(1).unlink_on_drop(true);
        let semaphore = options.create_unique(name!("/rawipc-probe-"))?;
        semaphore.wait()?;
        semaphore.post()?;
        NamedSemaphore::options().open(semaphore.name())?.close()?;
    }
    Ok(())
}

fn memory() -> Result<(), Error> {
    let options = SharedMemory::options().write(true).size(4096).unlink_on_drop(true);
    let memory = options.create_unique(name!("/rawipc-probe-"))?;
    let mut mapping = memory.map()?;
    mapping.write_at(1, b"bytes")?;
    mapping.read_at(1, &mut [0; 5])?;
    mapping.get::<Semaphore>(64)?.post()?;
    memory.resize(8192)?;
    mapping.remap(&memory, 8192)?;
    memory.read_at(4096, &mut [0; 16])?;
    let sealed = SharedMemory::anonymous(4096).create()?;
    sealed.seal_size()?;
    sealed.map_options().map_read_only()?.read_at(0, &mut [0; 8])
}

shareable! {
    struct Count {
        turns: AtomicU32,
    }
}

fn shared() -> Result<(), Error> {
    let options = Shared::<Count>::options().unlink_on_drop(true);
    let count = options.open(name!("/rawipc-probe-shared"), |fresh| fresh.turns.store(1, Relaxed))?;
    count.turns.fetch_add(1, Relaxed);
    Ok(())
}
