//! What a program needs that has no libc and no std: a beginning, its arguments, a way to write, an end.
//!
//! ```ignore
//! #![no_std]
//! #![no_main]
//!
//! freestanding::entry!(main);
//! freestanding::never_panics!();
//!
//! fn main(arguments: Strings, environment: Strings) -> i32 {
//!     if arguments.count() == 1 { 0 } else { freestanding::USAGE }
//! }
//! ```

#![no_std]

mod start;
mod strings;

use rustix::fd::BorrowedFd;

pub use start::exit;
pub use strings::Strings;

/// The exit code for arguments that are none.
pub const USAGE: i32 = 255;

/// Makes a function the program: it gets the arguments and the environment, and returns the exit code.
#[macro_export]
macro_rules! entry {
    ($main:ident) => {
        #[unsafe(no_mangle)]
        fn freestanding_main(arguments: $crate::Strings, environment: $crate::Strings) -> i32 {
            $main(arguments, environment)
        }
    };
}

/// The panic handler of a program that cannot panic: if any panic is left in it, it does not link, since the function
/// named here is nowhere.
#[macro_export]
macro_rules! never_panics {
    () => {
        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
            unsafe extern "C" {
                safe fn a_panic_is_left_in_the_program() -> !;
            }
            a_panic_is_left_in_the_program()
        }
    };
}

/// Writes all of it to a descriptor, such as 1 and 2 for standard output and error. What cannot be written is lost.
pub fn write(descriptor: i32, mut bytes: &[u8]) {
    // SAFETY: the borrow ends with this function, and the kernel refuses a number that is not open.
    let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
    while !bytes.is_empty() {
        match rustix::io::write(descriptor, bytes) {
            Ok(count @ 1..) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            Ok(0) | Err(_) => return,
        }
    }
}
