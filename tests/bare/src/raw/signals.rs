//! Signals: taken without a handler, or with one that interrupts waits.

use syscalls::{Errno, Sysno, syscall};

/// The bytes of a set of signals.
const SET: usize = 8;

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
    #[cfg(target_pointer_width = "32")]
    let result = match result {
        // SAFETY: as above.
        Err(Errno::ENOSYS) => unsafe {
            syscall!(Sysno::rt_sigtimedwait_time64, &raw const set, &raw mut info, &raw const now, SET)
        },
        result => result,
    };
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

extern "C" fn handler(_: i32) {}

/// Has a signal call a handler that interrupts waits.
pub fn handle_signal(number: i32) {
    let action = Action {
        handler,
        flags: if cfg!(target_arch = "x86_64") { 0x0400_0000 } else { 0 },
        #[cfg(not(target_arch = "riscv64"))]
        restorer: restorer(),
        mask: 0,
    };
    // SAFETY: the action is one, and its handler does nothing.
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
