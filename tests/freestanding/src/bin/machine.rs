//! Does one thing with a named semaphore, which is by default one of the machine's C library:
//! `machine create|open|post|take|unlink SEMAPHORE`, or `machine abi`.
//!
//! It ends with 0, with the errno of what failed, or, asked for the layout, with a number for it.

#![no_std]
#![no_main]

use core::ffi::CStr;

use freestanding::{Strings, USAGE};
use rawipc::semaphore::abi::Abi;
use rawipc::{Error, Name, NamedSemaphore};

freestanding::entry!(main);
freestanding::never_panics!();

fn main(mut arguments: Strings, _: Strings) -> i32 {
    let (Some(_), Some(action), semaphore) = (arguments.next(), arguments.next(), arguments.next()) else {
        return USAGE;
    };
    match (action.to_bytes(), semaphore) {
        (b"abi", None) => match Abi::of_machine() {
            Abi::Gnu64 => 64,
            Abi::Gnu32 => 32,
            Abi::Musl => 1,
        },
        (action, Some(semaphore)) => act(action, semaphore).map_or_else(|error| error.errno().raw_os_error(), |()| 0),
        _ => USAGE,
    }
}

fn act(action: &[u8], semaphore: &CStr) -> Result<(), Error> {
    let name = Name::new(semaphore)?;
    let options = NamedSemaphore::options();
    match action {
        b"create" => options.create_new(true).initial_value(2).open(name).map(drop),
        b"post" => options.open(name)?.post(),
        b"take" => options.open(name)?.try_wait(),
        b"unlink" => NamedSemaphore::unlink(name),
        _ => options.open(name).map(drop),
    }
}
