//! s390x: the stack is aligned to 8 bytes at all times, and a function may write to the 160 bytes above it.

use core::arch::{asm, global_asm};

global_asm!(
    ".pushsection .text._start, \"ax\", @progbits",
    ".globl _start",
    "_start:",
    "lgr %r2, %r15",
    "aghi %r15, -160",
    "xc 0(8, %r15), 0(%r15)",
    "jg {start}",
    ".popsection",
    start = sym super::start,
);

/// Ends the process.
pub(super) fn exit(code: i32) -> ! {
    // SAFETY: `exit_group` does not come back.
    unsafe { asm!("svc 0", "j .+2", in("r1") 248, in("r2") code, options(noreturn)) }
}
