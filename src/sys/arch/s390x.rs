//! s390x: `svc 0`, number in `r1`, arguments in `r2`–`r6`.
//!
//! Not supported: rustix makes its own system calls there only with `--cfg rustix_use_experimental_asm` and a nightly
//! compiler. It is here since the tests run on it, to show that nothing depends on the order of bytes.

use core::arch::asm;

/// Makes a system call; returns what the kernel returned, a negative errno included.
///
/// # Safety
/// The call must be sound with these arguments: every pointer among them valid for what the kernel reads or writes
/// there.
#[inline]
pub(in crate::sys) unsafe fn syscall(number: usize, arguments: [usize; 5]) -> isize {
    let result;
    // SAFETY: the registers are those of the kernel's convention, and the caller vouches for the arguments.
    unsafe {
        asm!(
            "svc 0",
            in("r1") number,
            inlateout("r2") arguments[0] => result,
            in("r3") arguments[1],
            in("r4") arguments[2],
            in("r5") arguments[3],
            in("r6") arguments[4],
            options(nostack),
        );
    }
    result
}

/// System call numbers.
pub(in crate::sys) mod number {
    pub(in crate::sys) const MQ_OPEN: usize = 271;
    pub(in crate::sys) const MQ_UNLINK: usize = 272;
    pub(in crate::sys) const MQ_TIMEDSEND: usize = 273;
    pub(in crate::sys) const MQ_TIMEDRECEIVE: usize = 274;
    pub(in crate::sys) const MQ_NOTIFY: usize = 275;
    pub(in crate::sys) const MQ_GETSETATTR: usize = 276;
    pub(in crate::sys) const PRLIMIT64: usize = 334;
    pub(in crate::sys) const FCNTL: usize = 55;
}
