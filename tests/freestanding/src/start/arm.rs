//! 32-bit ARM (EABI), in ARM and Thumb state: the stack is aligned to 8 bytes where a function is called.
//!
//! It begins in ARM state, whatever state the rest is in: the linker makes the call one that changes it.

use core::arch::{asm, global_asm};

global_asm!(
    ".pushsection .text._start, \"ax\", %progbits",
    ".globl _start",
    ".type _start, %function",
    ".p2align 2",
    ".arm",
    "_start:",
    "mov r11, #0",
    "mov lr, #0",
    "mov r0, sp",
    "bic r1, r0, #7",
    "mov sp, r1",
    "bl {start}",
    ".popsection",
    start = sym super::start,
);

/// Ends the process.
pub(super) fn exit(code: i32) -> ! {
    // SAFETY: `exit_group` does not come back, so it does not matter that `r7` is changed.
    unsafe { asm!("mov r7, #248", "svc 0", in("r0") code, options(noreturn)) }
}
