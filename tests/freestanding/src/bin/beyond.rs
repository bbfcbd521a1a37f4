//! What 32 bits cannot count: `beyond sizes NAME` has an object of 5 GiB; `beyond wait QUEUE MEMORY SECONDS` receives a
//! message and takes a token, both with a deadline so many seconds after 1970, without which it would wait for ever.

#![no_std]
#![no_main]

use core::ffi::CStr;

use freestanding::{FAILED, Layout, Strings, USAGE};
use rawipc::semaphore::SemaphoreOf;
use rawipc::time::Time;
use rawipc::{Deadline, Error, MessageBuffer, MessageQueue, Name, SharedMemory, WaitTuning};

freestanding::entry!(main);
freestanding::never_panics!();

fn main(mut arguments: Strings, _: Strings) -> i32 {
    let (Some(_), Some(task), Some(name)) = (arguments.next(), arguments.next(), arguments.next()) else {
        return USAGE;
    };
    let (memory, seconds) = (arguments.next(), arguments.next().and_then(freestanding::number));
    let result = match (task.to_bytes(), memory, seconds) {
        (b"sizes", None, None) => sizes(name),
        (b"wait", Some(memory), Some(seconds)) => wait(name, memory, seconds),
        _ => return USAGE,
    };
    match result {
        Ok(true) => 0,
        Ok(false) => FAILED,
        Err(error) => error.errno().raw_os_error(),
    }
}

/// It works, or it is refused; nowhere are higher bits lost.
fn sizes(name: &CStr) -> Result<bool, Error> {
    const FAR: u64 = 5 << 30;
    const LARGE: u64 = FAR + 4096;
    let options = SharedMemory::options().write(true).sparse(true).create_new(true).size(LARGE);
    let memory = options.unlink_on_drop(true).open(Name::new(name)?)?;
    memory.write_at(FAR, b"far")?;
    let mut bytes = [[0; 3]; 3];
    for (bytes, offset) in bytes.iter_mut().zip([FAR, FAR % (1 << 32), FAR % (1 << 31)]) {
        memory.read_at(offset, bytes)?;
    }
    let mapping = memory.map_options().offset(FAR).map()?;
    let mut mapped = [0; 3];
    mapping.read_at(0, &mut mapped)?;
    let refused = memory.write_at(LARGE, b"beyond").is_err() && memory.resize(1 << 63).is_err();
    // All of it has no room among 32-bit addresses.
    let whole = memory.map().is_ok_and(|whole| whole.len() as u64 == LARGE) == (usize::BITS == 64);
    let works = bytes == [*b"far", [0; 3], [0; 3]] && &mapped == b"far" && mapping.len() == 4096;
    Ok(works && refused && whole && memory.size()? == LARGE)
}

fn wait(queue: &CStr, memory: &CStr, seconds: u64) -> Result<bool, Error> {
    let deadline = Deadline::Realtime(Time::new(seconds.cast_signed(), 0)?);
    let options = MessageQueue::options().read(true).create_new(true).max_messages(1).max_message_size(16);
    let queue = options.unlink_on_drop(true).open(Name::new(queue)?)?;
    queue.receive_deadline(&mut MessageBuffer::<16>::new(), deadline)?;
    let mapping = SharedMemory::options().write(true).open(Name::new(memory)?)?.map()?;
    let semaphore: &SemaphoreOf<Layout> = mapping.get(0)?;
    // There is a token, so the second one is what it waits for.
    semaphore.wait()?;
    semaphore.wait_tuned(Some(deadline), WaitTuning { spin: 0, recheck_interval: None })?;
    semaphore.post()?;
    Ok(true)
}
