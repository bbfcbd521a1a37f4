//! Sends messages: `send QUEUE MESSAGE...`. Ends with 0, or with the errno of what failed.

#![no_std]
#![no_main]

use core::ffi::CStr;

use freestanding::{Strings, USAGE};
use rawipc::{Error, MessageQueue, Name, Priority};

freestanding::entry!(main);
freestanding::never_panics!();

fn main(mut arguments: Strings, _: Strings) -> i32 {
    let (Some(_), Some(queue)) = (arguments.next(), arguments.next()) else { return USAGE };
    send(queue, arguments).err().map_or(0, |error| error.errno().raw_os_error())
}

fn send(queue: &CStr, messages: Strings) -> Result<(), Error> {
    let queue = MessageQueue::options().write(true).open(Name::new(queue)?)?;
    for message in messages {
        queue.send(message.to_bytes(), Priority::MIN)?;
    }
    Ok(())
}
