//! x86-64: `syscall`, number in `rax`, arguments in `rdi rsi rdx r10 r8`; the instruction itself overwrites `rcx` and
//! `r11`.

use core::arch::asm;

/// Makes a system call; returns what the kernel returned, a negative errno included.
///
/// # Safety
/// The call must be sound with these arguments: every pointer among them valid for what the kernel reads or writes
/// there.
#[inline]
pub(in crate::sys) unsafe fn syscall(number: usize, arguments: [usize; 5]) -> isize {
    let result;
    // SAFETY: the registers are those of the kernel's convention, all clobbers are named, and the caller vouches for
    // the arguments.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") arguments[0],
            in("rsi") arguments[1],
            in("rdx") arguments[2],
            in("r10") arguments[3],
            in("r8") arguments[4],
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// System call numbers.
pub(in crate::sys) mod number {
    pub(in crate::sys) const MQ_OPEN: usize = 240;
    pub(in crate::sys) const MQ_UNLINK: usize = 241;
    pub(in crate::sys) const MQ_TIMEDSEND: usize = 242;
    pub(in crate::sys) const MQ_TIMEDRECEIVE: usize = 243;
    pub(in crate::sys) const MQ_NOTIFY: usize = 244;
    pub(in crate::sys) const MQ_GETSETATTR: usize = 245;
    pub(in crate::sys) const PRLIMIT64: usize = 302;
    pub(in crate::sys) const FCNTL: usize = 72;
}
