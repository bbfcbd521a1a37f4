//! The floor: the kernel's queue by its system calls, with nothing around them.

use std::ffi::CString;
use std::ptr;

use super::kernel::descriptor;
use super::{Ends, Names, Opened, Queue, Shape};

struct Bare(libc::mqd_t);

pub fn open(names: &Names, shape: Shape) -> Opened {
    Ends::open(names, shape, |name: &CString, shape| Bare(descriptor(name, shape)))
}

impl Queue for Bare {
    #[inline]
    fn send(&self, message: &[u8]) {
        let arguments = [self.0 as usize, message.as_ptr() as usize, message.len(), 0, 0];
        // SAFETY: the message is as long as it says.
        assert_eq!(unsafe { call(libc::SYS_mq_timedsend, arguments) }, 0);
    }

    #[inline]
    fn receive(&self, buffer: &mut [u8]) -> usize {
        let priority = ptr::null_mut::<u32>();
        let arguments = [self.0 as usize, buffer.as_mut_ptr() as usize, buffer.len(), priority as usize, 0];
        // SAFETY: the buffer is as long as it says.
        unsafe { call(libc::SYS_mq_timedreceive, arguments) as usize }
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        // SAFETY: it is this value's own.
        unsafe { libc::close(self.0) };
    }
}

/// # Safety
/// The call must be sound with these arguments.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn call(number: libc::c_long, arguments: [usize; 5]) -> isize {
    let result;
    // SAFETY: the registers are those of the kernel's convention, and the caller vouches for the arguments.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") number as isize => result,
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

/// # Safety
/// The call must be sound with these arguments.
#[cfg(not(target_arch = "x86_64"))]
unsafe fn call(number: libc::c_long, [a, b, c, d, e]: [usize; 5]) -> isize {
    // SAFETY: the caller vouches for the arguments.
    unsafe { libc::syscall(number, a, b, c, d, e) as isize }
}
