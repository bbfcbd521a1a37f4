//! One call of each family of methods, so that a build generates the machine code of every system call.
//!
//! Nobody runs it here: that it compiles, at every optimisation, is the test. The library itself is inlined into this
//! crate or linked to it; both ways are built.

#![no_std]

use core::mem::MaybeUninit;
use core::panic::PanicInfo;
use core::time::Duration;

use rawipc::{
    Deadline, Error, MessageBuffer, MessageQueue, Name, Priority, Receiver, Sender, TypedReceiver, TypedSender, name,
};

/// What a C program would call: 0, or the errno of the first failure.
#[unsafe(no_mangle)]
pub extern "C" fn rawipc_probe() -> i32 {
    let steps = [opening, sending, receiving, streams, ends, typed];
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
    queue.set_nonblocking(true)?;
    if queue.attributes()?.messages > 0 || queue.mode()? != 0o600 {
        MessageQueue::unlink(name)?;
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
    queue.fill(b"sixteen bytes...", Priority::MIN)?;
    queue.drain(&mut [0; 64])?;
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
