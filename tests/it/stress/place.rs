//! Where a process is that is going to be killed: what it has done is known more exactly then.

use super::actors::Place;

/// Stops a child; where it is then, or how it has ended meanwhile.
pub fn stop(pid: i32) -> Result<Place, i32> {
    if request(libc::PTRACE_ATTACH as _, pid, 0).is_none() {
        return Ok(Place::Unknown);
    }
    let mut status = 0;
    // SAFETY: `status` is a place for the result.
    unsafe { libc::waitpid(pid, &mut status, libc::__WALL) };
    if libc::WIFSTOPPED(status) { Ok(call_of(pid)) } else { Err(status) }
}

/// The call that a stopped child is in.
#[cfg(target_arch = "x86_64")]
fn call_of(pid: i32) -> Place {
    let number = request(libc::PTRACE_PEEKUSER as _, pid, 8 * libc::ORIG_RAX as usize);
    number.map_or(Place::Unknown, Place::Call)
}

/// Its registers have other names elsewhere.
#[cfg(not(target_arch = "x86_64"))]
fn call_of(_: i32) -> Place {
    Place::Unknown
}

/// What the kernel answers, unless it is negative.
fn request(request: u32, pid: i32, address: usize) -> Option<libc::c_long> {
    // SAFETY: the process is a child; no request made here has the kernel write to memory of ours.
    let result = unsafe { libc::ptrace(request as _, pid, address, 0) };
    (result >= 0).then_some(result)
}
