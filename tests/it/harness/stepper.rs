//! Another process, stopped after each instruction.

use std::process::Command;
use std::ptr::null_mut;

use super::{Lacking, Peer};

/// Runs a process that lets itself be traced (see `tracer::be_traced`), and calls `look` after each of its instructions
/// from there on, until that says that it has seen enough. Then the process is killed. How many instructions it was.
pub fn step_through(command: &mut Command, mut look: impl FnMut() -> bool) -> Result<usize, Lacking> {
    let peer = Peer::start(command);
    let lacking = || Lacking("ptrace".into());
    if !stops(peer.pid()) {
        return Err(lacking());
    }
    let mut steps = 0;
    while look() {
        step(peer.pid()).ok_or_else(lacking)?;
        assert!(stops(peer.pid()), "the process ended after {steps} instructions");
        steps += 1;
    }
    drop(peer.kill_now());
    Ok(steps)
}

fn step(pid: i32) -> Option<()> {
    // SAFETY: the tracee is ours and stopped; no pointer is used.
    let result = unsafe { libc::ptrace(libc::PTRACE_SINGLESTEP as _, pid, null_mut::<u8>(), null_mut::<u8>()) };
    (result == 0).then_some(())
}

/// Waits until the tracee stops; whether it did, rather than end.
fn stops(pid: i32) -> bool {
    let mut status = 0;
    // SAFETY: `status` is a place for the result.
    let waited = unsafe { libc::waitpid(pid, &mut status, libc::__WALL) };
    assert_eq!(waited, pid);
    libc::WIFSTOPPED(status)
}
