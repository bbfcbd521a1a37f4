//! Takes turns with others on a semaphore in shared memory: `semaphore MEMORY TURNS`.
//!
//! The memory begins with a semaphore of the layout that glibc has on this machine; a counter follows. In each turn it
//! waits for the semaphore, counts, and posts. It ends with 0, or with the errno of what failed.

#![no_std]
#![no_main]

use core::ffi::CStr;

use freestanding::{COUNTER, Layout, Strings, USAGE};
use rawipc::semaphore::SemaphoreOf;
use rawipc::{Error, Name, SharedMemory};

freestanding::entry!(main);
freestanding::never_panics!();

fn main(mut arguments: Strings, _: Strings) -> i32 {
    let (Some(_), Some(memory), Some(turns), None) =
        (arguments.next(), arguments.next(), arguments.next(), arguments.next())
    else {
        return USAGE;
    };
    let Some(turns) = freestanding::number(turns) else { return USAGE };
    participate(memory, turns).err().map_or(0, |error| error.errno().raw_os_error())
}

fn participate(memory: &CStr, turns: u64) -> Result<(), Error> {
    let mapping = SharedMemory::options().write(true).open(Name::new(memory)?)?.map()?;
    let semaphore: &SemaphoreOf<Layout> = mapping.get(0)?;
    let counter = mapping.get(COUNTER)?;
    for _ in 0..turns {
        semaphore.wait()?;
        freestanding::count(counter);
        semaphore.post()?;
    }
    Ok(())
}
