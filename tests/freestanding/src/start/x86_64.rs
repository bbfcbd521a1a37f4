//! x86-64: the stack is aligned to 16 bytes where a function is called.

use core::arch::{asm, global_asm};

global_asm!(
    ".pushsection .text._start, \"ax\", @progbits",
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "mov rdi, rsp",
    "and rsp, -16",
    "call {start}",
    "ud2",
    ".popsection",
    start = sym super::start,
);

/// Ends the process.
pub(super) fn exit(code: i32) -> ! {
    // SAFETY: `exit_group` does not come back.
    unsafe { asm!("syscall", in("eax") 231, in("edi") code, options(noreturn)) }
}
