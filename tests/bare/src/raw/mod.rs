//! The system calls that rustix has not: processes here, signals, filters.

mod filter;
mod signals;

use core::ffi::c_char;
use core::ptr;

use rustix::process::Pid;
use syscalls::{Errno, Sysno, syscall};

#[cfg(target_pointer_width = "32")]
pub use filter::knows_call;
pub use filter::{Rule, refuse};
pub use signals::{Signal, block_signal, handle_signal, take_signal};

/// The signal that a child's end makes.
const SIGCHLD: usize = 17;

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
