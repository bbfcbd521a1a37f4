//! Where a program begins, `_start`, and how it ends; one file an architecture.
//!
//! The kernel leaves the arguments on the stack and defines no caller: each `_start` passes the stack pointer on as it
//! found it, aligns it as the architecture's calling convention demands, and clears what a debugger would take for a
//! caller's frame.

#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
#[cfg_attr(target_arch = "arm", path = "arm.rs")]
#[cfg_attr(target_arch = "x86", path = "x86.rs")]
#[cfg_attr(target_arch = "riscv64", path = "riscv64.rs")]
#[cfg_attr(target_arch = "s390x", path = "s390x.rs")]
mod native;

use core::ffi::c_char;

use crate::Strings;

unsafe extern "Rust" {
    /// The program's own function, which `entry!` names.
    safe fn freestanding_main(arguments: Strings, environment: Strings) -> i32;
}

/// # Safety
/// `stack` is the stack pointer that the kernel started the program with: the number of arguments, the arguments, a
/// null pointer, the environment, a null pointer.
unsafe extern "C" fn start(stack: *const usize) -> ! {
    // SAFETY: that is how the kernel starts a program.
    let count = unsafe { *stack };
    let arguments = stack.wrapping_add(1).cast::<*const c_char>();
    let environment = arguments.wrapping_add(count + 1);
    // SAFETY: the kernel ends both lists with a null pointer, and they live as long as the program.
    let [arguments, environment] = [arguments, environment].map(|list| unsafe { Strings::new(list) });
    exit(freestanding_main(arguments, environment))
}

/// Ends the process.
pub fn exit(code: i32) -> ! {
    native::exit(code)
}
