//! Filters of system calls.

use syscalls::{Errno, Sysno, syscall};

/// One instruction of a filter: the kernel's `struct sock_filter`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Instruction {
    code: u16,
    on_true: u8,
    on_false: u8,
    operand: u32,
}

/// The kernel's `struct sock_fprog`.
#[repr(C)]
struct Program {
    length: u16,
    instructions: *const Instruction,
}

/// From now on, system calls with these numbers get ENOSYS, for good. `false` if the kernel has no filters.
pub fn forget_calls(first: usize, last: usize) -> bool {
    const LOAD_NUMBER: u16 = 0x20;
    const IF_AT_LEAST: u16 = 0x35;
    const IF_ABOVE: u16 = 0x25;
    const RETURN: u16 = 0x06;
    const ALLOW: u32 = 0x7fff_0000;
    const ERRNO: u32 = 0x0005_0000;
    let instruction = |code, on_true, on_false, operand| Instruction { code, on_true, on_false, operand };
    let instructions = [
        instruction(LOAD_NUMBER, 0, 0, 0),
        instruction(IF_AT_LEAST, 0, 2, first as u32),
        instruction(IF_ABOVE, 1, 0, last as u32),
        instruction(RETURN, 0, 0, ERRNO | Errno::ENOSYS.into_raw() as u32),
        instruction(RETURN, 0, 0, ALLOW),
    ];
    let program = Program { length: instructions.len() as u16, instructions: instructions.as_ptr() };
    rustix::thread::set_no_new_privs(true).expect("rights can be given up");
    // SAFETY: the program and its instructions live until the call returns.
    unsafe { syscall!(Sysno::seccomp, 1, 0, &raw const program) }.is_ok()
}

/// Whether the kernel knows a call of this number, which must refuse arguments of zero.
#[cfg(target_pointer_width = "32")]
pub fn knows_call(number: usize) -> bool {
    // SAFETY: no pointer is given.
    let result = unsafe { syscalls::raw::syscall5(number, usize::MAX, 0, 0, 0, 0) };
    Errno::from_ret(result) != Err(Errno::ENOSYS)
}
