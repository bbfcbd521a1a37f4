//! Receives messages and writes them out, a line each: `receive QUEUE COUNT`. It creates the queue, and removes it at
//! the end. Ends with 0, or with the errno of what failed.

#![no_std]
#![no_main]

use core::ffi::CStr;

use freestanding::{Strings, USAGE};
use rawipc::{Error, MessageBuffer, MessageQueue, Name};

freestanding::entry!(main);
freestanding::never_panics!();

fn main(mut arguments: Strings, _: Strings) -> i32 {
    let (Some(_), Some(queue), Some(count), None) =
        (arguments.next(), arguments.next(), arguments.next(), arguments.next())
    else {
        return USAGE;
    };
    let Some(count) = freestanding::number(count) else { return USAGE };
    receive(queue, count).err().map_or(0, |error| error.errno().raw_os_error())
}

fn receive(queue: &CStr, count: u64) -> Result<(), Error> {
    let options = MessageQueue::options().read(true).create_new(true).max_messages(4).max_message_size(64);
    let queue = options.unlink_on_drop(true).open(Name::new(queue)?)?;
    for _ in 0..count {
        let mut buffer = MessageBuffer::<64>::new();
        freestanding::write(1, queue.receive(&mut buffer)?.payload());
        freestanding::write(1, b"\n");
    }
    Ok(())
}
