//! Takes turns with others on a semaphore: `semaphore SEMAPHORE MEMORY TURNS`.
//!
//! In each turn it waits for the semaphore, counts in the shared memory in a way that only works with the token, and
//! posts. It ends with 0, or with the errno of what failed.

#![no_std]
#![no_main]

use core::ffi::CStr;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use freestanding::{Strings, USAGE};
use rawipc::{Error, Name, NamedSemaphore, SharedMemory};

freestanding::entry!(main);

fn main(mut arguments: Strings, _: Strings) -> i32 {
    let (Some(_), Some(semaphore), Some(memory), Some(turns), None) =
        (arguments.next(), arguments.next(), arguments.next(), arguments.next(), arguments.next())
    else {
        return USAGE;
    };
    let Some(turns) = turns.to_str().ok().and_then(|digits| digits.parse().ok()) else { return USAGE };
    participate(semaphore, memory, turns).err().map_or(0, |error| error.errno().raw_os_error())
}

fn participate(semaphore: &CStr, memory: &CStr, turns: u32) -> Result<(), Error> {
    let semaphore = NamedSemaphore::options().open(Name::new(semaphore)?)?;
    let mapping = SharedMemory::options().write(true).open(Name::new(memory)?)?.map()?;
    let counter: &AtomicU32 = mapping.get(0)?;
    for _ in 0..turns {
        semaphore.wait()?;
        let count = counter.load(Relaxed);
        // Long enough that somebody without the token would come between.
        (0..50).for_each(|_| core::hint::spin_loop());
        counter.store(count + 1, Relaxed);
        semaphore.post()?;
    }
    Ok(())
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    freestanding::exit(101)
}
