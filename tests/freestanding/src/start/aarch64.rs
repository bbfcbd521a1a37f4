//! AArch64: the stack is aligned to 16 bytes at all times.

use core::arch::{asm, global_asm};

global_asm!(
    ".pushsection .text._start, \"ax\", %progbits",
    ".globl _start",
    "_start:",
    "mov x29, xzr",
    "mov x30, xzr",
    "mov x0, sp",
    "and sp, x0, #-16",
    "b {start}",
    ".popsection",
    start = sym super::start,
);

/// Ends the process.
pub(super) fn exit(code: i32) -> ! {
    // SAFETY: `exit_group` does not come back.
    unsafe { asm!("svc 0", in("x8") 94, in("w0") code, options(noreturn)) }
}
