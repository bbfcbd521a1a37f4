//! RISC-V, 64-bit: `ecall`, number in `a7`, arguments in `a0`–`a4`.
//!
//! The kernel discards the vector state at every call, so all vector registers are declared as clobbered; `vl`, `vtype`
//! and `vcsr` are so by default, since the `preserves_flags` option is not given.

use core::arch::asm;

pub(in crate::sys) use super::generic as number;

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
            "ecall",
            in("a7") number,
            inlateout("a0") arguments[0] => result,
            in("a1") arguments[1],
            in("a2") arguments[2],
            in("a3") arguments[3],
            in("a4") arguments[4],
            lateout("v0") _, lateout("v1") _, lateout("v2") _, lateout("v3") _,
            lateout("v4") _, lateout("v5") _, lateout("v6") _, lateout("v7") _,
            lateout("v8") _, lateout("v9") _, lateout("v10") _, lateout("v11") _,
            lateout("v12") _, lateout("v13") _, lateout("v14") _, lateout("v15") _,
            lateout("v16") _, lateout("v17") _, lateout("v18") _, lateout("v19") _,
            lateout("v20") _, lateout("v21") _, lateout("v22") _, lateout("v23") _,
            lateout("v24") _, lateout("v25") _, lateout("v26") _, lateout("v27") _,
            lateout("v28") _, lateout("v29") _, lateout("v30") _, lateout("v31") _,
            options(nostack),
        );
    }
    result
}
