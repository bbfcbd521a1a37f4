//! The system calls that rustix has not: processes, signals, filters.

use core::ffi::c_char;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rustix::process::Pid;
use syscalls::{Errno, Sysno, syscall};

/// The signal that a child's end makes.
const SIGCHLD: usize = 17;
/// The bytes of a set of signals.
const SET: usize = 8;

/// Forks this process; `None` in the child.
pub fn fork() -> Option<Pid> {
    // The child goes on with a copy of this stack. On s390x the stack is the first argument.
    let arguments = if cfg!(target_arch = "s390x") { [0, SIGCHLD] } else { [SIGCHLD, 0] };
    // SAFETY: the process has one thread, and so a child that is as whole as itself.
    let result = unsafe { syscall!(Sysno::clone, arguments[0], arguments[1], 0, 0, 0) };
    Pid::from_raw(result.expect("there is room for a process") as i32)
}

/// Becomes another program. The first argument is its path.
pub fn execute(arguments: &[*const c_char]) -> Errno {
    assert!(arguments.last().is_some_and(|last| last.is_null()), "the list has an end");
    let environment: [*const c_char; 1] = [ptr::null()];
    // SAFETY: the arguments end with a null pointer; the others point to strings that end in a NUL.
    unsafe { syscall!(Sysno::execve, arguments[0], arguments.as_ptr(), environment.as_ptr()) }
        .expect_err("it does not come back")
}

/// Keeps a signal from being delivered, for `take_signal`.
pub fn block_signal(number: i32) {
    let set = 1_u64 << (number - 1);
    // SAFETY: the set is one; the old one is not asked for.
    unsafe { syscall!(Sysno::rt_sigprocmask, 0, &raw const set, 0, SET) }.expect("a signal can be blocked");
}

/// What came with a signal.
#[derive(Debug, PartialEq, Eq)]
pub struct Signal {
    pub code: i32,
    pub process: i32,
    pub value: usize,
}

/// The kernel's `siginfo_t`, of a signal with a value.
#[repr(C, align(8))]
struct SignalInfo {
    number: i32,
    errno: i32,
    code: i32,
    rest: SignalRest,
    room: [u64; 13],
}

/// Aligned as a union with pointers in it.
#[repr(C)]
#[cfg_attr(target_pointer_width = "64", repr(align(8)))]
struct SignalRest {
    process: i32,
    user: u32,
    value: usize,
}

/// Takes a blocked signal if it is pending.
pub fn take_signal(number: i32) -> Option<Signal> {
    let set = 1_u64 << (number - 1);
    let mut info =
        SignalInfo { number: 0, errno: 0, code: 0, rest: SignalRest { process: 0, user: 0, value: 0 }, room: [0; 13] };
    // No time, as a `timespec` of either width.
    let now = [0_u64; 2];
    // SAFETY: the set is one, there is room for a whole `siginfo_t`, and the kernel only reads the time.
    let result = unsafe { syscall!(Sysno::rt_sigtimedwait, &raw const set, &raw mut info, &raw const now, SET) };
    match result {
        Ok(_) => Some(Signal { code: info.code, process: info.rest.process, value: info.rest.value }),
        Err(errno) => {
            assert_eq!(errno, Errno::EAGAIN);
            None
        }
    }
}

/// The kernel's `struct sigaction`.
#[repr(C)]
struct Action {
    handler: extern "C" fn(i32),
    flags: usize,
    #[cfg(not(target_arch = "riscv64"))]
    restorer: usize,
    mask: u64,
}

/// Whether the handler was called.
pub static HANDLED: AtomicBool = AtomicBool::new(false);

extern "C" fn handler(_: i32) {
    HANDLED.store(true, Relaxed);
}

/// Has a signal call a handler that interrupts waits.
pub fn handle_signal(number: i32) {
    let action = Action {
        handler,
        flags: if cfg!(target_arch = "x86_64") { 0x0400_0000 } else { 0 },
        #[cfg(not(target_arch = "riscv64"))]
        restorer: restorer(),
        mask: 0,
    };
    // SAFETY: the action is one, and its handler does nothing but to store to an atomic.
    unsafe { syscall!(Sysno::rt_sigaction, number, &raw const action, 0, SET) }.expect("a handler can be set");
}

#[cfg(target_arch = "x86_64")]
core::arch::global_asm!(".globl bare_restorer", "bare_restorer:", "mov eax, 15", "syscall");

/// Where a handler returns to: on x86-64 the kernel leaves it to the program.
#[cfg(target_arch = "x86_64")]
fn restorer() -> usize {
    unsafe extern "C" {
        safe fn bare_restorer();
    }
    bare_restorer as *const () as usize
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "riscv64")))]
fn restorer() -> usize {
    0
}

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
