//! Takes turns with others on a named semaphore: `named SEMAPHORE MEMORY TURNS`.
//!
//! In each turn it waits for the semaphore, counts in the shared memory, and posts. It ends with 0, or with the errno
//! of what failed.

#![no_std]
#![no_main]

use core::ffi::CStr;
use core::sync::atomic::AtomicU32;

use freestanding::{Strings, USAGE};
use rawipc::{Error, Name, NamedSemaphore, SharedMemory};

freestanding::entry!(main);
freestanding::never_panics!();

fn main(mut arguments: Strings, _: Strings) -> i32 {
    let (Some(_), Some(semaphore), Some(memory), Some(turns), None) =
        (arguments.next(), arguments.next(), arguments.next(), arguments.next(), arguments.next())
    else {
        return USAGE;
    };
    let Some(turns) = freestanding::number(turns) else { return USAGE };
    participate(semaphore, memory, turns).err().map_or(0, |error| error.errno().raw_os_error())
}

fn participate(semaphore: &CStr, memory: &CStr, turns: u64) -> Result<(), Error> {
    let semaphore = NamedSemaphore::options().abi(freestanding::ABI).open(Name::new(semaphore)?)?;
    let mapping = SharedMemory::options().write(true).open(Name::new(memory)?)?.map()?;
    let counter: &AtomicU32 = mapping.get(freestanding::COUNTER)?;
    for _ in 0..turns {
        semaphore.wait()?;
        freestanding::count(counter);
        semaphore.post()?;
    }
    Ok(())
}
