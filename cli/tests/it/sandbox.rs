//! What a test takes away from the tool between fork and exec.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Runs `prepare` in the child before the program starts. It must not allocate.
fn before_exec(command: &mut Command, prepare: impl FnMut() -> io::Result<()> + Send + Sync + 'static) -> &mut Command {
    // SAFETY: each `prepare` of this module makes system calls and nothing else.
    unsafe { command.pre_exec(prepare) }
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Files created by the child have no rights for group and others.
pub(super) fn with_umask(command: &mut Command, mask: libc::mode_t) -> &mut Command {
    before_exec(command, move || {
        // SAFETY: it changes nothing but the child's mask.
        unsafe { libc::umask(mask) };
        Ok(())
    })
}

/// The mode of objects holds for the child, even if the tests run as root.
pub(super) fn without_privilege(command: &mut Command) -> &mut Command {
    const CAP_DAC_OVERRIDE: libc::c_ulong = 1;
    const CAP_DAC_READ_SEARCH: libc::c_ulong = 2;
    before_exec(command, || {
        for capability in [CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH] {
            // SAFETY: it changes nothing but the child's bounding set. Who may not change it has no such privilege to
            // lose.
            unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
        }
        Ok(())
    })
}

/// The child may not mount anything, even if the tests run as root.
pub(super) fn without_mounting(command: &mut Command) -> &mut Command {
    const CAP_SYS_ADMIN: libc::c_ulong = 21;
    before_exec(command, || {
        // SAFETY: it changes nothing but the child's bounding set.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0) };
        Ok(())
    })
}

/// The child ignores a signal, as under `nohup`.
pub(super) fn ignoring(command: &mut Command, signal: libc::c_int) -> &mut Command {
    before_exec(command, move || {
        // SAFETY: no handler is installed.
        check(if unsafe { libc::signal(signal, libc::SIG_IGN) } == libc::SIG_ERR { -1 } else { 0 })
    })
}

/// The child is alone in the foreground of the terminal that its standard error is.
pub(super) fn on_its_terminal(command: &mut Command) -> &mut Command {
    before_exec(command, || {
        // SAFETY: no pointers.
        let session = unsafe { libc::setsid() };
        check(if session < 0 { -1 } else { 0 })?;
        // SAFETY: no pointers.
        check(unsafe { libc::ioctl(2, libc::TIOCSCTTY, 0) })
    })
}

/// The child has at most so much memory, of every sort.
pub(super) fn with_memory(command: &mut Command, bytes: libc::rlim_t) -> &mut Command {
    before_exec(command, move || {
        let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
        // SAFETY: `limit` outlives the call.
        check(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) })
    })
}

/// Which calls of `mq_open` fail.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    Any,
    /// Those that do not create a queue.
    Existing,
}

/// Calls of `mq_open` fail with this errno, for the child and its children.
pub(super) fn without_opening(command: &mut Command, opening: Opening, errno: libc::c_int) -> &mut Command {
    const NUMBER: u32 = 0; // The offsets in `seccomp_data`.
    const FLAGS: u32 = 24;
    let load = |offset| instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset);
    let give_back = |value| instruction(libc::BPF_RET | libc::BPF_K, 0, 0, value);
    // Where the program is to answer for creating calls as for the others, no bit of the flags is looked at.
    let creating = if opening == Opening::Existing { libc::O_CREAT as u32 } else { 0 };
    let filter = [
        load(NUMBER),
        instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 3, libc::SYS_mq_open as u32),
        load(FLAGS),
        instruction(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, 1, 0, creating),
        give_back(libc::SECCOMP_RET_ERRNO | errno as u32),
        give_back(libc::SECCOMP_RET_ALLOW),
    ];
    before_exec(command, move || {
        let mut filter = filter;
        let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
        // SAFETY: no pointers.
        check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
        // SAFETY: the program and its instructions outlive the call, which copies them.
        check(unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) })
    })
}

fn instruction(code: u32, if_true: u8, if_false: u8, value: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: if_true, jf: if_false, k: value }
}
