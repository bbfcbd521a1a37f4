//! The same way into a program by the `origin` crate, which has more: threads, signals, functions at exit.
//!
//! `origin-example QUEUE` makes a queue, sends a message to itself and removes the queue. Ends with 0, or with the
//! errno of what failed.

#![no_std]
#![no_main]

use core::ffi::{CStr, c_char};
use core::time::Duration;

// Brings `_start`.
use origin as _;
use rawipc::{Error, MessageBuffer, MessageQueue, Name, Priority};

/// # Safety
/// `origin` calls it with the arguments and the environment as the kernel gives them.
#[unsafe(no_mangle)]
unsafe fn origin_main(count: usize, arguments: *mut *mut u8, _environment: *mut *mut u8) -> i32 {
    if count != 2 {
        return 255;
    }
    // SAFETY: there are two arguments, as has just been seen.
    let name = unsafe { *arguments.add(1) };
    // SAFETY: it ends in a NUL and lives as long as the program.
    let name = unsafe { CStr::from_ptr(name.cast::<c_char>()) };
    converse(name).err().map_or(0, |error| error.errno().raw_os_error())
}

fn converse(name: &CStr) -> Result<(), Error> {
    let options = MessageQueue::options().read(true).write(true).create_new(true);
    let queue = options.max_messages(1).max_message_size(16).unlink_on_drop(true).open(Name::new(name)?)?;
    queue.send(b"hello", Priority::MIN)?;
    // origin has told rustix where the vDSO is, so no file is read for the clock.
    queue.receive_timeout(&mut MessageBuffer::<16>::new(), Duration::from_secs(10)).map(drop)
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
