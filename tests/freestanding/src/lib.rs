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

use core::ffi::CStr;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rawipc::semaphore::abi::Abi;
use rawipc::shareable;
use rustix::fd::BorrowedFd;

#[cfg(target_pointer_width = "32")]
pub use rawipc::semaphore::abi::Gnu32 as Layout;
#[cfg(target_pointer_width = "64")]
pub use rawipc::semaphore::abi::Gnu64 as Layout;
pub use start::exit;
pub use strings::Strings;

/// The layout that glibc's named semaphores have on this machine.
pub const ABI: Abi = if cfg!(target_pointer_width = "64") { Abi::Gnu64 } else { Abi::Gnu32 };

/// Where the counter lies in the memory that participants share: behind the semaphore, which glibc has there on this
/// machine too.
pub const COUNTER: usize = 32;

shareable! {
    /// What `arena` shares.
    pub struct Turns {
        /// How often it was used, and [`FIRST`](Turns::FIRST) more.
        pub count: AtomicU32,
    }
}

impl Turns {
    /// The count at first.
    pub const FIRST: u32 = 7;
}

/// The exit code of a program that finds something to be wrong.
pub const FAILED: i32 = 254;

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

/// A decimal number; `None` if it is none, or too large.
pub fn number(digits: &CStr) -> Option<u64> {
    let digits = digits.to_bytes();
    let add = |number: u64, digit: &u8| match digit {
        b'0'..=b'9' => number.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}

/// Adds one, in a way that only works for who is alone: long enough that somebody else would come between.
pub fn count(counter: &AtomicU32) {
    let count = counter.load(Relaxed);
    (0..50).for_each(|_| core::hint::spin_loop());
    counter.store(count.wrapping_add(1), Relaxed);
}

/// Waits for a byte of a descriptor, or its end; returns 0, or the errno of what failed.
pub fn read(descriptor: i32) -> i32 {
    // SAFETY: the borrow ends with this function, and the kernel refuses a number that is not open.
    let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
    rustix::io::read(descriptor, &mut [0_u8]).err().map_or(0, |errno| errno.raw_os_error())
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
