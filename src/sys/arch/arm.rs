//! 32-bit ARM (EABI), in ARM and Thumb state: `svc 0`, number in `r7`, arguments in `r0`–`r5`.
//!
//! In Thumb state `r7` is the frame pointer and may not be an operand, so it is moved aside and back around the call;
//! the same instructions serve ARM state, where that costs two moves.

use core::arch::asm;

/// Makes a system call; returns what the kernel returned, a negative errno included.
///
/// # Safety
/// The call must be sound with these arguments: every pointer among them valid for what the kernel reads or writes
/// there.
#[inline]
pub(in crate::sys) unsafe fn syscall(number: usize, arguments: [usize; 5]) -> isize {
    let result;
    // SAFETY: the registers are those of the kernel's convention, `r7` is restored, and the caller vouches for the
    // arguments.
    unsafe {
        asm!(
            "mov {saved}, r7",
            "mov r7, {number}",
            "svc 0",
            "mov r7, {saved}",
            saved = out(reg) _,
            number = in(reg) number,
            inlateout("r0") arguments[0] => result,
            in("r1") arguments[1],
            in("r2") arguments[2],
            in("r3") arguments[3],
            in("r4") arguments[4],
            options(nostack),
        );
    }
    result
}

/// Makes a system call with a sixth argument.
///
/// # Safety
/// As for [`syscall`].
#[inline]
pub(in crate::sys) unsafe fn syscall_six(number: usize, arguments: [usize; 6]) -> isize {
    let result;
    // SAFETY: the registers are those of the kernel's convention, `r7` is restored, and the caller vouches for the
    // arguments.
    unsafe {
        asm!(
            "mov {saved}, r7",
            "mov r7, {number}",
            "svc 0",
            "mov r7, {saved}",
            saved = out(reg) _,
            number = in(reg) number,
            inlateout("r0") arguments[0] => result,
            in("r1") arguments[1],
            in("r2") arguments[2],
            in("r3") arguments[3],
            in("r4") arguments[4],
            in("r5") arguments[5],
            options(nostack),
        );
    }
    result
}

/// System call numbers.
pub(in crate::sys) mod number {
    pub(in crate::sys) const MQ_OPEN: usize = 274;
    pub(in crate::sys) const MQ_UNLINK: usize = 275;
    pub(in crate::sys) const MQ_TIMEDSEND: usize = 276;
    pub(in crate::sys) const MQ_TIMEDRECEIVE: usize = 277;
    pub(in crate::sys) const MQ_NOTIFY: usize = 278;
    pub(in crate::sys) const MQ_GETSETATTR: usize = 279;
    pub(in crate::sys) const PRLIMIT64: usize = 369;
    pub(in crate::sys) const FCNTL: usize = 221;
    pub(in crate::sys) const MQ_TIMEDSEND_TIME64: usize = 418;
    pub(in crate::sys) const MQ_TIMEDRECEIVE_TIME64: usize = 419;
    pub(in crate::sys) const FUTEX: usize = 240;
    pub(in crate::sys) const FUTEX_TIME64: usize = 422;
    pub(in crate::sys) const PPOLL: usize = 336;
    pub(in crate::sys) const PPOLL_TIME64: usize = 414;
    pub(in crate::sys) const CLOCK_GETTIME: usize = 263;
}
