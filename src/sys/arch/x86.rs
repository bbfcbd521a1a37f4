//! 32-bit x86: `int 0x80`, number in `eax`, arguments in `ebx ecx edx esi edi`.
//!
//! `esi` may not be an operand, and with five arguments no register is left to hold its value, so the number and the
//! fourth argument are read from memory once `esi` is saved. `ebx`, the pointer to the global offset table in
//! position-independent code, is an ordinary operand: the compiler saves it where it must.

use core::arch::asm;

/// Makes a system call; returns what the kernel returned, a negative errno included.
///
/// # Safety
/// The call must be sound with these arguments: every pointer among them valid for what the kernel reads or writes
/// there.
#[inline]
pub(in crate::sys) unsafe fn syscall(number: usize, arguments: [usize; 5]) -> isize {
    let number_and_fourth = [number, arguments[3]];
    let result;
    // SAFETY: the registers are those of the kernel's convention, `esi` is restored, the two words are read before
    // `eax` is overwritten, and the caller vouches for the arguments.
    unsafe {
        asm!(
            "push esi",
            "mov esi, [eax + 4]",
            "mov eax, [eax]",
            "int 0x80",
            "pop esi",
            inlateout("eax") number_and_fourth.as_ptr() => result,
            in("ebx") arguments[0],
            in("ecx") arguments[1],
            in("edx") arguments[2],
            in("edi") arguments[4],
        );
    }
    result
}

/// Makes a system call with a sixth argument, which `ebp` is for: it may be the frame pointer, and is treated as `esi`.
///
/// # Safety
/// As for [`syscall`].
#[inline]
pub(in crate::sys) unsafe fn syscall_six(number: usize, arguments: [usize; 6]) -> isize {
    let number_fourth_sixth = [number, arguments[3], arguments[5]];
    let result;
    // SAFETY: the registers are those of the kernel's convention, `esi` and `ebp` are restored, the three words are
    // read before `eax` is overwritten, and the caller vouches for the arguments.
    unsafe {
        asm!(
            "push esi",
            "push ebp",
            "mov esi, [eax + 4]",
            "mov ebp, [eax + 8]",
            "mov eax, [eax]",
            "int 0x80",
            "pop ebp",
            "pop esi",
            inlateout("eax") number_fourth_sixth.as_ptr() => result,
            in("ebx") arguments[0],
            in("ecx") arguments[1],
            in("edx") arguments[2],
            in("edi") arguments[4],
        );
    }
    result
}

/// System call numbers.
pub(in crate::sys) mod number {
    pub(in crate::sys) const MQ_OPEN: usize = 277;
    pub(in crate::sys) const MQ_UNLINK: usize = 278;
    pub(in crate::sys) const MQ_TIMEDSEND: usize = 279;
    pub(in crate::sys) const MQ_TIMEDRECEIVE: usize = 280;
    pub(in crate::sys) const MQ_NOTIFY: usize = 281;
    pub(in crate::sys) const MQ_GETSETATTR: usize = 282;
    pub(in crate::sys) const PRLIMIT64: usize = 340;
    pub(in crate::sys) const FCNTL: usize = 221;
    pub(in crate::sys) const MQ_TIMEDSEND_TIME64: usize = 418;
    pub(in crate::sys) const MQ_TIMEDRECEIVE_TIME64: usize = 419;
    pub(in crate::sys) const FUTEX: usize = 240;
    pub(in crate::sys) const FUTEX_TIME64: usize = 422;
    pub(in crate::sys) const PPOLL: usize = 309;
    pub(in crate::sys) const PPOLL_TIME64: usize = 414;
    pub(in crate::sys) const CLOCK_GETTIME: usize = 265;
}
