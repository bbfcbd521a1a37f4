//! Tests of the whole public API in a program without libc, std and allocation.
//!
//! `bare [+own-machine] [-CALL]... [WORD]...` runs the tests whose names have one of the words in them, or all of them.
//! A `-CALL` says that this platform may lack that system call: a test that needs it is then `unsupported`, not
//! `FAILED`. `+own-machine` says that the machine is there for these tests alone, so that its clock may be set.
//!
//! `+kernel=NAME` runs them under a filter that answers as another kernel would (`kernels.rs`, on x86); `+kernels`
//! lists the names.
//!
//! As a kernel's first process it is `init` instead: it mounts what programs need, runs the command lines in
//! `/programs`, and turns the machine off.

#![no_std]
#![no_main]

mod console;
mod harness;
mod init;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod kernels;
#[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
#[path = "no_kernels.rs"]
mod kernels;
mod raw;
mod tests;

use freestanding::Strings;

freestanding::entry!(main);

fn main(arguments: Strings, _: Strings) -> i32 {
    if rustix::process::getpid().is_init() {
        init::run();
    }
    harness::run(tests::ALL, arguments.skip(1))
}
