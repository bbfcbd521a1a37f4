//! 32-bit x86: the stack is aligned to 16 bytes where a function is called, its arguments included.

use core::arch::{asm, global_asm};

global_asm!(
    ".pushsection .text._start, \"ax\", @progbits",
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "mov eax, esp",
    "and esp, -16",
    "sub esp, 12",
    "push eax",
    "call {start}",
    "ud2",
    ".popsection",
    start = sym super::start,
);

/// Ends the process.
pub(super) fn exit(code: i32) -> ! {
    // SAFETY: `exit_group` does not come back, so it does not matter that `ebx` is changed.
    unsafe { asm!("mov ebx, {code}", "int 0x80", in("eax") 252, code = in(reg) code, options(noreturn)) }
}
