//! Which system calls a piece of code makes, by ptrace.
//!
//! The traced process marks its pieces by a system call that nothing else makes: `getppid` with the piece's number as
//! argument.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::ptr::null_mut;

use super::{Lacking, Peer};

/// A system call as the kernel was asked for it.
#[derive(Clone, Debug)]
pub struct Call {
    pub number: libc::c_long,
    pub arguments: [u64; 6],
    /// The time that a timed call of a queue, or `poll`, was given: seconds and nanoseconds.
    pub time: Option<[i64; 2]>,
}

const PTRACE_GET_SYSCALL_INFO: u32 = 0x420e;
const ENTRY: u64 = 1;
/// A stop at a system call, as PTRACE_O_TRACESYSGOOD tells it from a signal.
const AT_CALL: i32 = libc::SIGTRAP | 0x80;

/// Lets the starter of this process trace it.
pub fn be_traced() {
    // SAFETY: takes no pointer.
    let result = unsafe { libc::ptrace(libc::PTRACE_TRACEME as _, 0, null_mut::<u8>(), null_mut::<u8>()) };
    if result != 0 {
        // The starter will see the end of a process that never stopped.
        std::process::exit(0);
    }
    // SAFETY: stops the process until its tracer is ready.
    unsafe { libc::raise(libc::SIGSTOP) };
}

/// Does `work` as the piece of this number, above 0.
pub fn piece<T>(number: u32, work: impl FnOnce() -> T) -> T {
    mark(number);
    let result = work();
    mark(0);
    result
}

fn mark(number: u32) {
    // SAFETY: the call has no arguments, so the kernel looks at none.
    unsafe { libc::syscall(libc::SYS_getppid, libc::c_long::from(number)) };
}

/// Runs a process that lets itself be traced; the calls of each of its pieces.
pub fn calls_of(command: &mut Command) -> Result<BTreeMap<u64, Vec<Call>>, Lacking> {
    let peer = Peer::start(command);
    let lacking = || Lacking("ptrace".into());
    if wait(peer.pid()).is_none() {
        return Err(lacking());
    }
    // Signals of the tracee itself would show as other stops; it gets none.
    let options = libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_EXITKILL;
    request(libc::PTRACE_SETOPTIONS as _, peer.pid(), 0, options as usize).ok_or_else(lacking)?;
    let memory = File::open(format!("/proc/{}/mem", peer.pid())).map_err(|_| lacking())?;
    let mut pieces: BTreeMap<u64, Vec<Call>> = BTreeMap::new();
    let mut current = 0;
    loop {
        request(libc::PTRACE_SYSCALL as _, peer.pid(), 0, 0).expect("the tracee is stopped");
        let Some(signal) = wait(peer.pid()) else { return Ok(pieces) };
        assert_eq!(signal, AT_CALL, "the tracee got a signal");
        let Some(call) = entered(peer.pid(), &memory).ok_or_else(lacking)? else { continue };
        if call.number == libc::SYS_getppid {
            current = call.arguments[0];
            pieces.entry(current).or_default();
        } else {
            pieces.entry(current).or_default().push(call);
        }
    }
}

/// Runs a process that lets itself be traced, and kills it at one of its stops within a piece: they are before and
/// after each system call. Whether it came to that stop before the piece was over.
pub fn kill_at_stop(command: &mut Command, piece: u64, stop: usize) -> Result<bool, Lacking> {
    let peer = Peer::start(command);
    let lacking = || Lacking("ptrace".into());
    if wait(peer.pid()).is_none() {
        return Err(lacking());
    }
    let options = libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_EXITKILL;
    request(libc::PTRACE_SETOPTIONS as _, peer.pid(), 0, options as usize).ok_or_else(lacking)?;
    let memory = File::open(format!("/proc/{}/mem", peer.pid())).map_err(|_| lacking())?;
    let (mut is_inside, mut stops) = (false, 0);
    let was_in_time = loop {
        request(libc::PTRACE_SYSCALL as _, peer.pid(), 0, 0).expect("the tracee is stopped");
        let signal = wait(peer.pid()).expect("the piece ends before the process does");
        assert_eq!(signal, AT_CALL, "the tracee got a signal");
        match entered(peer.pid(), &memory).ok_or_else(lacking)? {
            Some(call) if call.number == libc::SYS_getppid && call.arguments[0] == piece => is_inside = true,
            Some(call) if call.number == libc::SYS_getppid && is_inside => break false,
            _ if is_inside && stops == stop => break true,
            _ => stops += usize::from(is_inside),
        }
    };
    drop(peer.kill_now());
    Ok(was_in_time)
}

/// Waits until the tracee stops; by which signal, or nothing if it has ended well.
fn wait(pid: i32) -> Option<i32> {
    let mut status = 0;
    // SAFETY: `status` is a place for the result.
    let waited = unsafe { libc::waitpid(pid, &mut status, libc::__WALL) };
    assert_eq!(waited, pid);
    if libc::WIFSTOPPED(status) {
        return Some(libc::WSTOPSIG(status));
    }
    assert_eq!(status, 0, "the tracee failed");
    None
}

fn request(request: u32, pid: i32, address: usize, data: usize) -> Option<libc::c_long> {
    // SAFETY: the tracee is ours and stopped; `data` is a number, or the place that `entered` has for the answer.
    let result = unsafe { libc::ptrace(request as _, pid, address, data) };
    (result >= 0).then_some(result)
}

/// The call at whose entry the tracee stands; nothing inside if it stands at an exit, nothing at all if the kernel
/// cannot tell.
fn entered(pid: i32, memory: &File) -> Option<Option<Call>> {
    // The operation and the architecture, two pointers, the number, the arguments, as `struct ptrace_syscall_info` has
    // them.
    let mut info = [0_u64; 11];
    request(PTRACE_GET_SYSCALL_INFO, pid, size_of_val(&info), info.as_mut_ptr().expose_provenance())?;
    // The operation is the first byte, on machines of either byte order.
    if u64::from(info[0].to_ne_bytes()[0]) != ENTRY {
        return Some(None);
    }
    let number = info[3] as libc::c_long;
    let mut call = Call { number, arguments: info[4..10].try_into().expect("six of them"), time: None };
    if let Some(place) = place_of_time(&call).filter(|place| *place != 0) {
        let mut bytes = [0; 16];
        memory.read_exact_at(&mut bytes, place).expect("the time lies in the tracee's memory");
        let part = |at: usize| i64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight of them"));
        call.time = Some([part(0), part(8)]);
    }
    Some(Some(call))
}

fn place_of_time(call: &Call) -> Option<u64> {
    // The numbers from 403 on are the same everywhere, and their times have 64 bits.
    match call.number {
        libc::SYS_ppoll | 414 => Some(call.arguments[2]),
        libc::SYS_mq_timedsend | libc::SYS_mq_timedreceive | 418 | 419 => Some(call.arguments[4]),
        _ => None,
    }
}
