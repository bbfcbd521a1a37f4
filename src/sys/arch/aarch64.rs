//! AArch64: `svc 0`, number in `x8`, arguments in `x0`–`x4`.
//!
//! The kernel keeps all registers but may discard the scalable part of the SVE state (the predicates, and the vector
//! registers beyond 128 bits), so code compiled for SVE must not keep it over a call. (Other code need not save
//! any vector register for it.)

use core::arch::asm;

pub(in crate::sys) use super::generic as number;

/// The instruction with its operands.
#[cfg(not(target_feature = "sve"))]
macro_rules! call {
    ($($operands:tt)*) => {
        asm!("svc 0", $($operands)* options(nostack))
    };
}

/// The instruction with its operands, and with all registers that may hold scalable state as clobbers.
#[cfg(target_feature = "sve")]
macro_rules! call {
    ($($operands:tt)*) => {
        asm!(
            "svc 0",
            $($operands)*
            lateout("v0") _, lateout("v1") _, lateout("v2") _, lateout("v3") _,
            lateout("v4") _, lateout("v5") _, lateout("v6") _, lateout("v7") _,
            lateout("v8") _, lateout("v9") _, lateout("v10") _, lateout("v11") _,
            lateout("v12") _, lateout("v13") _, lateout("v14") _, lateout("v15") _,
            lateout("v16") _, lateout("v17") _, lateout("v18") _, lateout("v19") _,
            lateout("v20") _, lateout("v21") _, lateout("v22") _, lateout("v23") _,
            lateout("v24") _, lateout("v25") _, lateout("v26") _, lateout("v27") _,
            lateout("v28") _, lateout("v29") _, lateout("v30") _, lateout("v31") _,
            lateout("p0") _, lateout("p1") _, lateout("p2") _, lateout("p3") _,
            lateout("p4") _, lateout("p5") _, lateout("p6") _, lateout("p7") _,
            lateout("p8") _, lateout("p9") _, lateout("p10") _, lateout("p11") _,
            lateout("p12") _, lateout("p13") _, lateout("p14") _, lateout("p15") _,
            lateout("ffr") _,
            options(nostack),
        )
    };
}

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
        call!(
            in("x8") number,
            inlateout("x0") arguments[0] => result,
            in("x1") arguments[1],
            in("x2") arguments[2],
            in("x3") arguments[3],
            in("x4") arguments[4],
        );
    }
    result
}
