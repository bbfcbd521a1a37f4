//! 64-bit RISC-V: the stack is aligned to 16 bytes at all times.
//!
//! A linker may address data from the global pointer, which is set without its help.

use core::arch::{asm, global_asm};

global_asm!(
    ".pushsection .text._start, \"ax\", %progbits",
    ".globl _start",
    "_start:",
    ".option push",
    ".option norelax",
    "lla gp, __global_pointer$",
    ".option pop",
    "mv fp, zero",
    "mv ra, zero",
    "mv a0, sp",
    "andi sp, sp, -16",
    "tail {start}",
    ".popsection",
    start = sym super::start,
);

/// Ends the process.
pub(super) fn exit(code: i32) -> ! {
    // SAFETY: `exit_group` does not come back.
    unsafe { asm!("ecall", in("a7") 94, in("a0") code, options(noreturn)) }
}
